r"""Log-likelihood of a counts cube, right for any counts, whole or (Asimov) fractional.

.. math:: \ln L = \sum_{q \in mask} w_q\,\left[n_q \ln\mu_q - \mu_q - \ln\Gamma(n_q + 1)\right]

with weights w of one, unless the dataset states others, and the negative-binomial law (`negative_binomial`) where an
`OverdispersionModel` belongs to the dataset.  :math:`\mu_q < 0` anywhere in the mask, or :math:`\mu_q = 0` where
:math:`n_q > 0`, has no support: :math:`-\infty`.

References
----------
Weights: Fermi-LAT collaboration 2020, ApJS 247, 33, appendix B.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import scipy.special

from bayesmap.dataset import MapDataset
from bayesmap.fold.counted import Blocks, Counted, blocks_of
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.point import constant
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.overdispersion import OverdispersionModel
from bayesmap.models.sky import Models
from bayesmap.posterior import negative_binomial

DENSE = 16384
"""Up to this many selected bins all take a logarithm, so that other counts of the same data set need no compilation."""


@dataclass(frozen=True)
class ObservedCounts:
    """Counts of a dataset, ready for the compiled likelihood, which takes a logarithm only where there are counts.

    Parameters
    ----------
    dataset : MapDataset
        Counts, mask and weights.
    weights : shared variable, shape (n_energy, n_lat, n_lon)
        Weights in the mask (one by default), zero outside.
    blocks : Blocks
        The bins in the mask with counts (or all of them, see `DENSE`).
    bright : shared variable, shape (n_block, BLOCK)
        Their counts.
    bright_weights : shared variable, shape (n_block, BLOCK)
        Their weights.
    weighted : shared variable, shape (n_block, BLOCK)
        Counts times weights.
    log_factorials : shared variable, scalar
        Weighted sum of ln Gamma(n + 1) over the mask.
    overdispersion : str
        Qualified name of the parameter of a negative-binomial law, or nothing.
    """

    dataset: MapDataset
    weights: Any
    blocks: Blocks
    bright: Any
    bright_weights: Any
    weighted: Any
    log_factorials: Any
    overdispersion: str = ""

    def log_likelihood(self, counted: Counted, parameters: ParameterGraph) -> Any:
        """Return the log-likelihood as a scalar tensor."""
        bright = counted.at
        possible = pt.all(pt.or_(bright > 0.0, pt.eq(self.weighted, 0.0)))
        logs = self.weighted * pt.log(pt.switch(bright > 0.0, bright, 1.0))
        if self.overdispersion:
            alpha = parameters.values[self.overdispersion]
            positive = pt.switch(bright > 0.0, bright, 0.0)
            rest = pt.sum(self.bright_weights * negative_binomial.log_probability(pt, self.bright, positive, alpha))
        else:
            rest = -counted.total
        value = pt.sum(logs) + rest - self.log_factorials
        return pt.switch(pt.and_(possible, pt.invert(counted.negative)), value, -np.inf)

    def spread(self, parameters: ParameterGraph) -> Any:
        """Return the overdispersion as a scalar tensor; zero for Poisson counts."""
        return parameters.values[self.overdispersion] if self.overdispersion else pt.constant(0.0)

    def pointwise(self, npred: np.ndarray, spread: float) -> np.ndarray:
        """Return the log-likelihood of each selected bin, weights applied, in plain NumPy, shape (n_bin,)."""
        mask, n, weights, factorials = self._selected
        mu = npred[mask]
        law = negative_binomial.log_probability(np, n, mu, spread) if self.overdispersion else -mu
        return weights * (scipy.special.xlogy(n, mu) + law - factorials)

    @cached_property
    def _selected(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mask, and counts, weights and ln n! of the selected bins: the same for every draw."""
        mask = self.dataset.mask_data
        n = np.asarray(self.dataset.counts.data, dtype=np.float64)[mask]
        return mask, n, self.dataset.weights_data[mask], scipy.special.gammaln(n + 1.0)

    def draw(self, rng: np.random.Generator, npred: np.ndarray, spread: float) -> np.ndarray:
        """Return random counts of every bin, shape of the cube."""
        return negative_binomial.draw(rng, npred, spread) if self.overdispersion else _poisson(rng, npred)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the counts."""
        return self.dataset.counts.data.shape

    def again(self, counts: np.ndarray) -> ObservedCounts:
        """Return other counts of the same dataset."""
        geom = self.dataset.counts.geom
        return observe(self.dataset.with_counts(WcsNDMap(geom, counts)), self.overdispersion)

    def values(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names of their shared variables."""
        shared = (self.weights, self.bright, self.bright_weights, self.weighted, self.log_factorials)
        return {item.name: item.get_value() for item in shared}


def _poisson(rng: np.random.Generator, mu: np.ndarray) -> np.ndarray:
    return rng.poisson(mu).astype(np.float64)


def observe(dataset: MapDataset, overdispersion: str = "") -> ObservedCounts:
    """Prepare the counts of a checked dataset.

    Parameters
    ----------
    dataset : MapDataset
        Counts, mask and weights.
    overdispersion : str
        See `ObservedCounts`.
    """
    counts = np.asarray(dataset.counts.data, dtype=np.float64)
    mask, weights = dataset.mask_data, dataset.weights_data
    every = bool(overdispersion) or np.count_nonzero(mask) <= DENSE
    blocks = blocks_of(mask if every else mask & (counts > 0.0))
    log_factorials = np.array(np.sum(weights[mask] * scipy.special.gammaln(counts[mask] + 1.0)))
    name = dataset.name
    return ObservedCounts(
        dataset=dataset,
        weights=constant(np.where(mask, weights, 0.0), f"{name}/weights"),
        blocks=blocks,
        bright=constant(blocks.gather(counts), f"{name}/bright_counts"),
        bright_weights=constant(blocks.gather(weights), f"{name}/bright_weights"),
        weighted=constant(blocks.gather(counts * weights), f"{name}/weighted_counts"),
        log_factorials=pytensor.shared(log_factorials, name=f"{name}/log_factorials", shape=()),
        overdispersion=overdispersion,
    )


def overdispersion_of(models: Models, dataset_name: str) -> str:
    """Return the qualified name of a dataset's overdispersion parameter, or nothing for Poisson counts.

    Raises
    ------
    ModelError
        BM-MO-027 if there are two.
    """
    found = models.only(OverdispersionModel, dataset_name)
    return f"{found.name}.counts.overdispersion" if found is not None else ""


def with_scatter(models: Models, likelihood: str) -> Models:
    """Return the models, with an `OverdispersionModel` where the likelihood asks for one that is not there."""
    there = any(isinstance(model, OverdispersionModel) for model in models)
    return models if likelihood == "poisson" or there else models + OverdispersionModel()


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
