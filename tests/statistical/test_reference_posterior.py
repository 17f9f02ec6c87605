"""The posterior of a real data set beside the one that nested sampling found with Gammapy's likelihood."""

import json

import arviz as az
import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.io.gammapy import read_dataset
from bayesmap.io.yaml import read_models
from bayesmap.results.posterior import verdict_of

pytestmark = pytest.mark.statistical
SHIFT = {"amplitude": 0.02, "alpha": 0.02, "beta": 0.02, "norm": 0.12}
"""Standard deviations that an exact integration of the point source moves each parameter by (README of the data)."""


def test_crab_with_fixed_position(reference_data):
    reference = json.loads((reference_data / "fits" / "posterior_fermi_crab_lp.json").read_text())
    models = json.loads((reference_data / "fits" / "fermi_crab_lp.json").read_text())["models_start"]
    dataset = read_dataset(reference_data / "fermi-crab.mapdataset.fits.gz")
    # The bounds of the reference's uniform priors lie four standard deviations out: flat ones are the same.
    fit = MapFit.from_dataset(
        dataset, read_models(models, root=reference_data / "fermi-crab"), exposure_order="after_psf", priors="flat"
    )
    tree = fit.sample(random_seed=3)
    assert verdict_of(tree).ok
    draws = tree["posterior"].to_dataset()
    for i, theirs in enumerate(reference["names"]):
        bare = theirs.rsplit(".", 1)[1]
        (name,) = (item for item in fit.free_parameters if item.endswith(f".{bare}"))
        sd = reference["sd"][i]
        their_errors = {"mean": sd / np.sqrt(reference["ess"]), "sd": sd / np.sqrt(2.0 * reference["ess"])}
        for method, figure in (("mean", np.mean), ("sd", np.std)):
            own = float(az.mcse(draws[[name]], method=method)[name])
            allowed = 4.0 * np.hypot(own, their_errors[method]) + SHIFT[bare] * sd
            assert abs(figure(draws[name].values) - reference[method][i]) < allowed, (name, method)
