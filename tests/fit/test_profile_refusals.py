"""Profiles and contours that cannot be: a pool without spread, a probability of one."""

import dataclasses

import pytest

from bayesmap import FoVBackgroundModel, MapFit, PoolModel
from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.testing import toy_response


def test_a_pool_without_spread_has_no_profile():
    """Members that agree: the best spread is zero, where deviates do not move the members."""
    runs = [dataclasses.replace(toy_response(npix=4, background=4.0), name=f"run-{k}") for k in range(2)]
    runs = [run.with_counts(run.background) for run in runs]
    norms = [FoVBackgroundModel(run.name) for run in runs]
    pool = PoolModel(
        [f"{model.name}.spectral.norm" for model in norms],
        mean=Parameter("mean", 1.0, prior=Prior("LogNormal", mu=0.0, sigma=0.3)),
        spread=Parameter("spread", 0.2, min=0.0, prior=Prior("HalfNormal", sigma=0.3)),
    )
    fit = MapFit.from_datasets(runs, [*norms, pool], allow_asimov=True)
    best = fit.optimize()
    assert any("spread" in name for name in best.at_bound)
    with pytest.raises(FitStateError, match="BM-FT-034.*a pool without spread"):
        fit.confidence(f"{norms[0].name}.spectral.norm", "profile")


def test_minuit_is_not_asked_for_a_probability_of_one(small_fit):
    small_fit.run()
    x, y = small_fit.free_parameters[:2]
    with pytest.raises(BayesmapInputError, match="BM-FT-035: sigma is 9"):
        small_fit.minos_contour(x, y, 8, sigma=9.0, backend="minuit")
