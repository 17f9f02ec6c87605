"""Arrays, axes, geometries and responses with every kind of number, drawn by Hypothesis."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bayesmap.dataset import MapDataset, SpectrumDatasetOnOff
from bayesmap.errors import BayesmapError
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.parameter import Parameter
from bayesmap.units import to_float64
from fuzzing.numbers import unusable

EXAMPLES = 4
"""Objects that a case draws."""
special = st.sampled_from([0.0, -0.0, -1.0, 1.0, 0.5, np.nan, np.inf, -np.inf, 5e-324, 1e-300, 1e300, 1.7e308, 3e9])
numbers = st.one_of(special, st.floats(allow_nan=True, allow_infinity=True))
usual = st.floats(0.01, 100.0)
units = st.sampled_from(["", "TeV", "GeV", "keV", "deg", "rad", "cm2 s", "m2 s", "sr-1", "s", "banana", "m2 TeV"])


def numeric(shape: Any, *, mostly: st.SearchStrategy[float] = usual) -> st.SearchStrategy[Any]:
    """Return arrays of a shape: mostly of usual numbers, with one of any kind put in."""
    plain = hnp.arrays(np.float64, shape, elements=mostly)
    return st.builds(_with, plain, numbers, st.integers(0, 10**6), st.booleans())


def _with(array: Any, value: float, place: int, change: bool) -> Any:
    made = array.copy()
    if change and made.size:
        made.reshape(-1)[place % made.size] = value
    return made


def _summed(start: float, steps: Any) -> Any:
    with np.errstate(all="ignore"):
        return start + np.cumsum(steps)


increasing = st.builds(lambda steps, start: _summed(start, steps), numeric(st.integers(1, 6)), usual)


names = st.sampled_from(["energy", "energy_true", "rad", "migra", "x"])
axes = st.builds(
    lambda nodes, name, unit, interp, kind: MapAxis(name, nodes, unit, interp, kind),
    st.one_of(increasing, numeric(st.integers(0, 4)), numeric((2, 2))), names, units,
    st.sampled_from(["log", "lin", "sqrt"]), st.sampled_from(["edges", "center", "x"]),
)  # fmt: skip
geometries = st.builds(
    lambda lon, lat, n, step, frame, proj: WcsGeom.create(
        skydir=(lon, lat), npix=n, binsz=step, frame=frame, proj=proj
    ),
    numbers, numbers, st.tuples(st.integers(-1, 8), st.integers(0, 8)), st.one_of(usual, numbers),
    st.sampled_from(["icrs", "galactic", "fk5", "fk4", "x"]),
    st.sampled_from(["CAR", "TAN", "AIT", "SIN", "XXX", "HPX"]),
)  # fmt: skip

AXIS = MapAxis.from_energy_bounds(0.5, 20.0, 3)
TRUE = MapAxis.from_energy_bounds(0.3, 30.0, 4, name="energy_true")
IMAGE = WcsGeom.create(skydir=(83.6, 22.0), npix=(3, 2), binsz=0.1, proj="TAN")
RECO_MAP, TRUE_MAP = IMAGE.with_axes((AXIS,)), IMAGE.with_axes((TRUE,))
shapes = st.sampled_from([(3, 2, 3), (4, 2, 3), (3, 3, 2), (3, 2, 4), (6,), ()])


def _maybe(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(shape), st.just(shape), st.just(shape), shapes)


@st.composite
def datasets(draw: Any) -> Any:
    """Draw a map data set."""
    counts = draw(numeric(draw(_maybe(RECO_MAP.shape)), mostly=st.integers(0, 9).map(float)))
    mask = draw(st.one_of(st.none(), hnp.arrays(bool, RECO_MAP.shape)))
    background = draw(st.one_of(st.none(), numeric(RECO_MAP.shape)))
    edisp = draw(st.one_of(st.none(), numeric((4, 3), mostly=st.floats(0.0, 0.3))))
    return MapDataset(
        name=draw(st.text(max_size=5)),
        counts=WcsNDMap(RECO_MAP, counts),
        exposure=WcsNDMap(TRUE_MAP, draw(numeric(TRUE_MAP.shape)), draw(units)),
        background=None if background is None else WcsNDMap(RECO_MAP, background),
        psf=draw(st.one_of(st.none(), psfs())),
        edisp=None if edisp is None else EnergyDispersion(TRUE, AXIS, edisp),
        mask=None if mask is None else WcsNDMap(RECO_MAP, mask),
        weights=draw(st.one_of(st.none(), numeric(RECO_MAP.shape).map(lambda data: WcsNDMap(RECO_MAP, data / 100)))),
    )


@st.composite
def psfs(draw: Any) -> Any:
    """Draw a table or a kernel; half of the tables are normalised before a number is put in."""
    if draw(st.integers(0, 3)) == 0:
        size = draw(st.sampled_from([(4, 3, 3), (4, 5, 5), (4, 2, 3), (3, 3, 3), (4, 1, 1)]))
        kernel = np.ones(size) / (size[-1] * size[-2])
        return PSFKernel(TRUE, draw(numeric(size)) if draw(st.booleans()) else kernel)
    rad = np.linspace(0.0, 1.0, 12)
    if draw(st.booleans()):
        rad = draw(numeric(12).map(lambda steps: _summed(0.0, steps)))
    width = 0.2
    with np.errstate(all="ignore"):
        table = np.exp(-0.5 * (rad / width) ** 2)[None, :] * np.ones((4, 1))
    fine = np.linspace(0, 1, 20_001)
    density = np.exp(-0.5 * (fine / width) ** 2)
    table = table / (2 * np.pi * np.sum(np.sin(np.deg2rad(fine)) * density) * np.deg2rad(fine[1]))
    place, value, change = draw(st.integers(0, 47)), draw(numbers), draw(st.booleans())
    if change:
        table.reshape(-1)[place] = value
    return RadialPSF(TRUE, rad, table, draw(st.one_of(st.none(), numbers)))


@st.composite
def spectra(draw: Any) -> Any:
    """Draw an On/Off spectrum."""
    whole = st.integers(0, 9).map(float)
    edisp = draw(st.one_of(st.none(), numeric((4, 3), mostly=st.floats(0.0, 0.3))))
    return SpectrumDatasetOnOff(
        name="run", axis=AXIS, axis_true=TRUE,
        counts=draw(numeric(3, mostly=whole)), counts_off=draw(numeric(3, mostly=whole)),
        acceptance=draw(numeric(3)), acceptance_off=draw(numeric(st.sampled_from([1, 3]))),
        exposure=draw(numeric(st.sampled_from([4, 4, 4, 3]))),
        edisp=None if edisp is None else EnergyDispersion(TRUE, AXIS, edisp),
        mask=draw(st.one_of(st.none(), hnp.arrays(bool, 3), numeric(3))),
    )  # fmt: skip


def _checked(dataset: Any) -> list[str]:
    dataset.check()
    return unusable(dataset)


def _axis(axis: Any) -> list[str]:
    if axis.nbin == 1 and axis.node_type == "center":
        return [] if np.all(np.isfinite(axis.nodes)) else ["a node that is not finite"]
    edges, center = axis.edges, axis.center
    laws = {
        "edges not finite or not increasing": np.all(np.isfinite(edges)) and np.all(np.diff(edges) > 0),
        "centres outside their bins": np.all((center >= edges[:-1]) & (center <= edges[1:])),
        "widths not finite": np.all(np.isfinite(axis.bin_width)),
    }
    return [word for word, kept in laws.items() if not kept]


def _geometry(geom: Any) -> list[str]:
    return [] if geom.n_lat >= 1 and geom.n_lon >= 1 and np.all(np.isfinite(geom.center)) else ["no place on the sky"]


def _number(drawn: tuple[Any, str]) -> list[str]:
    array = to_float64(*drawn, "a number")
    return [] if array.dtype == np.float64 else ["no float64"]


def _parameter(fields: dict[str, Any]) -> list[str]:
    made = Parameter("x", **fields)
    inside = not (made.value < made.min) and not (made.value > made.max)
    return [] if np.isfinite(made.value) and inside and not made.error < 0 else [f"accepted {made}"]


def _of_psf(psf: Any) -> list[str]:
    if problems := psf.problems():
        raise problems[0]
    return [] if np.all(np.isfinite(psf.data) & (psf.data >= 0)) else ["accepted a psf that is none"]


STRATEGIES: tuple[tuple[str, tuple[Any, Callable[[Any], list[str]]]], ...] = (
    ("axis", (axes, _axis)),
    ("geometry", (geometries, _geometry)),
    ("map data set", (datasets(), _checked)),
    ("psf", (psfs(), _of_psf)),
    ("spectrum", (spectra(), _checked)),
    ("number", (st.tuples(st.one_of(numbers, numeric(3), st.text(max_size=8), st.none(), st.lists(numbers)), units),
                _number)),
    ("parameter", (st.fixed_dictionaries({"value": numbers, "min": numbers, "max": numbers, "error": numbers}),
                   _parameter)),
)  # fmt: skip


@cache
def warm() -> None:
    """Draw once: Hypothesis makes tables of all characters when it is first used, which is no memory of a case."""
    with contextlib.suppress(BayesmapError):
        drawn((datasets(), _checked), 0)


def drawn(strategy: tuple[Any, Callable[[Any], list[str]]], number: int) -> list[str]:
    """Draw objects and return what is wrong with those that were accepted.

    Parameters
    ----------
    strategy : tuple
        What is drawn, and its laws.
    number : int
        Seed.

    Raises
    ------
    BayesmapError
        If all that was drawn was refused: the last of these errors.
    """
    source, law = strategy
    found: list[str] = []
    accepted: list[bool] = []
    refused: list[BayesmapError] = []

    @seed(number)
    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def look(data: Any) -> None:
        with contextlib.suppress(BayesmapError):
            try:
                found.extend(law(data.draw(source)))
                accepted.append(True)
            except BayesmapError as error:
                refused.append(error)
                raise

    look()
    if refused and not (found or accepted):
        raise refused[-1]
    return found
