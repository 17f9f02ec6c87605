r"""Poisson log-likelihood of a counts cube, right for any counts, whole or (Asimov) fractional.

.. math:: \ln L = \sum_{q \in mask} n_q \ln\mu_q - \mu_q - \ln\Gamma(n_q + 1)

:math:`\mu_q < 0` anywhere in the mask, or :math:`\mu_q = 0` where :math:`n_q > 0`, has no support: :math:`-\infty`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import scipy.special

from bayesmap.dataset import MapDataset
from bayesmap.fold.point import constant

DENSE = 16384
"""Up to this many selected bins all take a logarithm, so that other counts of the same data set need no compilation."""
BLOCK = 4096
"""Above it, the number of bins with counts is rounded up to a multiple of this."""


@dataclass(frozen=True)
class ObservedCounts:
    """Counts of a dataset, ready for the compiled likelihood, which takes a logarithm only where there are counts.

    Parameters
    ----------
    mask : shared variable, shape (n_energy, n_lat, n_lon)
        One in the mask, zero outside.
    index : shared variable, shape (n_bright,)
        Flat index of the bins in the mask with counts, filled up with bins without.
    bright : shared variable, shape (n_bright,)
        Their counts.
    log_factorials : shared variable, scalar
        Sum of ln Gamma(n + 1) over the mask.
    """

    mask: Any
    index: Any
    bright: Any
    log_factorials: Any

    def log_likelihood(self, npred: Any) -> Any:
        """Return the log-likelihood as a scalar tensor."""
        bright = pt.take(npred.flatten(), self.index)
        possible = pt.all(pt.or_(bright > 0.0, pt.eq(self.bright, 0.0)))
        logs = pt.log(pt.switch(bright > 0.0, bright, 1.0))
        total = pt.sum(npred * self.mask)
        lowest = pt.min(npred * self.mask)
        value = pt.sum(self.bright * logs) - total - self.log_factorials
        return pt.switch(pt.and_(possible, lowest >= 0.0), value, -np.inf)

    def values(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names of their shared variables."""
        return {item.name: item.get_value() for item in (self.mask, self.index, self.bright, self.log_factorials)}


def observe(dataset: MapDataset) -> ObservedCounts:
    """Prepare the counts of a checked dataset."""
    counts = np.asarray(dataset.counts.data, dtype=np.float64)
    mask = dataset.mask_data
    index, bright = bright_bins(counts, mask)
    log_factorials = np.array(np.sum(scipy.special.gammaln(counts[mask] + 1.0)))
    return ObservedCounts(
        mask=constant(mask.astype(np.float64), "mask"),
        index=pytensor.shared(index.astype(np.int64), name="bright_index", shape=index.shape),
        bright=constant(bright, "bright_counts"),
        log_factorials=pytensor.shared(log_factorials, name="log_factorials", shape=()),
    )


def bright_bins(counts: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return flat index and counts of the bins that take a logarithm, of a length that few data sets change."""
    selected = np.flatnonzero(mask)
    values = counts.ravel()[selected]
    if len(selected) <= DENSE:
        return selected, values
    used = values > 0
    length = min(len(selected), BLOCK * -(-max(int(used.sum()), 1) // BLOCK))
    order = np.concatenate([np.flatnonzero(used), np.flatnonzero(~used)])[:length]
    return selected[order], values[order]


def observe_counts(model: pm.Model, npred: Any, no_support: Any, dataset: MapDataset) -> None:
    """Add the counts in the mask to a PyMC model, along the dimension ``bin``.

    Parameters
    ----------
    model : pymc.Model
        The model being built.
    npred : tensor, shape (n_energy, n_lat, n_lon)
        Predicted counts.
    no_support : boolean tensor
        True where a source has left its cut-out: there the model has no support.
    dataset : MapDataset
        Counts and mask.
    """
    selected = np.flatnonzero(dataset.mask_data)
    model.add_coord("bin", selected)
    for name, values in bin_coordinates(dataset).items():
        pm.Data(f"bin_{name}", values, dims="bin")
    index = pytensor.shared(selected.astype(np.int64), name="bin_index", shape=selected.shape)
    mu = pt.take(npred.flatten(), index)
    counts = np.asarray(dataset.counts.data, dtype=np.float64).ravel()[selected]
    supported = pt.switch(no_support, 0.0, 1.0)
    pm.CustomDist(
        "counts",
        mu,
        supported,
        logp=_supported_logp,
        dist=_poisson,
        observed=counts,
        dims="bin",
        class_name="Poisson64",
    )


def bin_coordinates(dataset: MapDataset) -> dict[str, np.ndarray]:
    """Return energy (TeV), lon and lat (deg) of the centre of each selected bin."""
    geom = dataset.counts.geom
    lon, lat = geom.to_image().pixel_centers()
    energy = geom.axes[0].center
    cubes = np.broadcast_arrays(energy[:, None, None], lon[None], lat[None])
    names = ("energy", "lon", "lat")
    return {name: np.asarray(cube)[dataset.mask_data] for name, cube in zip(names, cubes, strict=True)}


def poisson_logp(value: Any, mu: Any) -> Any:
    r"""Return :math:`n \ln\mu - \mu - \ln\Gamma(n + 1)`, in float64 for any n >= 0, whole or fractional."""
    possible = pt.and_(mu >= 0.0, pt.or_(mu > 0.0, pt.eq(value, 0.0)))
    logs = pt.log(pt.switch(mu > 0.0, mu, 1.0))
    return pt.switch(possible, value * logs - mu - pt.gammaln(value + 1.0), -np.inf)


def _supported_logp(value: Any, mu: Any, supported: Any) -> Any:
    return pt.switch(pt.gt(supported, 0.5), poisson_logp(value, mu), -np.inf)


def _poisson(mu: Any, supported: Any, size: Any) -> Any:
    return pt.cast(pm.Poisson.dist(mu, size=size), "float64")


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
