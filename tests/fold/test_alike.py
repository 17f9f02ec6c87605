"""Graphs that differ in numbers only are written once; others are told apart."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayesmap.fold.alike import NotAlikeError, groups, template
from tests.fold.plain import MODE

THETA = pt.tensor("theta", dtype="float64", shape=(4,))
VALUES = np.array([0.3, -1.2, 2.5, 0.7])


def graph(k, factor, matrix):
    """Return two outputs of an entry of theta, a number and a matrix."""
    value = pt.exp(THETA[k]) * factor
    return [value, pt.dot(pt.constant(matrix), pt.stack([value, value**2]))]


def evaluate(outputs, given):
    return pytensor.function(list(given), outputs, mode=MODE, on_unused_input="ignore")(*given.values())


def test_the_template_gives_each_graph(rng):
    graphs = [graph(k, 1.5 + k, rng.standard_normal((3, 2))) for k in (2, 0, 3)]
    written = template(graphs)
    assert written.given == (THETA,)
    for n, outputs in enumerate(graphs):
        given = {one: value[n] for one, value in zip(written.own, written.values, strict=True)}
        found = evaluate(list(written.outputs), given | {written.common[0]: VALUES})
        for item, expected in zip(found, evaluate(outputs, {THETA: VALUES}), strict=True):
            np.testing.assert_array_equal(item, expected)


def test_equal_constants_are_no_input(rng):
    matrix = rng.standard_normal((3, 2))
    written = template([graph(k, 2.0, matrix) for k in (0, 1)])
    assert [list(value) for value in written.values] == [[0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        [pt.sin(THETA[1]) * 2.0, THETA[:2]],
        [pt.exp(THETA[1]) * 2.0, THETA[:3]],
        [pt.exp(pt.constant(1.0)) * 2.0, THETA[:2]],
        [pt.exp(THETA[1]) * pytensor.shared(np.array(2.0), name="own"), THETA[:2]],
    ],
    ids=["operation", "slice", "constant", "shared variable"],
)
def test_other_graphs_are_told_apart(other):
    first = [pt.exp(THETA[0]) * 2.0, THETA[:2]]
    with pytest.raises(NotAlikeError):
        template([first, other])


def test_groups():
    graphs = {"a": [THETA[0] * 2.0], "b": [THETA[1] + 1.0], "c": [THETA[2] * 3.0], "d": [THETA[3] + 2.0]}
    assert [names for names, _ in groups(graphs)] == [("a", "c"), ("b", "d")]
