"""Responses that depend on parameters: scales, parts left out, PSF in reconstructed energy, IRF maps over the field."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesmap import (
    EnergyDispersion,
    GaussianSpatialModel,
    MapAxis,
    MapFit,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawSpectralModel,
    ResponseModel,
    SkyModel,
    WcsGeom,
    WcsNDMap,
)
from bayesmap.errors import ModelError, ResponseError
from bayesmap.fold.response import PSF_NODES, build_stretched, psf_weights
from bayesmap.irf.edisp_map import EDispKernelMap
from bayesmap.irf.psf import PSFKernel
from bayesmap.irf.psf_map import PSFMap
from bayesmap.testing import gaussian_psf, toy_dataset, toy_models, toy_response

EXPOSURE, ENERGY, WIDTH = (f"response.response.{name}_scale" for name in ("exposure", "energy", "psf"))


def fit_of(dataset, *models, **options):
    return MapFit.from_dataset(dataset, Models(models), priors="flat", allow_asimov=True, **options)


def source(spatial=None, **options):
    return SkyModel(toy_models()["source"].spectral_model, spatial or PointSpatialModel(lon_0=83.70, lat_0=21.96),
                    name="source", **options)  # fmt: skip


def bare(**response):
    return dataclasses.replace(toy_response(npix=16, **response), background=None)


@pytest.fixture(scope="module")
def scaled():
    return fit_of(bare(), source(), ResponseModel(free=["exposure_scale", "energy_scale", "psf_scale"]))


def test_scales_of_one_change_nothing(scaled):
    assert_allclose(scaled.npred().data, fit_of(bare(), source()).npred().data, rtol=1e-10, atol=1e-12)


def test_exposure_scale_multiplies_the_counts_of_sources(scaled):
    assert_allclose(scaled.npred({EXPOSURE: 1.1}).data, 1.1 * scaled.npred().data, rtol=1e-12)


@pytest.mark.parametrize("scale", [0.72, 0.9, 1.07, 1.37])
def test_psf_scale_is_the_stretched_table(scaled, scale):
    """Against the fold with that PSF: 4e-4 of the plane's peak, exact at the nodes."""
    psf = bare().psf.stretched(scale)
    expected = fit_of(dataclasses.replace(bare(), psf=psf), source()).npred().data
    error = np.abs(scaled.npred({WIDTH: scale}).data - expected).max(axis=(1, 2)) / expected.max(axis=(1, 2))
    assert np.all(error < 4e-4)


def test_psf_weights_are_exact_at_the_nodes_and_add_up_to_one():
    scale = pt.dscalar()
    weights = pytensor.function([scale], psf_weights(scale), mode="FAST_COMPILE")
    for k, node in enumerate(PSF_NODES):
        assert_allclose(weights(node), np.eye(5)[k], atol=1e-13)
    for s in np.linspace(0.7, 1.4, 9):
        assert_allclose(weights(s).sum(), 1.0, rtol=1e-13)


def test_energy_scale_moves_counts_in_reconstructed_energy():
    """A log-normal migration shifted by ln s is what it is with its bias changed by the same."""
    axis_true = MapAxis.from_energy_bounds(0.3, 30.0, 40, name="energy_true")
    axis = MapAxis.from_energy_bounds(0.1, 100.0, 60)

    def migration(shift):
        import scipy.stats

        ends = scipy.stats.norm.cdf((np.log(axis.edges)[None] - np.log(axis_true.center)[:, None] - shift) / 0.25)
        return np.diff(ends, axis=1)

    scale = pt.dscalar()
    stretched = build_stretched(migration(0.0), axis.edges, "x")
    matrix = pytensor.function([scale], stretched.matrix(scale), mode="FAST_COMPILE")
    assert_allclose(matrix(1.0), migration(0.0), atol=1e-14)
    for s in (0.8, 0.95, 1.1, 1.3):
        assert np.abs(matrix(s) - migration(np.log(s))).max() < 2e-3 * migration(0.0).max()
        assert_allclose(matrix(s).sum(axis=1), 1.0, rtol=2e-3)
        assert matrix(s).min() > -1e-15


def test_gradient_by_the_scales():
    counted = MapFit.from_dataset(
        toy_dataset(npix=12), [*toy_models(), ResponseModel(free=["exposure_scale", "energy_scale", "psf_scale"])]
    )
    posterior = counted._posterior
    theta = posterior.coordinates.to_theta(
        {name: counted.model.parameters[name].value for name in counted.free_parameters}
        | {EXPOSURE: 1.05, ENERGY: 0.93, WIDTH: 1.08}
    )
    _, gradient = posterior.value_and_gradient(theta)
    for name in (EXPOSURE, ENERGY, WIDTH):
        i = counted.free_parameters.index(name)
        values = []
        for step in (1e-4, 5e-5):
            ends = []
            for sign in (1, -1):
                moved = theta.copy()
                moved[i] += sign * step
                ends.append(posterior.log_posterior(moved))
            values.append((ends[0] - ends[1]) / (2 * step))
        richardson = values[1] + (values[1] - values[0]) / 3.0
        assert_allclose(gradient[i], richardson, rtol=1e-6, atol=1e-3)


def test_frozen_scales_are_applied():
    scales = ResponseModel(exposure_scale=1.2, psf_scale=1.1)
    fit = fit_of(bare(), source(), scales)
    expected = fit_of(dataclasses.replace(bare(), psf=bare().psf.stretched(1.1)), source()).npred().data
    assert_allclose(fit.npred().data, 1.2 * expected, rtol=1e-10, atol=1e-12)
    assert not any(name.startswith("response") for name in fit.free_parameters)


def test_mistakes_in_response_models():
    with pytest.raises(ModelError, match="BM-MO-002.*psf_scal'.*Did you mean 'psf_scale'"):
        ResponseModel(free=["psf_scal"])
    with pytest.raises(ModelError, match="BM-MO-027: dataset 'toy' has the response models a, b.*Keep one, or name"):
        fit_of(bare(), source(), ResponseModel(name="a"), ResponseModel(name="b"))
    axis = bare().axis_true
    kernel = PSFKernel(axis, np.full((axis.nbin, 3, 3), 1.0 / 9.0))
    with pytest.raises(ResponseError, match="BM-IR-020: response.response.psf_scale is 1 and free, and the psf"):
        fit_of(dataclasses.replace(bare(), psf=kernel), source(), ResponseModel(free="psf_scale"))
    with pytest.raises(ModelError, match="BM-MO-025: SkyModel 'source' has apply_irf 'PSF'"):
        source(apply_irf={"PSF": False})


@pytest.mark.parametrize("spatial", [None, GaussianSpatialModel(lon_0=83.6, lat_0=22.0, sigma="0.3 deg")])
def test_parts_of_the_response_are_left_out(spatial):
    data = bare()
    without = {
        "psf": dataclasses.replace(data, psf=None),
        "edisp": dataclasses.replace(data, edisp=None),
        "exposure": dataclasses.replace(
            data, exposure=WcsNDMap(data.exposure.geom, np.ones(data.exposure.data.shape), "cm2 s")
        ),
    }
    for part, other in without.items():
        found = fit_of(data, source(spatial, apply_irf={part: False})).npred().data
        # Without a PSF the sky is padded less, and a wide source cut at 1e-6 of its flux.
        rtol = 1e-5 if part == "psf" else 1e-9
        assert_allclose(found, fit_of(other, source(spatial)).npred().data, rtol=rtol, atol=1e-12 * found.max())


@pytest.mark.parametrize("order", ["true", "after_psf"])
@pytest.mark.parametrize(
    "spatial",
    [
        PointSpatialModel(lon_0=83.70, lat_0=21.96),
        GaussianSpatialModel(lon_0=83.6, lat_0=22.0, sigma="0.08 deg"),
        GaussianSpatialModel(lon_0=83.6, lat_0=22.0, sigma="0.4 deg"),
        PointSpatialModel(
            lon_0=Parameter("lon_0", 83.70, "deg", frozen=True), lat_0=Parameter("lat_0", 21.96, "deg", frozen=True)
        ),
    ],
    ids=["point", "compact", "wide", "fixed"],
)
def test_psf_in_reconstructed_energy(spatial, order):
    """With one PSF for all energies it does not matter on which side of the energy dispersion it acts."""
    data = bare()
    same = gaussian_psf(data.axis_true, 0.15)
    same = dataclasses.replace(same, data=np.repeat(same.data[2:3], 5, axis=0))
    reco = dataclasses.replace(same, axis=data.axis, data=same.data[:3], max_radius=same.max_radius[:3])
    before = fit_of(dataclasses.replace(data, psf=same), source(spatial), exposure_order=order).npred().data
    after = fit_of(dataclasses.replace(data, psf=reco), source(spatial), exposure_order=order).npred().data
    assert_allclose(after, before, rtol=1e-9, atol=1e-10 * before.max())


def test_psf_in_reconstructed_energy_differs_between_planes():
    data = bare()
    psf = gaussian_psf(data.axis, 0.1)
    wide = dataclasses.replace(psf, data=np.stack([psf.data[0], psf.data[0] * 0.0 + psf.data[1], psf.data[2]]))
    fit = fit_of(dataclasses.replace(data, psf=wide), source())
    expected = [
        fit_of(dataclasses.replace(data, psf=one_plane(wide, i)), source()).npred().data[i] for i in range(3)
    ]
    assert_allclose(fit.npred().data, expected, rtol=1e-9, atol=1e-10)


def one_plane(psf, i):
    return dataclasses.replace(psf, data=np.repeat(psf.data[i : i + 1], 3, axis=0))


@pytest.fixture(scope="module")
def field():
    """A dataset whose PSF and energy dispersion change over the field, on a grid of 3 x 3 positions."""
    data = bare()
    axis = data.axis_true
    image = WcsGeom.create(skydir=(83.63, 22.01), npix=(3, 3), binsz=0.8, frame="icrs", proj="TAN")
    rad = MapAxis.from_nodes(np.linspace(0.0, 1.2, 200), name="rad", unit="deg", interp="lin")
    tables = np.empty((axis.nbin, rad.nbin, 3, 3))
    matrices = np.empty((axis.nbin, data.axis.nbin, 3, 3))
    for row in range(3):
        for column in range(3):
            sigma = 0.12 + 0.02 * column + 0.01 * row
            tables[:, :, row, column] = gaussian_psf(axis, sigma).evaluate(rad.center)
            matrices[:, :, row, column] = data.edisp.data * (1.0 - 0.05 * column)
    psf = PSFMap.from_map(WcsNDMap(image.with_axes((axis, rad)), tables, "sr-1"))
    edisp = EDispKernelMap.from_map(WcsNDMap(image.with_axes((axis, data.axis)), matrices), data.axis)
    return dataclasses.replace(data, psf=psf, edisp=edisp)


PLACES = {"inside": (83.78, 22.13), "outside": (83.30, 21.80)}


@pytest.mark.parametrize("lon_lat", PLACES.values(), ids=PLACES)
def test_a_moving_source_has_the_response_of_its_place(field, lon_lat):
    """Against the response at the place alone; outside the cell of the start the polynomial goes on."""
    fit = fit_of(field, source())
    values = dict(zip(("source.spatial.lon_0", "source.spatial.lat_0"), lon_lat, strict=True))
    corners, cell = field.psf.cell(83.70, 21.96)
    x, y = field.psf.geom.sky_to_pixel(*lon_lat)
    mean = sum(w * corner.data for w, corner in zip(cell.weights(x, y), corners, strict=True))
    matrices, _ = field.edisp.cell(83.70, 21.96)
    edisp = sum(w * corner.data for w, corner in zip(cell.weights(x, y), matrices, strict=True))
    here = dataclasses.replace(
        field,
        psf=dataclasses.replace(corners[0], data=mean),
        edisp=EnergyDispersion(field.axis_true, field.axis, edisp),
    )
    expected = fit_of(here, source()).npred(values).data
    error = np.abs(fit.npred(values).data - expected).max() / expected.max()
    assert error < 2e-3 if lon_lat == PLACES["outside"] else error < 2e-4


def test_a_standing_source_has_the_response_of_its_place(field):
    place = {"lon_0": 83.78, "lat_0": 22.13}
    spatial = PointSpatialModel(**{n: Parameter(n, v, "deg", frozen=True) for n, v in place.items()})
    here = dataclasses.replace(field, psf=field.psf.at(83.78, 22.13), edisp=field.edisp.at(83.78, 22.13))
    found = fit_of(field, source(spatial)).npred().data
    assert_allclose(found, fit_of(here, source(spatial)).npred().data, rtol=1e-10, atol=1e-12)
    assert np.abs(found / found.sum() - centre(field, spatial)).max() > 1e-3 * (found / found.sum()).max()


def centre(field, spatial):
    fixed = dataclasses.replace(field, psf=field.psf.central, edisp=field.edisp.central)
    counts = fit_of(fixed, source(spatial)).npred().data
    return counts / counts.sum()


def test_gradient_by_the_position_in_a_response_map(field):
    posterior = fit_of(field, source())._posterior
    theta = posterior.coordinates.start + 0.02
    theta[1] = 8e-10
    _, gradient = posterior.value_and_gradient(theta)
    for i in (2, 3):
        slopes = []
        for step in (2e-3, 1e-3):
            moved = [theta + sign * step * np.eye(len(theta))[i] for sign in (1, -1)]
            slopes.append((posterior.log_posterior(moved[0]) - posterior.log_posterior(moved[1])) / (2 * step))
        assert_allclose(gradient[i], slopes[1] + (slopes[1] - slopes[0]) / 3.0, rtol=1e-5, atol=1e-4)


def test_linear_in_amplitude(field):
    fit = fit_of(field, source())
    double = fit.npred({"source.spectral.amplitude": 1.6e-9}).data
    assert_allclose(double, 2.0 * fit.npred().data, rtol=1e-12)
    assert isinstance(toy_models()["source"].spectral_model, PowerLawSpectralModel)
