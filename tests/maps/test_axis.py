"""Axes: bins and nodes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy import units as u

from bayesmap.errors import GeometryError, UnitsError
from bayesmap.fits.bands import AxisRecord
from bayesmap.maps import MapAxis


def test_log_bins():
    axis = MapAxis.from_edges([1, 10, 100] * u.GeV)
    np.testing.assert_allclose(axis.edges, [1e-3, 1e-2, 1e-1])
    np.testing.assert_allclose(axis.center, [10**-2.5, 10**-1.5])
    np.testing.assert_allclose(axis.bin_width, [9e-3, 9e-2])
    assert (axis.name, axis.unit, axis.nbin, axis.node_type) == ("energy", "TeV", 2, "edges")


def test_linear_bins():
    np.testing.assert_allclose(MapAxis.from_edges([0, 1, 3], name="rad", unit="deg", interp="lin").center, [0.5, 2])


def test_nodes_have_edges_at_the_mid_points():
    axis = MapAxis.from_nodes([1.0, 4.0, 16.0])
    assert (axis.name, axis.nbin) == ("energy_true", 3)
    np.testing.assert_allclose(axis.center, [1, 4, 16])
    np.testing.assert_allclose(axis.edges, [0.5, 2, 8, 32])
    linear = MapAxis.from_nodes([0.0, 1.0, 3.0], name="rad", unit="deg", interp="lin")
    np.testing.assert_allclose(linear.edges, [-0.5, 0.5, 2, 4])


def test_single_node_has_no_edges():
    with pytest.raises(GeometryError, match="BM-GE-010: axis energy_true has a single node"):
        _ = MapAxis.from_nodes([1.0]).edges


def test_energies_are_kept_in_tev_whatever_comes_in():
    np.testing.assert_allclose(MapAxis.from_edges([1, 10], unit="GeV").edges, [1e-3, 1e-2])
    np.testing.assert_allclose(MapAxis("energy", np.array([1.0, 10.0]), unit="GeV").edges, [1e-3, 1e-2])
    assert MapAxis.from_nodes([0, 0.1] * u.rad, name="rad", interp="lin").unit == "deg"


def test_from_energy_bounds():
    axis = MapAxis.from_energy_bounds("100 GeV", 10 * u.TeV, 2)
    np.testing.assert_allclose(axis.edges, [0.1, 1, 10])
    with pytest.raises(GeometryError, match="BM-GE-010: axis energy was asked for with 0 bins"):
        MapAxis.from_energy_bounds(1, 10, 0)
    with pytest.raises(GeometryError, match="between 10 and 1 TeV"):
        MapAxis.from_energy_bounds(10, 1, 3)


def test_rebin_and_slice():
    axis = MapAxis.from_edges([1, 2, 4, 8, 16])
    np.testing.assert_allclose(axis.rebin(2).edges, [1, 4, 16])
    np.testing.assert_allclose(axis.slice(1, 3).edges, [2, 4, 8])
    np.testing.assert_allclose(MapAxis.from_nodes([1, 2, 4]).slice(1, 3).center, [2, 4])
    with pytest.raises(GeometryError, match="BM-GE-010: axis energy has 4 bins and cannot be merged by 3"):
        axis.rebin(3)
    with pytest.raises(GeometryError, match="3 nodes"):
        MapAxis.from_nodes([1, 2, 4]).rebin(3)
    with pytest.raises(GeometryError, match="BM-GE-009: bins 2 to 2"):
        axis.slice(2, 2)


def test_equality_has_a_tolerance():
    axis = MapAxis.from_edges([1, 2, 4])
    assert axis == MapAxis.from_edges(axis.edges * (1 + 1e-8))
    assert axis != MapAxis.from_edges(axis.edges * (1 + 1e-5))
    assert axis != axis.rename("energy_true")
    assert axis != MapAxis.from_edges([1, 2, 4, 8])
    assert axis != MapAxis.from_nodes([1, 2, 4], name="energy")
    assert axis != "energy"


@pytest.mark.parametrize(
    ("edges", "what"),
    [
        ([1, 1], "does not increase at value 1"),
        ([1, 3, 2], "does not increase at value 2"),
        ([1, np.nan, 2], "does not increase at value 1"),
        ([0, 1], "begins at 0 TeV"),
        ([1], r"has values of shape \(1,\)"),
        ([[1, 2], [3, 4]], r"has values of shape \(2, 2\)"),
    ],
)
def test_bad_values(edges, what):
    with pytest.raises(GeometryError, match=f"BM-GE-010: axis energy {what}"):
        MapAxis.from_edges(edges)


def test_bad_kind_and_unit():
    with pytest.raises(GeometryError, match="BM-GE-010: axis energy has interp='sqrt'"):
        MapAxis.from_edges([1, 2], interp="sqrt")
    with pytest.raises(UnitsError, match="BM-GE-005"):
        MapAxis.from_edges([1, 2] * u.deg)
    with pytest.raises(UnitsError, match="BM-GE-005: the columns of axis energy have no TUNIT"):
        MapAxis.from_record(AxisRecord("energy", np.array([1.0, 2.0]), "", "log", "edges"))


def test_record_and_pickle_are_identity():
    axis = MapAxis.from_nodes([1.0, 3.0, 7.0], interp="lin")
    for again in (MapAxis.from_record(axis.to_record()), pickle.loads(pickle.dumps(axis))):
        assert np.array_equal(again.nodes, axis.nodes)
        assert (again.name, again.interp, again.node_type) == (axis.name, axis.interp, axis.node_type)
    assert str(axis) == "energy_true: 3 nodes, 1-7 TeV"
