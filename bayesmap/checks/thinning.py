"""A part of the draws, spread evenly over chains and time."""

from __future__ import annotations

import numpy as np

from bayesmap.errors import BayesmapInputError


def thin(theta: np.ndarray, draws: int | None) -> np.ndarray:
    """Return draws of every chain at even distances.

    Parameters
    ----------
    theta : ndarray, shape (n_chain, n_draw, size)
        All draws.
    draws : int or None
        About how many to keep in all; None for all of them.

    Returns
    -------
    ndarray of int
        Index along the draws of each chain.

    Raises
    ------
    BayesmapInputError
        BM-CK-004 for a number below one.
    """
    n_chain, n_draw = theta.shape[:2]
    if draws is None:
        return np.arange(n_draw)
    if draws < 1:
        raise BayesmapInputError(
            "BM-CK-004", what=f"{draws} draws are asked for", rule="There must be one at least", remedy="Ask for more"
        )
    kept = min(n_draw, max(1, round(draws / n_chain)))
    return np.unique(np.linspace(0, n_draw - 1, kept).round().astype(int))
