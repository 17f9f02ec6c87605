"""Point spread functions: tables and kernels."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from bayesmap.errors import GeometryError, ProblemList, ResponseError
from bayesmap.irf import PSFKernel, RadialPSF
from bayesmap.irf.radial import cumulative_integral
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap

AXIS = MapAxis.from_edges([1, 3, 10], name="energy_true")
RAD = np.linspace(0, 1.0, 401)


def gauss_table(sigma_deg, rad=RAD):
    """Gaussian on the plane, per sr: its integral over the sphere is 1 within (sigma/rad)^2 and the tail."""
    sigma = np.deg2rad(sigma_deg)
    return np.exp(-0.5 * (np.deg2rad(rad) / sigma) ** 2) / (2 * np.pi * sigma**2)


@pytest.fixture
def psf():
    return RadialPSF(AXIS, RAD, np.stack([gauss_table(0.1), gauss_table(0.2)]))


def test_integral_of_a_gaussian(psf):
    np.testing.assert_allclose(psf.integral(), 1, atol=2e-4)
    np.testing.assert_allclose(psf.integral("0.2 deg"), [1 - np.exp(-2), 1 - np.exp(-0.5)], rtol=2e-4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(1e-4, 30), min_size=1, max_size=6), st.lists(st.floats(0, 5), min_size=7, max_size=7),
    st.floats(0.05, 1.0),
)  # fmt: skip
def test_segments_are_integrated_exactly(steps, values, fraction):
    rad = np.append(0.0, np.cumsum(steps))
    f = np.array(values[: len(rad)])
    stop = fraction * rad[-1]
    got = cumulative_integral(rad, f, stop)
    points = [r for r in rad if 0 < r < stop]
    expected = sum(
        quad(lambda r: 2 * np.pi * np.sin(np.deg2rad(r)) * np.interp(r, rad, f) * np.deg2rad(1), a, b, epsabs=0)[0]
        for a, b in zip([0, *points], [*points, stop], strict=True)
    )
    assert got[-1] == pytest.approx(expected, rel=1e-10, abs=1e-18)


def test_constant_over_the_sphere_is_its_area():
    assert cumulative_integral(np.array([0.0, 180.0]), np.ones(2), 180.0)[-1] == pytest.approx(4 * np.pi, rel=1e-14)


def test_tiny_segments_keep_their_digits():
    rad = np.array([0.0, 1e-7])
    assert cumulative_integral(rad, np.ones(2), 1e-7)[-1] == pytest.approx(np.pi * np.deg2rad(1e-7) ** 2, rel=1e-13)


def test_normalised(psf):
    normalised = psf.normalised()
    np.testing.assert_allclose(normalised.integral(), 1, rtol=1e-14)
    assert "psf table divided by its integral inside max_radius" in normalised.notes[0]
    assert normalised.normalised() is normalised
    assert psf.notes == ()


@pytest.mark.parametrize("max_radius", [0.25, "15 arcmin", [0.25, 0.6], np.array([15, 36]) * u.arcmin])
def test_cut(psf, max_radius):
    cut = RadialPSF(AXIS, RAD, psf.data, max_radius)
    assert cut.max_radius.shape == (2,)
    assert cut.max_radius[0] == pytest.approx(0.25)
    normalised = cut.normalised()
    np.testing.assert_allclose(normalised.integral(), 1, rtol=1e-14)
    assert normalised.normalised() is normalised
    assert normalised.evaluate(0.26)[0] == 0
    assert normalised.evaluate(0.24)[0] > psf.evaluate(0.24)[0]


def test_cut_never_exceeds_the_table(psf):
    assert RadialPSF(AXIS, RAD, psf.data, 5.0).max_radius.tolist() == [1.0, 1.0]


def test_cut_between_nodes_interpolates(psf):
    cut = RadialPSF(AXIS, RAD, psf.data, 0.10123)
    fine = np.append(RAD[RAD < 0.10123], 0.10123)
    table = np.stack([np.interp(fine, RAD, plane) for plane in psf.data])
    np.testing.assert_allclose(cut.integral(), RadialPSF(AXIS, fine, table).integral(), rtol=1e-13)


def test_evaluate_is_linear_between_nodes(psf):
    np.testing.assert_allclose(psf.evaluate(0.5 * (RAD[3] + RAD[4])), 0.5 * (psf.data[:, 3] + psf.data[:, 4]))
    assert psf.evaluate([[0.1, 0.2, 1.5]]).shape == (2, 1, 3)
    assert psf.evaluate(1.5).tolist() == [0, 0]


def test_containment_radius(psf):
    np.testing.assert_allclose(
        psf.containment_radius(0.68), np.array([0.1, 0.2]) * np.sqrt(-2 * np.log(0.32)), rtol=1e-3
    )


def test_table_that_begins_off_centre_gets_a_node_there():
    psf = RadialPSF(AXIS, [0.1, 0.2, 0.3], [[3.0, 2.0, 0.0], [1.0, 9.0, 0.0]])
    np.testing.assert_allclose(psf.rad, [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(psf.data[:, 0], [4.0, 1.0], err_msg="linear, flat where that is negative")


def test_units():
    in_rad = RadialPSF(AXIS, np.deg2rad(RAD) * u.rad, np.stack([gauss_table(0.1)] * 2) * (np.pi / 180) ** 2 / u.deg**2)
    np.testing.assert_allclose(in_rad.rad, RAD, atol=1e-15)
    np.testing.assert_allclose(in_rad.data[0], gauss_table(0.1))


@pytest.mark.parametrize("factor", [3.0, 0.97, 1.03])
def test_wrong_sum(psf, factor):
    wrong = RadialPSF(AXIS, RAD, psf.data * [[1], [factor]])
    assert [problem.code for problem in wrong.problems()] == ["BM-IR-003"]
    with pytest.raises(ResponseError, match=r"BM-IR-003: the psf is not normalised in 1 of 2 .* index 1"):
        wrong.normalised()


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN or infinite"), (np.inf, "NaN"), (-1.0, "negative")])
def test_wrong_values(psf, value, kind):
    data = psf.data.copy()
    data[1, 7] = value
    with pytest.raises(ResponseError, match=f"BM-IR-004: the psf is {kind}.* in 1 of 2 true energies .first: index 1"):
        RadialPSF(AXIS, RAD, data).normalised()


def test_plane_of_zeros_where_nothing_is_exposed(psf):
    blind = RadialPSF(AXIS, RAD, psf.data * [[0], [1]])
    assert [problem.code for problem in blind.problems()] == ["BM-IR-004"]
    assert blind.problems(np.array([False, True])) == ()
    np.testing.assert_allclose(blind.normalised().integral(), [0, 1], atol=1e-14)
    with pytest.raises(ResponseError, match="BM-IR-004: the psf is all zero in 2 of 2"):
        RadialPSF(AXIS, RAD, 0 * psf.data).normalised()


@pytest.mark.parametrize(
    ("rad", "shape", "radius", "what"),
    [
        (RAD, (3, 401), None, r"the psf table has shape \(3, 401\)"),
        (RAD[:1], (2, 1), None, r"the psf table has shape \(2, 1\)"),
        (RAD[::-1], (2, 401), None, "the psf's rad does not increase"),
        (RAD - 0.1, (2, 401), None, "the psf's rad does not increase"),
        (RAD, (2, 401), -1.0, "the psf's max_radius is -1"),
        (RAD, (2, 401), [1, 1, 1], "the psf's max_radius is"),
    ],
)
def test_shapes(rad, shape, radius, what):
    with pytest.raises(ResponseError, match=f"BM-IR-005: {what}"):
        RadialPSF(AXIS, rad, np.ones(shape), radius)


def test_resample_is_linear_in_log_energy(psf):
    middle = MapAxis.from_nodes([AXIS.center[0], np.sqrt(AXIS.center[0] * AXIS.center[1]), 9.9])
    table = psf.resample(middle)
    np.testing.assert_allclose(table.data[0], psf.data[0])
    np.testing.assert_allclose(table.data[1], psf.data.mean(axis=0))
    np.testing.assert_allclose(table.data[2], psf.data[1], err_msg="flat beyond the last centre")
    np.testing.assert_allclose(table.max_radius, 1)
    assert not psf.covers(MapAxis.from_nodes([2, 20]))
    with pytest.raises(GeometryError, match="BM-GE-003: the psf has energy_true: 2 bins, 1-10 TeV"):
        psf.resample(MapAxis.from_nodes([2, 20]))


def test_pickle(psf):
    again = pickle.loads(pickle.dumps(psf))
    assert np.array_equal(again.data, psf.data)


@pytest.fixture
def kernel():
    y, x = np.mgrid[-5:6, -5:6]
    plane = np.exp(-0.5 * (x**2 + y**2) / 2.0)
    return np.stack([plane / plane.sum()] * 2)


def test_kernel_normalised(kernel):
    off = PSFKernel(AXIS, kernel * 1.0005)
    np.testing.assert_allclose(off.normalised().data, kernel, rtol=1e-14)
    assert "psf kernel divided by the sum of each plane (1.000500 to 1.000500)" in off.normalised().notes
    exact = PSFKernel(AXIS, kernel)
    assert exact.normalised() is exact


@pytest.mark.parametrize("factor", [3.0, 1.002, 0.998])
def test_kernel_with_wrong_sum(kernel, factor):
    with pytest.raises(ResponseError, match="BM-IR-003: the psf is not normalised in 2 of 2"):
        PSFKernel(AXIS, kernel * factor).normalised()


@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0])
def test_kernel_with_wrong_plane(kernel, value):
    data = kernel.copy()
    data[1] = value
    assert [problem.code for problem in PSFKernel(AXIS, data).problems()] == ["BM-IR-004"]


def test_even_kernel():
    even = PSFKernel(AXIS, np.full((2, 4, 5), 0.05))
    with pytest.raises(ResponseError, match="BM-IR-006: the psf kernel has 5 x 4 pixels"):
        even.normalised()
    with pytest.raises(ProblemList, match=r"BM-IR-006[\s\S]*BM-IR-003"):
        PSFKernel(AXIS, np.full((2, 4, 5), 0.06)).normalised()


def test_kernel_shape(kernel):
    with pytest.raises(ResponseError, match=r"BM-IR-005: the psf kernel has shape \(1, 11, 11\)"):
        PSFKernel(AXIS, kernel[:1])


def test_kernel_from_file(tmp_path, kernel):
    geom = WcsGeom.create(npix=11, binsz=0.1, axes=[MapAxis.from_edges(AXIS.edges)])
    WcsNDMap(geom, kernel).write(tmp_path / "psf.fits.gz")
    again = PSFKernel.read(tmp_path / "psf.fits.gz")
    assert np.array_equal(again.data, kernel)
    assert again.axis == AXIS, "an axis called energy is taken as true energy, as Gammapy 0.10 writes it"
    WcsNDMap(geom.to_image(), kernel[0]).write(tmp_path / "image.fits")
    with pytest.raises(ResponseError, match="BM-IR-005: the psf map has 0 axes"):
        PSFKernel.read(tmp_path / "image.fits")
