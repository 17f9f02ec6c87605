r"""Residuals of On counts, where the background is what the Off counts leave of it.

The law of the On counts is that of the likelihood: a Poisson number of signal counts and a negative-binomial number of
background counts,

.. math:: n_{on} = S + B,\quad S \sim \mathrm{Poisson}(s),\quad B \sim \mathrm{NB}(n_{off} + \tfrac12, \alpha) .
"""

from __future__ import annotations

import numpy as np
import scipy

from bayesmap.checks.tails import two_sided
from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.posterior.on_off import SHAPE


def expected_background(dataset: SpectrumDatasetOnOff) -> np.ndarray:
    r"""Return the expected On counts of the background, :math:`\alpha (n_{off} + 1/2)`, shape (n_reco,)."""
    return np.asarray(dataset.alpha * (dataset.counts_off + SHAPE))


def on_off_significance(dataset: SpectrumDatasetOnOff, signal: np.ndarray) -> np.ndarray:
    """Return the normal deviate of the On counts under their law, positive where they are in excess.

    Parameters
    ----------
    dataset : SpectrumDatasetOnOff
        Counts.
    signal : numpy.ndarray, shape (n_reco,)
        Predicted signal counts s.

    Returns
    -------
    numpy.ndarray, shape (n_reco,)
        In Gaussian standard deviations, half of the probability of the observed number counted to either tail; NaN
        outside the mask.
    """
    tails = [
        _tails(*bin_) if used else (np.nan, np.nan)
        for *bin_, used in zip(
            dataset.counts, dataset.counts_off, dataset.alpha, np.asarray(signal), dataset.mask_data, strict=True
        )
    ]
    above, below = np.array(tails).T
    return two_sided(above, below)


def _tails(n_on: float, n_off: float, alpha: float, signal: float) -> tuple[float, float]:
    """Return P(n > n_on) + P(n = n_on) / 2, and the same below: sums of positive terms, exact far out too."""
    k = np.arange(int(n_on) + 1)
    source, background = scipy.stats.poisson(signal), scipy.stats.nbinom(n_off + SHAPE, 1.0 / (1.0 + alpha))
    share = source.pmf(k)
    equal = 0.5 * float(share @ background.pmf(n_on - k))
    above = float(share @ background.sf(n_on - k)) + float(source.sf(n_on))
    return above + equal, float(share @ background.cdf(n_on - k - 1)) + equal
