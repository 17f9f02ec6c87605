r"""The one guard against FFT round-off.

A convolution by FFT leaves, where the truth is zero, values of either sign of about :math:`10^{-16}` of the plane's
peak.  Negative ones down to `ROUND_OFF` of the peak are set to zero; anything below stays as it is, and has no
support in the likelihood.
"""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt

ROUND_OFF = 1e-12
"""Fraction of a plane's peak below which a negative value is round-off."""


def without_round_off(npred: Any) -> Any:
    """Return predicted counts with negative round-off set to zero.

    Parameters
    ----------
    npred : tensor, shape (n_energy, n_lat, n_lon)
        Predicted counts.
    """
    peak = pt.max(npred, axis=(1, 2), keepdims=True)
    is_round_off = pt.and_(npred < 0.0, npred > -ROUND_OFF * peak)
    return pt.switch(is_round_off, 0.0, npred)
