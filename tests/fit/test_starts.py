"""The best fit does not depend on the start: off by an error or a PSF width, across 0 h, at the pole, on weak data."""

import numpy as np
import pytest

from bayesmap.dataset import MapDataset
from bayesmap.fit import MapFit
from bayesmap.inference.newton import minimise
from bayesmap.maps.map import WcsNDMap
from bayesmap.maps.sphere import separation
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response
from tests.fold.plain import plain_npred

PSF = 0.15  # deg, of toy_response at 1 TeV
# East, North in PSF widths; shifts of index and of norm; factor on the amplitude.
STARTS = {
    "one width East": (1.0, 0.0, 0.0, 0.0, 1.0),
    "one width West": (-1.0, 0.0, 0.0, 0.0, 1.0),
    "one width North, faint": (0.0, 1.0, 0.0, 0.0, 0.3),
    "one width South, bright": (0.0, -1.0, 0.0, 0.0, 3.0),
    "soft, much background": (0.0, 0.0, 0.4, 0.5, 1.0),
    "hard, little background": (0.7, 0.7, -0.4, -0.5, 1.0),
}


class Case:
    """Counts drawn for a truth, fitted from a start of its own; compiled once for all starts."""

    def __init__(self, truth, start, *, seed, **response):
        self.truth = truth
        dataset = toy_response(npix=18, psf_sigma=PSF, **response)
        npred = plain_npred(dataset, models_of(*truth))
        counts = np.random.default_rng(seed).poisson(npred).astype(float)
        self.dataset = MapDataset(
            **{name: getattr(dataset, name) for name in ("name", "exposure", "background", "psf", "edisp")},
            counts=WcsNDMap(dataset.counts.geom, counts),
        )
        self.fit = MapFit.from_dataset(self.dataset, models_of(*start), priors="flat")
        self.best = self.fit.optimize()
        self.posterior = self.fit._posterior
        self.theta = self.posterior.coordinates.to_theta(
            {name: self.best.model.parameters[name].value for name in self.fit.free_parameters}
        )

    def index(self, ending):
        (found,) = [n for n, name in enumerate(self.fit.free_parameters) if name.endswith(f".{ending}")]
        return found

    def true_theta(self):
        """Coordinates of the truth, which need not be the start."""
        models = models_of(*self.truth)
        return self.posterior.coordinates.to_theta(
            {name: models.parameters[name].value for name in self.fit.free_parameters}
        )

    def errors(self):
        return np.sqrt(np.diag(np.linalg.inv(-self.posterior.hessian(self.theta))))

    def stat_from(self, theta):
        lower = np.full(len(theta), -np.inf)
        if self.truth[0].size_names:
            lower[self.index(self.truth[0].size_names[0])] = 0.0
        state, message = minimise(
            self.posterior, theta, (lower, np.full(len(theta), np.inf)), tolerance=1e-4, max_iterations=100
        )
        assert message == ""
        assert state.exact
        values = self.posterior.coordinates.to_values(state.theta)
        return self.fit.total_stat(values)


def models_of(spatial, amplitude):
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=f"{amplitude} cm-2 s-1 TeV-1")
    return Models((SkyModel(spectrum, spatial, name="source"), FoVBackgroundModel("toy")))


def point(lon, lat):
    return PointSpatialModel(lon_0=lon, lat_0=lat)


CASES = {
    "seam": lambda: Case((point(359.99, 0.02), 8e-10), (point(0.01, -0.03), 5e-10), seed=2, center=(0.0, 0.0)),
    "other side of the seam": lambda: Case(
        (point(0.01, 0.02), 8e-10), (point(359.95, 0.05), 5e-10), seed=3, center=(359.9, 0.1), proj="CAR"
    ),
    "pole": lambda: Case((point(0.0, 90.0), 8e-10), (point(100.0, 89.9), 5e-10), seed=4, center=(40.0, 89.95)),
    "weak background": lambda: Case(
        (point(83.70, 21.96), 2e-10), (point(83.63, 22.01), 4e-10), seed=5, background=0.05
    ),
}


IDS = [*CASES, "gauss"]


def extended():
    """A Gaussian that starts half again too large: the two images of its fold are blended on the way."""
    return Case(
        (GaussianSpatialModel(lon_0=83.70, lat_0=21.96, sigma=0.2), 2e-9),
        (GaussianSpatialModel(lon_0=83.63, lat_0=22.01, sigma=0.3), 1e-9),
        seed=6,
    )


@pytest.fixture(scope="module", params=[*CASES.values(), pytest.param(extended, marks=pytest.mark.slow)], ids=IDS)
def case(request):
    return request.param()


def test_the_fit_from_its_own_start(case):
    """It finds the source where it is: within five errors of the position."""
    assert case.best.success, case.best.reasons
    values = case.best.model.parameters
    lon, lat = (values[f"source.spatial.{name}"].value for name in ("lon_0", "lat_0"))
    error = np.max(case.errors()[list(case.posterior.coordinates.moving["source"])])
    assert separation(lon, lat, *case.truth[0].position) < 5.0 * error < PSF


@pytest.mark.parametrize("sign", [-1.0, 0.0, 1.0])
def test_an_error_away(case, sign):
    theta = case.true_theta() + sign * case.errors()
    assert case.stat_from(theta) == pytest.approx(case.best.total_stat, abs=0.01)


@pytest.mark.parametrize("start", STARTS)
def test_a_psf_width_away(case, start):
    east, north, index, norm, factor = STARTS[start]
    theta = case.true_theta()
    x, y = case.posterior.coordinates.moving["source"]
    theta[x] += east * PSF
    theta[y] += north * PSF
    theta[case.index("index")] += index
    theta[case.index("norm")] += norm
    theta[case.index("amplitude")] *= factor
    if case.truth[0].size_names:
        theta[case.index("sigma")] *= {"one width East": 0.3, "one width West": 2.0}.get(start, 1.0)
    assert case.stat_from(theta) == pytest.approx(case.best.total_stat, abs=0.01)
