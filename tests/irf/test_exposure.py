"""Exposure inside true-energy bins."""

import numpy as np
import pytest

from bayesmap.irf.exposure import bin_exposure
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap

EDGES = np.array([1.0, 2.0, 8.0, 10.0])
CENTRES = np.sqrt(EDGES[1:] * EDGES[:-1])


def exposure_map(axis, values):
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(2, 2), binsz=0.5, frame="galactic", proj="CAR").with_axes((axis,))
    return WcsNDMap(geom, np.repeat(values, 4).reshape(len(values), 2, 2), "cm2 s")


def edges_map(values):
    return exposure_map(MapAxis.from_edges(EDGES, name="energy_true", unit="TeV", interp="log"), values)


def test_binned_stays_as_it_is():
    binned = bin_exposure(edges_map(np.array([1.0, 3.0, 2.0])), pad=1)
    assert binned.edges.tolist() == EDGES.tolist()
    assert binned.slope.tolist() == [0.0, 0.0, 0.0]
    assert binned.data[:, 1, 1] == pytest.approx([1.0, 3.0, 2.0])


def test_a_power_law_is_interpolated_exactly():
    binned = bin_exposure(edges_map(5.0 * CENTRES**1.7), pad=1, energy_integration="interpolated")
    inside = np.isin(EDGES, binned.edges)
    assert inside.all()
    assert np.all(np.diff(np.log(binned.edges)) <= 0.1 + 1e-12)
    assert binned.slope == pytest.approx(np.full(len(binned.slope), 1.7))
    assert binned.data[:, 1, 1] == pytest.approx(5.0 * binned.axis.center**1.7)


def test_beside_a_zero_a_bin_keeps_its_own_value():
    binned = bin_exposure(edges_map(np.array([0.0, 3.0, 3.0])), pad=0, energy_integration="interpolated")
    first = binned.axis.center < EDGES[1]
    assert np.all(binned.data[first] == 0.0)
    assert binned.data[~first] == pytest.approx(3.0)


def test_nodes_are_interpolated_either_way():
    axis = MapAxis.from_nodes(np.array([1.0, 10.0]), name="energy_true", unit="TeV", interp="log")
    given = exposure_map(axis, np.array([1.0, 100.0]))
    binned, same = (bin_exposure(given, pad=0, energy_integration=mode) for mode in ("binned", "interpolated"))
    assert binned.edges[[0, -1]].tolist() == [1.0, 10.0]
    assert binned.data[:, 0, 0] == pytest.approx(binned.axis.center**2)
    assert binned.slope == pytest.approx(np.full(len(binned.slope), 2.0))
    assert same.data.tolist() == binned.data.tolist()


def test_a_single_bin_has_nothing_to_interpolate_with():
    axis = MapAxis.from_edges(np.array([1.0, 2.0]), name="energy_true", unit="TeV", interp="log")
    assert len(bin_exposure(exposure_map(axis, np.array([4.0])), 0, "interpolated").slope) == 1


def test_an_edge_that_cannot_be_continued_is_refused():
    """Here a factor of 1e9 between the two outermost pixels."""
    from bayesmap.errors import BayesmapInputError
    from bayesmap.irf.exposure import extrapolate

    with pytest.raises(BayesmapInputError, match="BM-IN-015"):
        extrapolate(np.array([[1e9, 1.0, 1.0]] * 3), 40)
