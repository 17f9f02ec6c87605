"""Numbers in headers."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.fits.damage import damaged
from bayesmap.fits.hdu import FitsFile


def card_number(file: FitsFile, hdu: Any, key: str, default: float | None = None) -> float:
    """Return the number of a header card.

    Parameters
    ----------
    file : FitsFile
        The file, for the message.
    hdu : HDU
        With the header.
    key : str
        Keyword.
    default : float, optional
        Where there is no such card.

    Raises
    ------
    BayesmapIOError
        If there is none, or it holds no finite number (BM-IO-003).
    """
    value = hdu.header.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise damaged(file.where(hdu.name), f"{key} is {str(value)!r:.40}, no number")
    return float(value)
