r"""Stacking weights: the mixture of models that predicts best what it has not seen.

.. math:: \max_{w \ge 0,\,\sum w = 1}\; \sum_g \ln \sum_k w_k\, p_k(n_g \mid n_{-g})

The problem is concave, so that a point tells how far it is from the best: with
:math:`c_k = \langle p_k / \sum_j w_j p_j \rangle_g` no mixture gains more than :math:`N \ln \max_k c_k`.

References
----------
Yao, Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13, 917. Lindsay 1983, Ann. Stat. 11, 86 (the bound).
"""

from __future__ import annotations

import numpy as np
import scipy.optimize

from bayesmap.errors import FitStateError

GAP = 1e-3
"""Gain in the sum that another mixture may have at most."""
STEPS = 20_000


def stacking_weights(elpd: np.ndarray) -> np.ndarray:
    """Return the weights of models.

    Parameters
    ----------
    elpd : ndarray, shape (n_model, n_group)
        Log predictive densities.

    Returns
    -------
    ndarray, shape (n_model,)
        They sum to one.

    Raises
    ------
    FitStateError
        BM-CK-009 if they are not found.

    Examples
    --------
    >>> stacking_weights(np.log(np.array([[0.9, 0.1, 0.5], [0.1, 0.9, 0.5]]))).round(6)
    array([0.5, 0.5])
    """
    relative = np.exp(elpd - elpd.max(axis=0))
    number = elpd.shape[1]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixture = weights @ relative
        return -float(np.mean(np.log(mixture))), -np.mean(relative / mixture, axis=1)

    equal = np.full(len(elpd), 1.0 / len(elpd))
    sum_to_one = {"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": np.ones_like}
    # Not quite zero: a group that one model calls impossible needs the others.
    found = scipy.optimize.minimize(
        loss, equal, jac=True, method="SLSQP", bounds=[(1e-12, 1.0)] * len(equal), constraints=[sum_to_one],
        options={"ftol": 1e-15, "maxiter": 500},
    )  # fmt: skip
    weights = found.x / found.x.sum()
    for _ in range(STEPS):
        # The EM step of a mixture's weights: it raises the sum wherever the search above has ended.
        gain = np.mean(relative / (weights @ relative), axis=1)
        if number * np.log(gain.max()) < GAP:
            return weights
        weights = weights * gain
    raise FitStateError(
        "BM-CK-009",
        what=f"the stacking weights were not found: another mixture may be better by {number * np.log(gain.max()):.2g}",
        rule=f"It may be by {GAP} at most",
        remedy="Compare fewer models, or read the differences instead of the weights",
    )
