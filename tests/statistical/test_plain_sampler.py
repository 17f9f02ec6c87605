"""Whitened NUTS and PyMC's own sampler draw from the same posterior."""

import arviz as az
import numpy as np
import pymc as pm
import pytest

from bayesmap.fit import MapFit
from bayesmap.testing import toy_dataset, toy_models

pytestmark = pytest.mark.statistical


def test_means_and_deviations_agree_with_plain_sampling():
    fit = MapFit.from_dataset(toy_dataset(npix=12), toy_models())
    whitened = fit.sample(draws=1500, random_seed=5)["posterior"].to_dataset()
    plain = pm.sample(
        draws=1500,
        tune=800,
        chains=4,
        random_seed=6,
        model=fit.pymc_model,
        backend="jax",
        progressbar=False,
        initvals=fit.initial_values,
    )["posterior"].to_dataset()
    for name in fit.free_parameters:
        ours, theirs = whitened[[name]], plain[[name]]
        for method, figure in (("mean", np.mean), ("sd", np.std)):
            error = np.hypot(*(float(az.mcse(item, method=method)[name]) for item in (ours, theirs)))
            difference = figure(ours[name].values) - figure(theirs[name].values)
            assert abs(difference) < 4.0 * error, (name, method)
