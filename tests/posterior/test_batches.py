"""Sources of one type, folded in a loop, give what each gives by itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesmap import (
    DiskSpatialModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    MapFit,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.fold import banks
from bayesmap.testing import toy_dataset, toy_models

LON, LAT = 83.63, 22.01


def source(name, spatial, index=2.3, **options):
    spectrum = PowerLawSpectralModel(amplitude="3e-12 cm-2 s-1 TeV-1", index=index, reference="1 TeV")
    return SkyModel(spectrum, spatial, name=name, **options)


def shapes(kind):
    """Return spatial models of one type, one of them beyond the edge of the map."""
    places = [(LON + 0.3, LAT - 0.4), (LON - 0.5, LAT + 0.2), (LON + 1.25, LAT)]
    make = {
        "points": lambda k, place: PointSpatialModel(**place),
        "Gaussians of two branches": lambda k, place: GaussianSpatialModel(**place, sigma=(0.05, 0.15, 0.05)[k]),
        "disks": lambda k, place: DiskSpatialModel(**place, r_0=0.2),
    }[kind]
    return [make(k, {"lon_0": lon, "lat_0": lat}) for k, (lon, lat) in enumerate(places)]


def models_of(kind):
    """Return three sources of one type, and one whose index is frozen: its graph is another."""
    sources = [source(f"s{k}", spatial, 2.0 + 0.2 * k) for k, spatial in enumerate(shapes(kind))]
    alone = source("alone", PointSpatialModel(lon_0=LON, lat_0=LAT))
    models = Models([*sources, alone, FoVBackgroundModel("toy")])
    return models.with_frozen({"alone.spectral.index": True})


KINDS = ("points", "Gaussians of two branches", "disks")


@pytest.fixture(scope="module", params=KINDS)
def fits(request):
    """Return the same fit with sources in loops, and with each by itself."""
    models = models_of(request.param)
    dataset = toy_dataset(toy_models(PointSpatialModel(lon_0=LON, lat_0=LAT)), npix=24)
    found = []
    for fewest in (3, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(banks, "FEWEST", fewest)
            found.append(MapFit.from_dataset(dataset, models, priors="flat"))
    return found


def points(fit, n=3):
    rng = np.random.default_rng(3)
    start = fit._posterior.coordinates.start
    spread = np.where(start == 0.0, 0.02, 0.1 * start)
    return [start + spread * step for step in rng.normal(size=(n, len(start)))]


def test_value_and_gradient(fits):
    looped, plain = (fit._posterior for fit in fits)
    for theta in points(fits[1]):
        (value, gradient), (expected, slopes) = looped.value_and_gradient(theta), plain.value_and_gradient(theta)
        assert value == pytest.approx(expected, rel=1e-12)
        assert_allclose(gradient, slopes, rtol=1e-9, atol=1e-9 * np.max(np.abs(slopes)))


@pytest.mark.parametrize(
    "fits", ["points", pytest.param("Gaussians of two branches", marks=pytest.mark.slow), "disks"], indirect=True
)
def test_hessian_and_information(fits):
    """Of Gaussians in the long tier: it takes minutes to compile."""
    looped, plain = (fit._posterior for fit in fits)
    (theta,) = points(fits[1], 1)
    for name in ("hessian", "fisher"):
        found, expected = getattr(looped, name)(theta), getattr(plain, name)(theta)
        assert_allclose(found, expected, rtol=1e-8, atol=1e-10 * np.max(np.abs(expected)))


def test_counts_of_all_and_of_each(fits):
    looped, plain = (fit._posterior for fit in fits)
    for theta in points(fits[1]):
        expected = plain.npred(theta)
        assert_allclose(looped.npred(theta), expected, rtol=1e-12, atol=1e-13 * expected.max())
        parts, components = looped.components(theta), plain.components(theta)
        assert list(parts) == list(components)
        for name, cube in components.items():
            assert_allclose(parts[name], cube, rtol=1e-12, atol=1e-13 * expected.max())


def test_a_source_off_the_map_ends_the_support(fits):
    for fit in fits:
        posterior = fit._posterior
        theta = posterior.coordinates.start.copy()
        theta[posterior.coordinates.names.index("s1.spatial.lat_0")] += 5.0
        assert posterior.log_likelihood(theta) == -np.inf


def test_a_negative_flux_is_looked_at(fits):
    for fit in fits:
        posterior = fit._posterior
        theta = posterior.coordinates.start.copy()
        theta[posterior.coordinates.names.index("s0.spectral.amplitude")] *= -3000.0
        assert posterior.log_likelihood(theta) == -np.inf
