"""The case that Gammapy 0.10's own test_map_fit asserts, called as there, and the seed's proven defects."""

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import SkyModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel

# (npred, stat, errors) as asserted in Gammapy 0.10, cube/tests/test_fit.py, and reproduced in float64 (data README).
SEED_NPRED, SEED_STAT = 2455.2309, 5417.35006
SEED_ERRORS = {
    "source.spatial.lon_0": 0.004177,
    "source.spectral.index": 0.033947,
    "source.spectral.amplitude": 4.03049e-13,
}


@pytest.fixture(scope="module")
def case(reference_data):
    return np.load(reference_data / "seed_case.npz")


def inputs(case):
    energy = MapAxis.from_edges(case["ereco"], name="energy", interp="lin")
    energy_true = MapAxis.from_edges(case["etrue"], name="energy_true", interp="lin")
    geom = WcsGeom.create(skydir=(0, 0), npix=(100, 100), binsz=0.02, frame="galactic", proj="CAR", axes=(energy,))
    mask = np.broadcast_to(case["mask"].astype(bool), geom.shape)
    return (
        WcsNDMap(geom, case["counts"]),
        WcsNDMap(geom.with_axes((energy_true,)), case["exposure"], "m2 s"),
        WcsNDMap(geom, np.broadcast_to(case["bkg"], geom.shape)),
        WcsNDMap(geom, mask),
        PSFKernel(energy_true, case["kernel"]),
        EnergyDispersion(energy_true, energy, case["edisp"]),
    )


def source():
    spatial = GaussianSpatialModel(lon_0="0.2 deg", lat_0="0.1 deg", sigma="0.2 deg", frame="galactic")
    spatial = spatial.with_parameters((spatial.sigma.replace(frozen=True),))
    return SkyModel(PowerLawSpectralModel(index=3, amplitude="1e-11 cm-2 s-1 TeV-1"), spatial, name="source")


@pytest.fixture(scope="module")
def fit(case):
    return MapFit(source(), *inputs(case), convention="gammapy010", allow_asimov=True)


def test_predicted_counts_and_statistic(fit, case):
    npred = fit.npred().data
    assert npred.sum() == pytest.approx(SEED_NPRED, rel=1e-6)
    assert fit.total_stat() == pytest.approx(SEED_STAT, rel=1e-6)
    # The seed convolves in float32: its own cube is good to 1e-6 of the peak.
    assert np.max(np.abs(npred - case["npred"])) < 1e-6 * case["npred"].max()


def test_laplace_errors(fit):
    best = fit.run()
    assert best.success
    for name, error in SEED_ERRORS.items():
        assert best.model.parameters[name].error == pytest.approx(error, rel=1e-2)


def test_statistic_per_bin_adds_up_over_the_mask(fit):
    assert fit.stat.shape == fit.dataset.counts.data.shape
    assert np.sum(fit.stat[fit.dataset.mask_data]) == pytest.approx(fit.total_stat(), rel=1e-12)


def test_the_default_integrates_the_energy_bins(case):
    # Defect 1: the rectangle rule finds a third of the counts; integrated there are 7214 (seed_mapfit).
    exact = MapFit(source(), *inputs(case), allow_asimov=True)
    assert exact.npred().data.sum() == pytest.approx(7214, rel=2e-3)


def test_nonsense_is_not_rewarded(fit):
    # Defect 3: a negative amplitude gave the seed a better statistic than the optimum.
    assert fit.total_stat({"amplitude": -1e-11}) == np.inf


def test_frozen_parameters_stay(fit):
    # Defect 5: a frozen reference energy moved to 1.019 TeV.
    best = fit.optimize()
    assert best.model.parameters["reference"].value == 1.0
    assert best.model.parameters["sigma"].value == 0.2
