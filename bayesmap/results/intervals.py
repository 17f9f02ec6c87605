r"""Credible intervals and regions from draws.

`sigma` means a probability: :math:`\mathrm{erf}(\sigma/\sqrt2)` in one dimension, and in two
:math:`1 - e^{-\sigma^2/2}`, the level at which MINUIT's contour has :math:`\Delta\mathrm{stat} = \sigma^2`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.results.tails import check_tail, in_tail

KINDS = ("eti", "hdi")


def mass_in_one_dimension(sigma: float) -> float:
    """Return erf(sigma / sqrt 2)."""
    return math.erf(sigma / math.sqrt(2.0))


def mass_in_two_dimensions(sigma: float) -> float:
    """Return 1 - exp(-sigma^2 / 2)."""
    return -math.expm1(-0.5 * sigma**2)


@dataclass(frozen=True)
class Interval:
    """Credible interval of a parameter, in its unit.

    Parameters
    ----------
    name, unit : str
        Parameter.
    lower, upper : float
        Ends.
    mcse_lower, mcse_upper : float
        Monte Carlo errors of the ends; NaN for the highest-density interval, whose ends are no quantiles.
    median : float
        Median.
    mass : float
        Probability inside.
    kind : str
        ``"eti"`` (equal tails) or ``"hdi"`` (highest density).
    """

    name: str
    unit: str
    lower: float
    upper: float
    mcse_lower: float
    mcse_upper: float
    median: float
    mass: float
    kind: str


def interval(tree: xr.DataTree, name: str, *, sigma: float = 1.0, kind: str = "eti") -> Interval:
    """Return a credible interval.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    name : str
        Qualified name of the parameter.
    sigma : float
        Probability as a number of standard deviations.
    kind : str
        ``"eti"`` or ``"hdi"``.

    Raises
    ------
    BayesmapInputError
        BM-FT-003 for an unknown kind, BM-FT-007 for sigma not above zero, BM-FT-051 for too few draws beyond an end of
        the equal-tailed interval, whichever is asked for, with the number that would do.
    """
    check_sigma(sigma)
    if kind not in KINDS:
        raise BayesmapInputError(
            "BM-FT-003",
            what=f"kind is {kind!r}",
            rule=f"It must be one of {', '.join(KINDS)}",
            remedy="Use one of these words",
        )
    draws = tree["posterior"][name]
    mass = mass_in_one_dimension(sigma)
    tails = (0.5 * (1.0 - mass), 0.5 * (1.0 + mass))
    for tail, side in zip(tails, ("lower", "upper"), strict=True):
        found = in_tail(draws, tail, float(draws.quantile(tail)), above=side == "upper")
        check_tail(*found, draws.size, tails[0], f"the {side} end of the {mass:.4%} interval of {name}")
    if kind == "hdi":
        lower, upper = highest_density(draws, mass)
        errors = (math.nan, math.nan)
    else:
        lower, upper = (float(draws.quantile(tail)) for tail in tails)
        errors = (quantile_error(draws, tails[0]), quantile_error(draws, tails[1]))
    unit = str(draws.attrs["unit"])
    return Interval(name, unit, lower, upper, *errors, float(draws.median()), mass, kind)


def highest_density(draws: xr.DataArray, mass: float) -> tuple[float, float]:
    """Return the ends of the shortest interval that holds a probability."""
    import arviz as az

    lower, upper = (float(end) for end in az.hdi(draws, prob=mass).values)
    return lower, upper


def quantile_error(draws: xr.DataArray, prob: float) -> float:
    """Return the Monte Carlo error of a quantile, from the chains' autocorrelation."""
    import arviz as az

    dataset = xr.Dataset({"value": draws})
    return float(az.mcse(dataset, method="quantile", prob=prob)["value"])


def check_sigma(sigma: float) -> None:
    """Refuse a number of standard deviations that is not a positive number.

    Raises
    ------
    BayesmapInputError
        BM-FT-007.
    """
    if not (np.isfinite(sigma) and sigma > 0):
        raise BayesmapInputError(
            "BM-FT-007",
            what=f"sigma is {sigma!r}",
            rule="It is a number of standard deviations above zero, 1 for 68.3 %",
            remedy="Correct it",
        )
