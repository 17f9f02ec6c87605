"""The Crab nebula in the reference data: power law, log parabola or cut-off, by compare and by nested sampling."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bayesmap import (
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    MapFit,
    Models,
    PowerLawSpectralModel,
    SkyModel,
    compare,
    log_evidence,
    read_dataset,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
AMPLITUDE = "4e-11 cm-2 s-1 TeV-1"
SPECTRA = {
    "power law": PowerLawSpectralModel(index=2.5, amplitude=AMPLITUDE),
    "log parabola": LogParabolaSpectralModel(alpha=2.4, beta=0.1, amplitude=AMPLITUDE),
    "cut-off": ExpCutoffPowerLawSpectralModel(index=2.2, amplitude=AMPLITUDE, lambda_="0.1 TeV-1"),
}
HELD = {"lon_0": True, "lat_0": True, "sigma": True, "alpha": True}


@pytest.fixture(scope="module")
def fits(reference_data):
    """Position and size are those of the reference fit: spectra are compared."""
    record = json.loads((reference_data / "fits" / "hess_crab_gauss.json").read_text())
    dataset = read_dataset(reference_data / "hess-crab.mapdataset.fits.gz", name="hess-crab")
    place = {
        item["name"]: item["value"] for item in record["models_best"]["components"][0]["spatial"]["parameters"][:3]
    }
    found = {}
    for name, spectrum in SPECTRA.items():
        source = SkyModel(spectrum, GaussianSpatialModel(**place, frame="icrs"), name="crab")
        models = Models((source, FoVBackgroundModel("hess-crab")))
        held = {f"crab.spatial.{key}": True for key in place}
        found[name] = MapFit.from_dataset(dataset, models.with_frozen(held))
    return found


@pytest.fixture(scope="module")
def found(fits):
    return compare(fits, random_seed=3, draws=1000, tune=200, target_accept=0.9)


def test_all_is_to_be_trusted(found):
    assert found.success, found.reasons
    assert found.groups == 110_000
    assert sum(found.weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(SPECTRA))
def test_nested_sampling_confirms_the_evidence(fits, found, name):
    pytest.importorskip("ultranest")
    other = log_evidence(fits[name], random_seed=4, method="ultranest")
    assert other.success, other.reasons
    assert other.error <= 0.2
    mine = found.evidences[name]
    assert abs(other.log_z - mine.log_z) < 3.0 * math.hypot(other.error, mine.error), (str(other), str(mine))


def test_the_differences_are_those_of_the_likelihood(fits, found):
    """Of nested models the elpd differs by about the gain in likelihood less one for each further parameter."""
    gain = {name: fit.log_likelihood() for name, fit in fits.items()}
    for name in ("log parabola", "cut-off"):
        delta, error = found.difference(name, "power law")
        expected = gain[name] - gain["power law"] - 1.0
        assert abs(delta - expected) < max(2.0, error), (name, delta, error, expected)
        assert np.isfinite(found.log_bayes_factor(name, "power law")).all()
