"""Flux points: norms in bands of reconstructed energy against plain NumPy, and what they must refuse."""

from __future__ import annotations

import dataclasses

import astropy.units as u
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from bayesmap import (
    BayesmapInputError,
    BayesmapIOError,
    FoVBackgroundModel,
    GaussianSpatialModel,
    MapAxis,
    MapDataset,
    MapFit,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawSpectralModel,
    Prior,
    PSFKernel,
    SkyModel,
    SpectrumDatasetOnOff,
    WcsGeom,
    WcsNDMap,
    flux_points,
    simulate,
)
from bayesmap.fit.flux_points import band_fit
from bayesmap.inference.marginal import POINTS, normalised, spaced
from bayesmap.models.bands import banded_models
from bayesmap.testing import toy_dataset, toy_models, toy_response

PLACED = {"lon_0": True, "lat_0": True}


@pytest.fixture(scope="module")
def fit():
    """Fit of a source at a known place and a free background norm."""
    models = toy_models().with_frozen(PLACED)
    found = MapFit.from_dataset(toy_dataset(models), models, priors="flat")
    found.optimize()
    return found


@pytest.fixture(scope="module")
def points(fit):
    return flux_points(fit, "source", fit.dataset.axis.edges * u.TeV)


def profile(fit):
    """Return minus the log-likelihood of (norms, background norm) from predicted counts, with numbers alone."""
    parts = fit.npred_components()
    counts = np.asarray(fit.dataset.counts.data)
    norm = fit.model.parameters["toy-bkg.spectral.norm"].value
    source, background = np.asarray(parts["source"].data), np.asarray(parts["toy-bkg"].data) / norm

    def value(x):
        mu = x[:3, None, None] * source + x[3] * background
        return float(np.sum(mu - counts * np.log(mu)))

    return value


def test_norms_are_those_of_numpy(fit, points):
    value = profile(fit)
    start = np.array([*points.norm, fit.model.parameters["toy-bkg.spectral.norm"].value])
    best = scipy.optimize.minimize(value, start * 1.05, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10})
    assert points.norm == pytest.approx(best.x[:3], abs=1e-3 * points.norm_err.min())
    for k in range(3):
        null = scipy.optimize.minimize(
            lambda x, k=k: value(np.insert(x, k, 0.0)), np.delete(start, k), method="Nelder-Mead",
            options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 4000},
        )  # fmt: skip
        assert points.ts[k] == pytest.approx(2.0 * (null.fun - best.fun), rel=1e-6)


def test_covariance_is_the_inverse_of_numpys_hessian(fit, points):
    parts = fit.npred_components()
    norm = fit.model.parameters["toy-bkg.spectral.norm"].value
    source, background = np.asarray(parts["source"].data), np.asarray(parts["toy-bkg"].data) / norm
    shapes = np.concatenate([source * (np.arange(3)[:, None] == np.arange(3))[k][:, None, None] for k in range(3)])
    shapes = np.stack([*shapes.reshape(3, *source.shape), background])
    bands = band_fit(fit, "source", points.edges)
    mu = np.asarray(bands.fit.npred({f"source.spectral.norm_{k}": points.norm[k] for k in range(3)}).data)
    best = bands.fit.optimize()
    mu = np.asarray(bands.fit.npred().data)
    counts = np.asarray(fit.dataset.counts.data)
    hessian = np.einsum("aexy,bexy,exy->ab", shapes, shapes, counts / mu**2)
    expected = np.linalg.inv(hessian)[:3, :3]
    assert best.success
    assert points.covariance == pytest.approx(expected, rel=1e-5, abs=1e-8)
    assert np.all(points.correlation[~np.eye(3, dtype=bool)] > 0.0)  # through the background that they share


def test_limits_and_errors_follow_the_density(fit, points):
    """The marginal of a norm by direct integration over the background norm."""
    value = profile(fit)
    best = fit.model.parameters["toy-bkg.spectral.norm"].value
    grid = np.linspace(0.01, 1.8, 120)
    others = best * np.linspace(0.75, 1.3, 81)
    logs = np.array([[-value(np.array([*points.norm[:2], x, b])) for b in others] for x in grid])
    density = np.exp(logs - logs.max()).sum(axis=1)
    cumulative = np.cumsum(density) / density.sum()
    at = [float(np.interp(p, cumulative, grid)) for p in (0.158655, 0.841345, 0.95)]
    step = grid[1] - grid[0]
    found = (points.norm[2] - points.norm_errn[2], points.norm[2] + points.norm_errp[2], points.norm_ul[2])
    assert found == pytest.approx(at, abs=step)


def test_counts_per_band(fit, points):
    counts = np.asarray(fit.dataset.counts.data).sum(axis=(1, 2))
    assert points.counts[:, 0] == pytest.approx(counts)
    assert points.npred[:, 0] == pytest.approx(counts, rel=0.1)
    excess = np.asarray(fit.npred_components()["source"].data).sum(axis=(1, 2))
    assert points.npred_excess[:, 0] == pytest.approx(points.norm * excess, rel=1e-9)


@pytest.mark.slow
def test_bands_may_join_bins_and_leave_some_out(fit):
    edges = fit.dataset.axis.edges
    points = flux_points(fit, "source", edges[[0, 2]] * u.TeV)
    parts = fit.npred_components()
    counts = np.asarray(fit.dataset.counts.data)[:2]
    norm = fit.model.parameters["toy-bkg.spectral.norm"].value
    source, background = np.asarray(parts["source"].data)[:2], np.asarray(parts["toy-bkg"].data)[:2] / norm

    def value(x):
        mu = x[0] * source + x[1] * background
        return float(np.sum(mu - counts * np.log(mu)))

    best = scipy.optimize.minimize(value, [1.0, norm], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-11})
    assert points.norm == pytest.approx(best.x[:1], rel=1e-4)


def test_values_are_norms_times_the_reference(points):
    spectrum = points.reference
    assert points.dnde.to_value("cm-2 s-1 TeV-1") == pytest.approx((points.norm * spectrum(points.e_ref)).value)
    flux = spectrum.integral_flux(points.e_min, points.e_max)
    assert points.value("flux", "ul").to_value("cm-2 s-1") == pytest.approx((points.norm_ul * flux).value)
    assert points.e2dnde.unit == u.Unit("TeV cm-2 s-1")
    assert "sqrt(TS)" in str(points)


@pytest.mark.slow
def test_draws_give_the_same(fit, points):
    drawn = flux_points(fit, "source", points.edges, backend="nuts", draws=750, random_seed=3)
    assert drawn.success, drawn.reasons
    assert drawn.norm == pytest.approx(points.norm)
    assert drawn.norm_err == pytest.approx(points.norm_err, rel=0.06)
    assert drawn.norm_ul == pytest.approx(points.norm_ul, abs=0.12 * points.norm_err.max())
    assert drawn.draws.shape == (4, 750, 3)
    assert np.diag(drawn.correlation) == pytest.approx(1.0)


def test_a_limit_without_counts_is_physical():
    """No counts, no background: the posterior of the norm is exp(-s n), its 95 % limit -ln(0.05) / s."""
    empty = toy_response(background=0.0)
    source = SkyModel(
        PowerLawSpectralModel(index=2.2, amplitude="8e-10 cm-2 s-1 TeV-1"),
        PointSpatialModel(lon_0=83.70, lat_0=21.96), name="source",
    )  # fmt: skip
    dataset = dataclasses.replace(simulate(empty, source, 1), background=None)
    dataset = dataset.with_counts(WcsNDMap(dataset.counts.geom, np.zeros(dataset.counts.data.shape)))
    fit = MapFit.from_dataset(dataset, Models(source).with_frozen(PLACED))
    points = flux_points(fit, "source", dataset.axis.edges * u.TeV)
    expected = np.asarray(fit.npred().data).sum(axis=(1, 2))
    assert points.norm == pytest.approx(0.0)
    assert points.ts == pytest.approx(0.0)
    assert points.is_ul.all()
    assert points.success, points.reasons
    assert points.norm_ul == pytest.approx(-np.log(0.05) / expected, rel=2e-3)
    assert points.norm_errn == pytest.approx(0.0, abs=1e-9)
    assert points.norm_errp == pytest.approx(-np.log(1.0 - 0.682689) / expected, rel=2e-3)


@pytest.mark.parametrize("counts", [0.0, 1.0, 3.0, 30.0])
def test_marginal_of_a_gamma_density(counts):
    law = scipy.stats.gamma(counts + 1.0)
    ends = law.logpdf(counts) - 15.0 if counts else -15.0
    low = scipy.optimize.brentq(lambda x: law.logpdf(x) - ends, 1e-60, counts) if counts else 0.0
    high = scipy.optimize.brentq(lambda x: law.logpdf(x) - ends, counts, counts + 200.0)
    values = spaced(low, high, POINTS, 0.0)
    found = normalised(values, law.logpdf(values), 0.0)
    for prob in (0.158655, 0.841345, 0.95):
        assert found.quantile(prob) == pytest.approx(law.ppf(prob), abs=2e-3 * law.std())
    assert found.deviation == pytest.approx(law.std(), rel=2e-3)
    for best in (law.ppf(0.05), law.ppf(0.5), law.ppf(0.95)):
        low, high = found.around(best, 0.68)
        assert low <= best <= high
        assert law.cdf(high) - law.cdf(low) == pytest.approx(0.68, abs=2e-3)


@pytest.mark.parametrize("sed_type", ["likelihood", "dnde", "e2dnde"])
@pytest.mark.parametrize("ending", ["fits", "fits.gz", "ecsv"])
def test_gammapy_reads_the_tables(points, tmp_path, sed_type, ending):
    gammapy = pytest.importorskip("gammapy.estimators", reason="gammapy is in the extra 'test'")
    path = points.write(tmp_path / f"sed.{ending}", sed_type)
    read = gammapy.FluxPoints.read(path)
    for part in ("", "_err", "_errn", "_errp", "_ul"):
        theirs = getattr(read, f"dnde{part}").quantity.ravel().to_value("cm-2 s-1 TeV-1")
        assert theirs == pytest.approx(points.value("dnde", part[1:]).value, rel=1e-6)
    assert read.sqrt_ts.data.ravel() == pytest.approx(points.sqrt_ts, rel=1e-6)
    assert read.counts.data.ravel() == pytest.approx(points.counts[:, 0])
    assert read.is_ul.data.ravel().astype(bool).tolist() == points.is_ul.tolist()
    assert read.geom.axes["energy"].edges.to_value("TeV") == pytest.approx(points.edges.value)


def test_tables_refuse(points, tmp_path):
    for call in (lambda: points.to_table("counts"), lambda: points.value("dnde", "lower"), lambda: points.value("mass"),
                 lambda: points.write(tmp_path / "sed.txt")):  # fmt: skip
        with pytest.raises(BayesmapInputError, match="BM-FT-064"):
            call()
    path = points.write(tmp_path / "sed.ecsv")
    with pytest.raises(BayesmapIOError, match="BM-IO-032"):
        points.write(path)
    with pytest.raises(BayesmapIOError, match="BM-IO-009"):
        points.write(tmp_path / "nowhere" / "sed.ecsv")
    assert points.write(path, overwrite=True) == path


def test_edges_must_lie_on_bins(fit):
    with pytest.raises(BayesmapInputError, match="BM-FT-060.*1.70998 and 5.84804 TeV"):
        flux_points(fit, "source", [0.5, 3.0, 20.0] * u.TeV)
    for edges in ([1.0] * u.TeV, [2.0, 1.0] * u.TeV, [0.0, 1.0] * u.TeV, [np.nan, 1.0] * u.TeV):
        with pytest.raises(BayesmapInputError, match="BM-FT-061"):
            flux_points(fit, "source", edges)
    with pytest.raises(BayesmapInputError, match="BM-FT-062.*no bin"):
        flux_points(fit, "source", [20.0, 40.0] * u.TeV)


def test_a_background_has_no_flux_points(fit):
    with pytest.raises(BayesmapInputError, match="BM-FT-009"):
        flux_points(fit, "toy-bkg", fit.dataset.axis.edges * u.TeV)
    with pytest.raises(BayesmapInputError, match="BM-FT-003"):
        flux_points(fit, "source", fit.dataset.axis.edges * u.TeV, backend="moments")


def test_links_to_the_spectrum_keep_their_values():
    models = toy_models() + SkyModel(PowerLawSpectralModel(), PointSpatialModel(), name="other")
    models = models.with_links(
        {
            "other.spectral.index": "source.spectral.index",
            "other.spectral.amplitude": "0.5 * {source.spectral.amplitude} * {toy-bkg.spectral.norm}",
        }
    )
    found = banded_models(models, models["source"], np.array([1.0, 3.0, 10.0]), shape=False)
    table = found.parameters
    assert (table["other.spectral.index"].value, table["other.spectral.index"].free) == (2.2, False)
    assert table["other.spectral.amplitude"].link.count("{") == 1
    assert table["other.spectral.amplitude"].value == pytest.approx(4e-10)
    assert {name for name in table.free_names if name.startswith("source.")} == {
        "source.spectral.norm_0", "source.spectral.norm_1",
    }  # fmt: skip
    assert (
        "source.spatial.lon_0"
        in banded_models(models, models["source"], np.array([1.0, 3.0]), shape=True).parameters.free_names
    )


def test_priors_of_the_spectrum_are_left_out(fit):
    models = toy_models().with_frozen(PLACED)
    priors = {"index": Prior("Normal", mu=2.0, sigma=0.1), "toy-bkg.spectral.norm": Prior("Normal", mu=1.0, sigma=0.01)}
    other = MapFit.from_dataset(fit.dataset, models, priors=priors)
    bands = band_fit(other, "source", fit.dataset.axis.edges * u.TeV)
    assert bands.fit.priors["toy-bkg.spectral.norm"] == "Normal(mu=1, sigma=0.01)"
    assert "HalfFlat" in bands.fit.priors["source.spectral.norm_0"]


@pytest.mark.slow
def test_joint_data_share_the_norms():
    """Two sets of the same sky: their likelihoods multiply, so the errors shrink as the counts grow."""
    models = toy_models().with_frozen(PLACED)
    second = dataclasses.replace(toy_response(), name="more")
    both = models + FoVBackgroundModel("more")
    datasets = [toy_dataset(models), simulate(second, Models((models["source"], both["more-bkg"])), 2)]
    fit = MapFit.from_datasets(datasets, both, priors="flat")
    points = flux_points(fit, "source", datasets[0].axis.edges * u.TeV)
    assert points.datasets == ("toy", "more")
    assert points.counts.shape == (3, 2)
    single = [MapFit.from_dataset(item, models if item.name == "toy" else Models((models["source"], both["more-bkg"])),
                                  priors="flat") for item in datasets]  # fmt: skip
    parts = [flux_points(item, "source", datasets[0].axis.edges * u.TeV) for item in single]
    weights = np.array([item.norm_err**-2 for item in parts])
    mean = (weights * np.array([item.norm for item in parts])).sum(axis=0) / weights.sum(axis=0)
    assert points.norm == pytest.approx(mean, abs=0.4 * points.norm_err.max())
    assert points.norm_err == pytest.approx(weights.sum(axis=0) ** -0.5, rel=0.1)


def test_norms_of_a_spectrum_are_the_amplitudes_of_its_bins():
    """An On/Off spectrum with a sharp energy measurement: each band is a fit of one amplitude to one bin."""
    axis = MapAxis.from_energy_bounds(1.0, 10.0, 2)
    numbers = {"acceptance": 1.0, "acceptance_off": 4.0, "axis_true": axis.rename("energy_true")}
    data = SpectrumDatasetOnOff(
        "run", axis, counts=[60.0, 9.0], counts_off=[80.0, 6.0], exposure=np.full(2, 3e12), **numbers
    )
    place = {"lon_0": Parameter("lon_0", 0.0, "deg", frozen=True), "lat_0": Parameter("lat_0", 0.0, "deg", frozen=True)}
    spectrum = PowerLawSpectralModel(index=Parameter("index", 2.0, frozen=True), amplitude="2e-11 cm-2 s-1 TeV-1")
    source = SkyModel(spectrum, PointSpatialModel(**place), name="source")
    points = flux_points(MapFit.from_dataset(data, source, priors="flat"), "source", axis.edges * u.TeV)
    assert points.success, points.reasons
    for k in range(2):
        one = dataclasses.replace(data, mask=np.arange(2) == k)
        fit = MapFit.from_dataset(one, source, priors="flat")
        best = fit.optimize()
        ratio = best.model.parameters["amplitude"].value / 2e-11
        assert points.norm[k] == pytest.approx(ratio, rel=1e-4)
        gain = fit.log_likelihood() - fit.log_likelihood({"amplitude": 0.0})
        assert points.ts[k] == pytest.approx(2.0 * gain, rel=1e-4)
    assert abs(points.correlation[0, 1]) < 1e-6
    assert points.counts[:, 0].tolist() == [60.0, 9.0]


@pytest.mark.slow
def test_the_seeds_convention_has_norms_too():
    """Ten times the predicted counts in one band, for the seed's own fold."""
    axis = MapAxis.from_energy_bounds(1.0, 10.0, 2)
    true = axis.rename("energy_true")
    image = WcsGeom.create(skydir=(0.0, 0.0), npix=(15, 15), binsz=0.1, frame="icrs", proj="CAR")
    geom, geom_true = image.with_axes((axis,)), image.with_axes((true,))
    kernel = np.zeros((2, 3, 3))
    kernel[:, 1, 1] = 1.0
    data = MapDataset(
        "run", WcsNDMap(geom, np.ones(geom.shape)), WcsNDMap(geom_true, np.full(geom.shape, 1e13), "cm2 s"),
        background=WcsNDMap(geom, np.full(geom.shape, 0.5)), psf=PSFKernel(true, kernel),
    )  # fmt: skip
    place = {name: Parameter(name, 0.0, "deg", frozen=True) for name in ("lon_0", "lat_0")}
    spatial = GaussianSpatialModel(sigma=Parameter("sigma", 0.2, "deg", frozen=True), **place)
    source = SkyModel(PowerLawSpectralModel(), spatial, name="source")
    fit = MapFit.from_dataset(data, source, priors="flat", convention="gammapy010")
    bands = band_fit(fit, "source", axis.edges * u.TeV)
    plain = np.asarray(fit.npred_components()["source"].data)
    found = bands.fit.npred_components({"source.spectral.norm_0": 10.0, "source.spectral.norm_1": 1.0})["source"].data
    np.testing.assert_allclose(found, plain * np.array([10.0, 1.0])[:, None, None], rtol=1e-9, atol=1e-12)
