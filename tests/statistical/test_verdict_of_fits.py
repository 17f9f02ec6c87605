"""The verdict on real runs: six sick cases are told, healthy ones raise no alarm."""

from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest

from bayesmap.checks.verdict import judge
from bayesmap.fit import MapFit, simulate
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.results.posterior import verdict_of
from bayesmap.testing import toy_dataset, toy_models, toy_response

pytestmark = [pytest.mark.slow, pytest.mark.statistical]
AMPLITUDE = "8e-10 cm-2 s-1 TeV-1"


def verdict(fit, draws=1000, **options):
    return verdict_of(fit.sample(draws=draws, random_seed=3, **options))


def point(name, lon, lat):
    return SkyModel(
        PowerLawSpectralModel(index=2.2, amplitude=AMPLITUDE), PointSpatialModel(lon_0=lon, lat_0=lat), name=name
    )


def alone(spatial, name):
    """A source of which only the amplitude is free."""
    source = SkyModel(PowerLawSpectralModel(index=2.2, amplitude="4e-8 cm-2 s-1 TeV-1"), spatial, name=name)
    return Models(source).with_frozen({key: not key.endswith("amplitude") for key in source.named_parameters})[name]


def test_funnel():
    """Neal's, in its centred form, which no pool of this package has: nine values whose scale is free."""
    with pm.Model():
        scale = pm.Normal("scale", 0.0, 3.0)
        pm.Normal("values", 0.0, pm.math.exp(scale / 2.0), shape=9)
        tree = pm.sample(draws=1000, tune=500, chains=4, cores=1, random_seed=3, nuts_sampler="pymc", progressbar=False)
    tree.attrs |= {"status": "finished", "notes": "[]"}
    nothing = SimpleNamespace(models=Models(()), names=(), derived=frozenset())
    found = judge(tree, SimpleNamespace(coordinates=nothing, bounds=lambda: (np.empty(0), np.empty(0))))
    assert "divergent" in found.status, found


def test_ridge():
    """A point and a Gaussian much smaller than the PSF, at one place: the sum of their fluxes is known."""
    place = {"lon_0": 83.63, "lat_0": 22.01}
    star, halo = alone(PointSpatialModel(**place), "star"), alone(GaussianSpatialModel(**place, sigma=0.005), "halo")
    models = Models((star, halo, FoVBackgroundModel("toy")))
    found = verdict(MapFit.from_dataset(simulate(toy_response(), models, 1), models))
    assert "ridge" in found.status
    (reason,) = [item for item in found.reasons if item.startswith("ridge")]
    assert "star.spectral.amplitude and halo.spectral.amplitude are known in combination only" in reason


def test_twins():
    models = Models((point("a", 83.65, 22.0), point("b", 83.60, 22.0), FoVBackgroundModel("toy")))
    found = verdict(MapFit.from_dataset(simulate(toy_response(), models, 1), models), draws=500)
    assert "exchangeable" in found.status


def test_two_places():
    truth = Models((point("a", 83.9, 22.3), point("b", 83.3, 21.7), FoVBackgroundModel("toy")))
    models = Models((point("one", 83.9, 22.3), FoVBackgroundModel("toy")))
    assert verdict(MapFit.from_dataset(simulate(toy_response(), truth, 1), models)).status == "multimodal"


def test_one_pixel():
    models = toy_models(PointSpatialModel(lon_0=83.63, lat_0=22.01))
    fit = MapFit.from_dataset(simulate(toy_response(npix=1), models, 1), models)
    assert not verdict(fit).ok
    returned = [line for line in fit.prior_report().warnings if "returns its prior" in line]
    assert {name for name in fit.prior_report().rows if any(name in line for line in returned)} >= {
        "source.spatial.lon_0",
        "source.spatial.lat_0",
    }


def test_thirty_draws():
    found = verdict(MapFit.from_dataset(toy_dataset(), toy_models()), draws=30, tune=30)
    assert "few_draws" in found.status


@pytest.mark.parametrize("seed", range(20))
def test_healthy_runs_raise_no_alarm(seed):
    """Twenty data sets, each with draws of its own."""
    fit = MapFit.from_dataset(toy_dataset(seed=100 + seed), toy_models())
    found = verdict_of(fit.sample(draws=1000, random_seed=seed))
    assert found.ok, found
