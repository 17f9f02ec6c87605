"""Correlated fields: the sines have the covariance of the kernel, the factor has mean one."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from bayesmap.errors import ModelError
from bayesmap.io.yaml import read_models, write_models
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian_process_norm import GaussianProcessNormSpatialModel
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel
from bayesmap.models.spatial.hilbert import build_basis, is_weight
from bayesmap.models.spectral.power_law import PowerLawSpectralModel

PLACE = {"lon_0": 83.6, "lat_0": 22.0}


def field(**values):
    return GaussianProcessNormSpatialModel(**PLACE | {"width": (4.0, 3.0), "length": 1.0} | values)


def weighted(model, seed=0):
    rng = np.random.default_rng(seed)
    return model.with_parameters(
        tuple(item.replace(value=rng.standard_normal()) for item in model.parameters if is_weight(item.name))
    )


def design(model, x, y):
    """Return sqrt(S) phi phi of every pair of sines, shape (pairs, places)."""
    across, along = model.basis.sines(x, y)
    root = model.basis.root_power(np, model.scatter.value, model.length.canonical_value)
    return np.einsum("jk,jp,kp->jkp", root, across, along).reshape(-1, len(x))


@pytest.mark.parametrize(("kernel", "worst"), [("squared_exponential", 0.01), ("matern32", 0.03)])
def test_the_covariance_is_that_of_the_kernel(kernel, worst):
    model = field(kernel=kernel, scatter=0.5)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1.5, 1.5, 200), rng.uniform(-1.1, 1.1, 200)
    rows = design(model, x, y)
    separation = np.hypot(x[:, None] - x, y[:, None] - y)
    assert np.abs(rows.T @ rows - model.covariance(separation)).max() < worst * 0.25


def test_kernels_are_the_named_ones():
    assert field(scatter=0.5).covariance([0.0, 2.0]) == pytest.approx([0.25, 0.25 * np.exp(-2.0)])
    matern = field(scatter=0.5, kernel="matern32").covariance([0.0, 2.0])
    assert matern == pytest.approx([0.25, 0.25 * (1 + 2 * np.sqrt(3)) * np.exp(-2 * np.sqrt(3))])


def test_the_factor_has_mean_one_at_every_position():
    """The mean of exp(f) is exp(var / 2), so that without weights the logarithm must be minus half the variance."""
    model = field(scatter=0.4, length=1.5)
    x, y = np.array([0.0, -1.9, 1.5]), np.array([0.0, 1.3, -1.2])
    variance = np.sum(design(model, x, y) ** 2, axis=0)
    assert model.log_field(np, 83.6 + 0.0 * x[:1], 22.0 + 0.0 * y[:1], **model.canonical_values) == pytest.approx(
        -0.5 * variance[:1]
    )
    assert model.basis.log_field(np, x, y, model.canonical_values) == pytest.approx(-0.5 * variance)
    assert np.sqrt(variance) == pytest.approx(np.full(3, 0.4), rel=0.1)


def test_without_scatter_it_is_one_and_smooth():
    model = weighted(field(scatter=0.0))
    lon, lat = np.array([83.0, 84.0]), np.array([22.5, 21.5])
    assert np.array_equal(model.brightness(lon, lat), np.ones(2))
    scatter = pt.dscalar()
    total = pt.sum(model.factor(pt, lon, lat, **model.canonical_values | {"scatter": scatter}))
    slope = pytensor.function([scatter], pt.grad(total, scatter), mode="FAST_COMPILE")(0.0)
    step = 1e-6
    moved = model.factor(np, lon, lat, **model.canonical_values | {"scatter": step}).sum()
    assert slope == pytest.approx((moved - 2.0) / step, rel=1e-4)


@pytest.mark.parametrize("kernel", ["squared_exponential", "matern32"])
def test_the_graph_is_the_formula(kernel):
    model = weighted(field(kernel=kernel, modes=(5, 4)))
    lon, lat = np.meshgrid(np.linspace(82.5, 84.7, 6), np.linspace(21.0, 23.0, 5))
    graph = model.factor(pt, lon, lat, **{name: pt.constant(value) for name, value in model.canonical_values.items()})
    assert graph.eval(mode="FAST_COMPILE") == pytest.approx(model.brightness(lon, lat), rel=1e-12)


def test_sines_are_as_many_as_the_length_needs():
    assert field().modes == (6, 6)
    assert field(length="30 arcmin").modes == (9, 7)
    assert field(width="4 deg").width == (4.0, 4.0)
    assert field(modes=(3, 2)).basis.names == ("mode_1_1", "mode_1_2", "mode_2_1", "mode_2_2", "mode_3_1")
    assert build_basis((2.0, 2.0), 1.0, "matern32") == ((4.5, 4.5), (16, 16))


def test_priors_are_its_own():
    model = field(length="30 arcmin")
    assert model.mode_2_1.prior == Prior("Normal", mu=0.0, sigma=1.0)
    assert model.scatter.prior == Prior("HalfNormal", sigma=0.3)
    assert model.length.prior == Prior("LogNormal", mu=np.log(30.0), sigma=0.3)
    stated = Prior("Gamma", alpha=2.0, beta=1.0)
    assert field(length=Parameter("length", 1.0, "deg", prior=stated)).length.prior == stated


def test_the_box_holds_a_map_in_its_frame():
    geom = WcsGeom.create(skydir=(0.5, 89.0), npix=(30, 20), binsz=0.1, frame="galactic", proj="TAN")
    model = weighted(GaussianProcessNormSpatialModel.from_geom(geom, "1 deg", scatter=0.1))
    assert model.frame == "galactic"
    assert model.width == pytest.approx((2.9, 1.9), rel=3e-3)
    assert np.all(np.isfinite(model.brightness(*geom.pixel_centers())))


def test_other_values_keep_sines_and_box():
    model = field()
    moved = model.with_parameters((model.length.replace(value=0.4),))
    assert (moved.modes, moved.boundary, moved.width) == (model.modes, model.boundary, model.width)
    assert moved.length.prior == model.length.prior


def test_it_is_written_and_read_back(tmp_path):
    model = weighted(field(kernel="matern32", modes=(3, 2)))
    models = Models(FoVBackgroundModel("run", spatial_model=model))
    write_models(models, tmp_path / "models.yaml")
    again = read_models(tmp_path / "models.yaml")[0].spatial_model
    assert again == model
    assert again.brightness(np.array([83.0]), np.array([22.0])) == model.brightness(np.array([83.0]), np.array([22.0]))


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"width": None}, "BM-MO-050.*no width"),
        ({"width": (0.0, 1.0)}, r"BM-MO-050.*the width \(0.0, 1.0\)"),
        ({"kernel": "squared"}, "BM-MO-050.*'squared'.*one of.*Did you mean 'squared_exponential'"),
        ({"length": 0.0}, "BM-MO-050.*the length 0 deg"),
        ({"boundary": (1.0, 2.0)}, "BM-MO-050.*the boundary"),
        ({"modes": (0, 2)}, "BM-MO-050.*the modes"),
        ({"modes": 4}, "BM-MO-050.*the modes 4"),
        ({"length": 0.01}, "BM-MO-050.*x.*sines"),
        ({"lon_0": Parameter("lon_0", 83.6, "deg")}, "BM-MO-050.*free lon_0.*Set frozen=True"),
        ({"frame": "galactisch"}, "BM-MO-007"),
    ],
)
def test_bad_fields(values, match):
    with pytest.raises(ModelError, match=match):
        field(**values)


def test_outside_its_box_it_has_no_value_and_a_source_has_it_not():
    with pytest.raises(ModelError, match="BM-MO-051.*1 of 2 positions"):
        field()(np.array([83.6, 86.0]), 22.0)
    with pytest.raises(ModelError, match="BM-MO-014"):
        SkyModel(PowerLawSpectralModel(), field())


@pytest.mark.parametrize(("length", "width"), [(1.0, (4.0, 3.0)), (0.6, (1.5, 1.5)), (8.0, (40.0, 30.0))])
def test_the_brightness_of_a_field_integrates_to_one(length, width):
    model = weighted(GaussianProcessSpatialModel(**PLACE, width=width, length=length, scatter=0.8), seed=4)
    half = max(model.basis.half)
    pixels = 600
    lon_lat = (PLACE["lon_0"], PLACE["lat_0"])
    geom = WcsGeom.create(skydir=lon_lat, npix=(pixels, pixels), binsz=2.2 * half / pixels, frame="icrs", proj="ZEA")
    brightness = model.evaluate_geom(geom).value
    assert np.all(brightness >= 0.0)
    assert np.sum(brightness * geom.solid_angle()) == pytest.approx(1.0, abs=2e-5)


def test_a_domain_beyond_the_sphere():
    with pytest.raises(ModelError, match="BM-MO-050.*a domain of 160 x 160 deg to either side"):
        GaussianProcessSpatialModel(**PLACE, width=100.0, length=50.0)


def test_a_field_on_the_sky_is_flat_in_its_box_and_zero_beyond_its_domain():
    model = GaussianProcessSpatialModel(**PLACE, width=2.0, length=1.0, scatter=0.0)
    inside = model(np.array([83.6, 84.5, 83.0]), np.array([22.0, 22.9, 21.2])).value
    assert inside == pytest.approx(np.full(3, inside[0]), rel=1e-12)
    assert model.basis.half == pytest.approx((3.2, 3.2))
    assert model(83.6, 25.3).value == 0.0
    assert 0.0 < model(83.6, 24.0).value < inside[0]
    assert model.scatter.prior == Prior("HalfNormal", sigma=1.0)


def test_a_field_on_the_sky_is_written_and_read_back(tmp_path):
    model = weighted(GaussianProcessSpatialModel(**PLACE, width=2.0, length="40 arcmin"))
    write_models(Models(SkyModel(PowerLawSpectralModel(), model, name="diffuse")), tmp_path / "models.yaml")
    assert read_models(tmp_path / "models.yaml")[0].spatial_model == model


def test_a_field_on_the_sky_is_no_factor():
    with pytest.raises(ModelError, match="BM-MO-014"):
        FoVBackgroundModel("run", spatial_model=GaussianProcessSpatialModel(**PLACE, width=2.0))
