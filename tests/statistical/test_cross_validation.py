"""Cross-validation by weights against exact cross-validation: twenty fits without a twentieth of the bins."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

from bayesmap import MapFit
from bayesmap.fit.leave_out import masked, without_bins, without_group
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import sample
from bayesmap.testing import toy_dataset, toy_models

pytestmark = [pytest.mark.slow, pytest.mark.statistical]
FOLDS = 20


@pytest.fixture(scope="module")
def fit():
    models = toy_models(amplitude="4e-10 cm-2 s-1 TeV-1").with_frozen({"lon_0": True, "lat_0": True})
    return MapFit.from_dataset(toy_dataset(models, npix=10, seed=6), models)


@pytest.fixture(scope="module")
def tree(fit):
    return fit.sample(draws=1000, chains=4, random_seed=6)


def exact(fit, fold, number):
    """Return ln p(bin | bins of the other folds) of every bin, by NUTS without each fold."""
    found = np.empty(len(fold))
    for k in range(number):
        posterior = masked(fit, [without_bins(fit.dataset, fold == k)])
        best, theta = optimize(posterior, lambda _: math.nan)
        draws = sample(posterior, theta, lambda: None, hessian=best.hessian, draws=500, random_seed=k).theta
        values = np.array([fit._posterior.pointwise(one)[fold == k] for one in draws.reshape(-1, draws.shape[-1])])
        found[fold == k] = scipy.special.logsumexp(values, axis=0) - math.log(len(values))
    return found


def test_leave_one_out_is_twenty_fold(fit, tree, capsys):
    """S20: within two standard errors; also of the difference bin by bin, which is far smaller."""
    loo = fit.loo(tree)
    assert np.mean(loo.pareto_k <= loo.largest_k) >= 0.99
    fold = np.random.default_rng(1).permutation(len(loo.elpd_i)) % FOLDS
    each = exact(fit, fold, FOLDS)
    difference = each.sum() - loo.elpd
    paired = math.sqrt(len(each) * (each - loo.elpd_i).var(ddof=1))
    with capsys.disabled():
        said = f"20-fold minus LOO {difference:.3f}, paired error {paired:.3f}, error of elpd {loo.error:.2f}"
        assert np.isfinite(difference), said
    assert abs(difference) < 2.0 * loo.error, said
    # Without a twentieth of the data a fit predicts a little worse: by about p / 20.
    assert abs(difference + loo.p / FOLDS) < 4.0 * max(paired, 0.05), said


def test_tiles_by_weights_are_tiles_left_out(fit, tree):
    loo = fit.loo(tree, by="tile", refit=True)
    fine = [g for g in range(len(loo.elpd_i)) if g not in loo.refitted]
    checked = sorted(fine, key=lambda g: -loo.pareto_k[g])[:3]
    assert loo.success, loo.reasons
    for group in checked:
        value, reasons = without_group(fit, loo.groups, group, 3)
        assert not reasons
        assert loo.elpd_i[group] == pytest.approx(value, abs=0.15), (group, loo.pareto_k[group])
