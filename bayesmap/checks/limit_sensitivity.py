r"""How a limit depends on a prior: the draws reweighted from the prior that was used to another one.

.. math:: r_s = \frac{\pi_{new}(\theta_s)}{\pi_{used}(\theta_s)}

The largest weights are smoothed by a generalised Pareto distribution, whose shape k says whether they can be trusted.

References
----------
Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25, 72 (Pareto-smoothed importance sampling).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from scipy.stats import beta

from bayesmap.errors import BayesmapInputError
from bayesmap.inference.importance import smoothed
from bayesmap.models.prior import Prior
from bayesmap.posterior.distributions import build_distribution, evaluate
from bayesmap.posterior.variables import Variable, Variables
from bayesmap.results.derived import Derived
from bayesmap.results.limits import Limit, draws_of, upper_limit
from bayesmap.results.tails import FEWEST_IN_TAIL
from bayesmap.units import FloatArray

DECADES = 2
"""The log-uniform prior, which has no integral at zero, begins so many decades below the limit."""
ONE_SIGMA = 0.1586552539
LARGEST_K = 0.7
"""Pareto k above which weights are of no use."""


@dataclass(frozen=True)
class Reweighted:
    """A limit under another prior.

    Parameters
    ----------
    prior : str
        The prior in words.
    value, mcse : float
        Limit and its Monte Carlo error, in the unit of the limit.
    pareto_k : float
        Shape of the tail of the weights.
    effective_size : float
        Number of draws that the weighted ones are worth.
    reliable : bool
        True if k is at most min(1 - 1 / log10 S, 0.7) for S draws, and enough effective draws lie beyond the limit.
    """

    prior: str
    value: float
    mcse: float
    pareto_k: float
    effective_size: float
    reliable: bool


@dataclass(frozen=True)
class LimitSensitivity:
    """An upper limit under the prior that was used, and under others.

    Parameters
    ----------
    limit : Limit
        Under the prior that was used.
    parameter, prior : str
        Parameter whose prior is exchanged; the one that was used, in words.
    others : dict
        Name as it was asked for -> limit under that prior.
    """

    limit: Limit
    parameter: str
    prior: str
    others: Mapping[str, Reweighted]

    def __str__(self) -> str:
        """Show a limit a line."""
        lines = [str(self.limit), f"  prior of {self.parameter}: {self.prior}"]
        for item in self.others.values():
            sign = "" if item.reliable else "  NOT TRUSTWORTHY"
            lines.append(
                f"  {item.prior}: < {item.value:.4g} +- {item.mcse:.2g} {self.limit.unit}"
                f" (Pareto k {item.pareto_k:.2f}, {item.effective_size:.0f} effective draws){sign}"
            )
        return "\n".join(lines)


def limit_sensitivity(
    variables: Variables,
    tree: xr.DataTree,
    quantity: str | Derived,
    parameter: str,
    *,
    mass: float = 0.95,
    priors: Mapping[str, Any] | None = None,
) -> LimitSensitivity:
    """Return an upper limit under several priors of one parameter.

    Parameters
    ----------
    variables : Variables
        Free parameters with the priors that were used.
    tree : xarray.DataTree
        Posterior.
    quantity : str or Derived
        What has the limit; see `bayesmap.results.limits.upper_limit`.
    parameter : str
        Qualified name of the parameter whose prior is exchanged, as a rule an amplitude.
    mass : float
        Probability below the limit.
    priors : dict, optional
        Name -> prior. By default ``"flat"`` in the parameter, and ``"log-uniform"`` from two decades below the limit
        of the parameter on.

    Raises
    ------
    BayesmapInputError
        BM-FT-053 for a parameter whose prior cannot be exchanged; else as of `upper_limit`.
    PriorError
        For a prior that the parameter cannot have.
    """
    used = _variable(variables, tree, parameter)
    limit = upper_limit(tree, quantity, mass)
    draws, values = draws_of(tree, quantity), tree["posterior"][parameter].values.ravel()
    given = _default_priors(values, mass) if priors is None else priors
    item = variables.coordinates.models.parameters[parameter].with_value(float(np.median(values)))
    old = _log_density(used.distribution, values)
    efficiency = limit.effective_in_tail / (draws.size * (1.0 - mass))
    others = {}
    for name, prior in given.items():
        new = _log_density(build_distribution(prior, item, parameter)[0], values)
        text = f"{name}: {prior}" if name != str(prior) else name
        others[name] = _reweighted(draws.values.ravel(), new - old, mass, efficiency, text)
    return LimitSensitivity(limit, parameter, used.text, others)


def _variable(variables: Variables, tree: xr.DataTree, parameter: str) -> Variable:
    """Return the random variable of a parameter that has a prior of its own."""
    draws_of(tree, parameter)
    for item in variables.items:
        if item.name == parameter and not item.is_vector and item.conditional is None:
            return item
    alone = [item.name for item in variables.items if not item.is_vector and item.conditional is None]
    raise BayesmapInputError(
        "BM-FT-053",
        what=f"the prior of {parameter} depends on other parameters",
        rule="The draws can be reweighted to another prior of a parameter that has one of its own",
        remedy=f"Choose one of {', '.join(alone)}",
    )


def _default_priors(values: FloatArray, mass: float) -> dict[str, Prior]:
    """Return a flat and a log-uniform prior for draws of a parameter."""
    low = float(np.quantile(values, mass)) * 10.0**-DECADES
    found = {"flat": Prior("Flat")}
    if low > 0.0:  # a parameter that is negative has no log-uniform prior
        found["log-uniform"] = Prior("LogUniformPrior", min=low, max=2.0 * float(values.max()))
    return found


def _log_density(distribution: Any, values: FloatArray) -> FloatArray:
    """Return the log-density of each value."""
    return np.broadcast_to(evaluate(pm.logp(distribution, pt.constant(values))), values.shape)


def _reweighted(draws: FloatArray, log_ratios: FloatArray, mass: float, efficiency: float, text: str) -> Reweighted:
    weights, pareto_k = smoothed(log_ratios)
    size = float(1.0 / np.sum(weights**2)) * min(efficiency, 1.0)
    order = np.argsort(draws)
    total = np.cumsum(weights[order]) - 0.5 * weights[order]
    value = float(np.interp(mass, total, draws[order]))
    # Where the quantile of so many independent draws would lie one sigma to either side.
    tails = beta.ppf([ONE_SIGMA, 1.0 - ONE_SIGMA], size * mass + 1.0, size * (1.0 - mass) + 1.0)
    error = 0.5 * float(np.diff(np.interp(tails, total, draws[order]))[0])
    threshold = min(1.0 - 1.0 / math.log10(len(draws)), LARGEST_K)
    reliable = pareto_k <= threshold and size * (1.0 - mass) >= FEWEST_IN_TAIL
    return Reweighted(text, value, error, pareto_k, size, bool(reliable))
