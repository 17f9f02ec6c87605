"""Whether enough independent draws lie beyond a quantile for it to be known."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError

FEWEST_IN_TAIL = 20
"""Independent draws beyond an end below which it is refused: their number, and so the tail, is known to 22 %."""


def in_tail(draws: xr.DataArray, prob: float, value: float, *, above: bool) -> tuple[int, float]:
    """Return how many draws lie at or beyond a quantile, and how many independent ones these are worth.

    Parameters
    ----------
    draws : DataArray, dimensions (chain, draw)
        Draws.
    prob : float
        Probability below the quantile.
    value : float
        The quantile.
    above : bool
        True if the tail is what lies above it.
    """
    # Draws on the quantile count: where many have one value, as at the edge of a range, it is known.
    beyond = int((draws >= value).sum() if above else (draws <= value).sum())
    return beyond, min(_effective(draws, prob), draws.size) * (1.0 - prob if above else prob)


def check_tail(beyond: int, independent: float, size: int, tail: float, what: str) -> None:
    """Refuse a quantile beyond which too few draws lie.

    Parameters
    ----------
    beyond : int
        Draws beyond it.
    independent : float
        How many independent ones these are worth.
    size : int
        Draws in all.
    tail : float
        Probability beyond it.
    what : str
        Name of the end, for the message.

    Raises
    ------
    BayesmapInputError
        BM-FT-051, with the number of draws that would do.
    """
    if min(independent, beyond) >= FEWEST_IN_TAIL:
        return
    share = min(independent, beyond) / (size * tail)
    known = np.isfinite(share) and share > 0.0
    needed = math.ceil(FEWEST_IN_TAIL / tail / (share if known else 1.0))
    raise BayesmapInputError(
        "BM-FT-051",
        what=f"beyond {what} lie {beyond} of {size} draws, worth {independent:.3g} independent ones",
        rule=f"At least {FEWEST_IN_TAIL} independent draws must lie beyond an end",
        remedy=f"Draw at least {needed}{'' if known else ' independent'} draws in all, or ask for less probability",
    )


def _effective(draws: xr.DataArray, prob: float) -> float:
    """Return how many independent draws know a quantile as well."""
    import arviz as az

    if float(draws.max()) == float(draws.min()):
        return math.nan
    found = float(az.ess(xr.Dataset({"value": draws}), method="quantile", prob=prob)["value"])
    return found if np.isfinite(found) else 0.0
