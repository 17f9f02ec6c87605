r"""Poisson log-likelihood of a counts cube, right for any counts, whole or (Asimov) fractional.

.. math:: \ln L = \sum_{q \in mask} n_q \ln\mu_q - \mu_q - \ln\Gamma(n_q + 1)

:math:`\mu_q < 0` anywhere in the mask, or :math:`\mu_q = 0` where :math:`n_q > 0`, has no support: :math:`-\infty`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import scipy.special

from bayesmap.dataset import MapDataset
from bayesmap.fold.point import constant


@dataclass(frozen=True)
class ObservedCounts:
    """Counts of a dataset, ready for the likelihood.

    Parameters
    ----------
    mask : shared variable, shape (n_energy, n_lat, n_lon)
        One in the mask, zero outside.
    index : shared variable, shape (n_bright,)
        Flat index of the bins in the mask with counts: only they need a logarithm.
    bright : shared variable, shape (n_bright,)
        Their counts.
    log_factorials : float
        Sum of ln Gamma(n + 1) over the mask.
    """

    mask: Any
    index: Any
    bright: Any
    log_factorials: float

    def log_likelihood(self, npred: Any) -> Any:
        """Return the log-likelihood as a scalar tensor."""
        bright = pt.take(npred.flatten(), self.index)
        possible = pt.all(bright > 0.0)
        logs = pt.log(pt.switch(bright > 0.0, bright, 1.0))
        total = pt.sum(npred * self.mask)
        lowest = pt.min(npred * self.mask)
        value = pt.sum(self.bright * logs) - total - self.log_factorials
        return pt.switch(pt.and_(possible, lowest >= 0.0), value, -np.inf)


def observe(dataset: MapDataset) -> ObservedCounts:
    """Prepare the counts of a checked dataset."""
    counts = np.asarray(dataset.counts.data, dtype=np.float64)
    mask = dataset.mask_data
    index = np.flatnonzero(mask & (counts > 0))
    return ObservedCounts(
        mask=constant(mask.astype(np.float64), "mask"),
        index=pytensor.shared(index.astype(np.int64), name="bright_index", shape=index.shape),
        bright=constant(counts.ravel()[index], "bright_counts"),
        log_factorials=float(np.sum(scipy.special.gammaln(counts[mask] + 1.0))),
    )


def cash(counts: np.ndarray, npred: np.ndarray) -> np.ndarray:
    r"""Return the Cash statistic per bin, :math:`2(\mu - n\ln\mu)`; infinite where no support.

    Parameters
    ----------
    counts, npred : ndarray
        Counts n and predicted counts.

    References
    ----------
    Cash 1979, ApJ 228, 939.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts > 0, counts * np.log(np.where(npred > 0, npred, 0.0)), 0.0)
    return np.where(npred < 0, np.inf, 2.0 * (npred - logs))
