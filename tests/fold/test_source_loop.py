"""The loop over sources: its Ops by hand, evaluated by JAX and from Python."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.fg import FunctionGraph

from bayesmap.fold.ops.sources import Layer, SourceCubes, SourceFlags

SHAPE = (2, 3, 4)
RNG = np.random.default_rng(8)
FLUX, EXPOSURE = RNG.uniform(size=5), RNG.uniform(size=SHAPE)
FLUX[2] = 0.0
MODES = [pytest.param("JAX", id="jax"), pytest.param(pytensor.compile.mode.Mode("py", None), id="perform")]


def layer(with_share):
    """Return an image that adds flux times exposure; with a share, only where the flux is above zero, plus one."""
    cube, flux, exposure = pt.tensor3("cube"), pt.scalar("flux"), pt.tensor3("exposure")
    if not with_share:
        return Layer(FunctionGraph([cube, flux, exposure], [cube + flux * exposure]))
    share = FunctionGraph([flux, exposure], [flux + 0.0 * exposure.sum()])
    graph = FunctionGraph([cube, flux, exposure], [cube + flux * exposure + 1.0])
    return Layer(graph, share, tuple(f"share {k}" for k in range(len(FLUX))))


def evaluate(op, mode):
    inputs = pt.constant(FLUX), pt.constant(EXPOSURE)
    found = op(*inputs)
    return pytensor.function([], found, mode=mode)()


@pytest.mark.parametrize("mode", MODES)
def test_counts_of_all_and_of_each(mode):
    layers = [layer(with_share=False), layer(with_share=True)]
    expected = FLUX[:, None, None, None] * EXPOSURE * 2.0 + (FLUX > 0)[:, None, None, None]
    each = evaluate(SourceCubes(layers, SHAPE, 1, together=False), mode)
    total = evaluate(SourceCubes(layers, SHAPE, 1, together=True), mode)
    np.testing.assert_allclose(each, expected, rtol=1e-14)
    np.testing.assert_allclose(total, expected.sum(axis=0), rtol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_flags_of_each(mode):
    flux, exposure = pt.scalar("flux"), pt.tensor3("exposure")
    graph = FunctionGraph([flux, exposure], [flux * exposure.sum(), flux > 0.5])
    product, bright = evaluate(SourceFlags(graph, 1), mode)
    np.testing.assert_allclose(product, FLUX * EXPOSURE.sum(), rtol=1e-14)
    np.testing.assert_array_equal(bright, FLUX > 0.5)


def test_loops_are_equal_to_themselves_alone():
    """Two loops may hold different graphs: PyTensor must not merge them."""
    first, second = (SourceCubes([layer(with_share=False)], SHAPE, 1, together=True) for _ in range(2))
    assert first != second
    assert SourceFlags(FunctionGraph([], []), 0) != SourceFlags(FunctionGraph([], []), 0)
