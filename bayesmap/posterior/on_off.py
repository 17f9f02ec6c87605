r"""On/Off counts: the background is marginalised, not profiled.

With a Gamma prior of shape a and rate 0 on the background b of the On region, the Off counts leave
:math:`b \sim \mathrm{Gamma}(n_{off} + a,\ \mathrm{rate} = 1/\alpha)`, and

.. math:: p(n_{on} \mid s) = \sum_{k=0}^{n_{on}} \mathrm{Poisson}(n_{on} - k \mid s)\;
          \mathrm{NB}(k),\qquad
          \mathrm{NB}(k) = \frac{\Gamma(k + n_{off} + a)}{k!\,\Gamma(n_{off} + a)}
          \frac{\alpha^k}{(1 + \alpha)^{k + n_{off} + a}} .

Every term is positive: the sum is exact, finite at :math:`n_{off} = 0`, where a profiled background is biased.

References
----------
Loredo 1992, in Statistical Challenges in Modern Astronomy, 275, section 5; a = 1 is his uniform prior, a = 1/2
Jeffreys'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import scipy.special

from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.point import constant

SMALL = 1e-5
"""Expected signal, relative to the odds of the second term of the sum, below which three terms are enough: what is
left out is its third power."""
SHAPE = 0.5
"""a: the reference (Jeffreys) prior of a Poisson mean."""


@dataclass(frozen=True)
class ObservedOnOff:
    """Counts of a spectrum.

    Parameters
    ----------
    dataset : SpectrumDatasetOnOff
        The counts.
    index : shared variable, shape (n_bin,)
        Selected bins.
    log_weights : shared variable, shape (n_bin, n_term)
        ln NB(k) - ln (n_on - k)! for k = 0, 1, ...; minus infinity beyond n_on.
    signal_counts : shared variable, shape (n_bin, n_term)
        n_on - k, zero beyond n_on.
    log_factorials : shared variable, scalar
        Sum of ln n_on! over the selected bins, so that the Cash statistic of `MapFit` can leave it out.
    """

    dataset: SpectrumDatasetOnOff
    index: Any
    log_weights: Any
    signal_counts: Any
    log_factorials: Any
    overdispersion: str = ""

    def log_likelihood(self, npred: Any, parameters: ParameterGraph) -> Any:
        """Return the log-likelihood as a scalar tensor."""
        signal = pt.take(npred, self.index)
        return pt.sum(log_probability(signal, self.log_weights, self.signal_counts))

    def spread(self, parameters: ParameterGraph) -> Any:
        """Return zero: the background's uncertainty is all the excess scatter."""
        return pt.constant(0.0)

    @property
    def weights(self) -> Any:
        """One in the mask, zero outside."""
        return pt.constant(self.dataset.mask_data.astype(np.float64))

    def pointwise(self, npred: np.ndarray, spread: float) -> np.ndarray:
        """Return the log-likelihood of each selected bin, in plain NumPy, shape (n_bin,)."""
        signal = npred[self.dataset.mask_data]
        logs = scipy.special.xlogy(self.signal_counts.get_value(), signal[:, None]) + self.log_weights.get_value()
        return np.where(signal >= 0.0, scipy.special.logsumexp(logs, axis=1) - signal, -np.inf)

    def draw(self, rng: np.random.Generator, npred: np.ndarray, spread: float) -> np.ndarray:
        """Return random On counts of every bin, the background drawn from what the Off counts leave."""
        background = rng.gamma(self.dataset.counts_off + SHAPE, self.dataset.alpha)
        return rng.poisson(npred + background).astype(np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the counts."""
        return self.dataset.counts.shape

    def again(self, counts: np.ndarray) -> ObservedOnOff:
        """Return other On counts of the same spectrum.

        Their terms are filled up to a power of two, so that data sets of about as many counts need one compilation.
        """
        wanted = int(np.max(counts, initial=0.0, where=self.dataset.mask_data)) + 1
        return observe_on_off(self.dataset.with_counts(counts), terms=1 << (wanted - 1).bit_length())

    def values(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names of their shared variables."""
        shared = (self.index, self.log_weights, self.signal_counts, self.log_factorials)
        return {item.name: item.get_value() for item in shared}


def observe_on_off(dataset: SpectrumDatasetOnOff, terms: int = 0) -> ObservedOnOff:
    """Prepare the counts of a checked spectrum.

    Parameters
    ----------
    dataset : SpectrumDatasetOnOff
        The counts.
    terms : int
        Terms of the sums at least; those beyond the On counts are zero.
    """
    used = dataset.mask_data
    n_on = dataset.counts[used]
    log_weights, signal_counts = background_terms(n_on, dataset.counts_off[used], dataset.alpha[used], terms)
    index = np.flatnonzero(used)
    factorials = np.array(scipy.special.gammaln(n_on + 1.0).sum())
    name = dataset.name
    return ObservedOnOff(
        dataset=dataset,
        index=pytensor.shared(index.astype(np.int64), name=f"{name}/bin_index", shape=index.shape),
        log_weights=constant(log_weights, f"{name}/log_weights"),
        signal_counts=constant(signal_counts, f"{name}/signal_counts"),
        log_factorials=pytensor.shared(factorials, name=f"{name}/log_factorials", shape=()),
    )


def background_terms(
    n_on: np.ndarray, n_off: np.ndarray, alpha: np.ndarray, terms: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return ln NB(k) - ln (n_on - k)! and n_on - k, arrays of shape (n_bin, max(n_on) + 1 or more)."""
    k = np.arange(max(int(n_on.max(initial=0.0)) + 1, terms), dtype=np.float64)[None, :]
    shape, ratio = n_off[:, None] + SHAPE, alpha[:, None]
    inside = k <= n_on[:, None]
    signal = np.where(inside, n_on[:, None] - k, 0.0)
    logs = scipy.special.gammaln(k + shape) - scipy.special.gammaln(k + 1.0) - scipy.special.gammaln(shape)
    logs = logs + k * np.log(ratio) - (k + shape) * np.log1p(ratio) - scipy.special.gammaln(signal + 1.0)
    return np.where(inside, logs, -np.inf), signal


def log_probability(signal: Any, log_weights: Any, signal_counts: Any) -> Any:
    """Return ln p(n_on | s) per bin; minus infinity for a negative signal.

    Near s = 0 the sum is its first three terms: those of the logarithm, whose slopes are infinite, leave no second
    derivative there.
    """
    base = pt.max(_of_order(0, log_weights, signal_counts), axis=1, keepdims=True)
    first, second = (pt.sum(pt.exp(_of_order(m, log_weights, signal_counts) - base), axis=1) for m in (1, 2))
    small = pt.and_(signal >= 0.0, signal * first < SMALL)
    inside = pt.switch(small, signal, 0.0)
    near = pt.log1p(first * inside + second * inside**2) + base[:, 0]
    # Where a switch takes the other side, this side must have derivatives that are numbers.
    positive = pt.switch(pt.and_(signal > 0.0, pt.invert(small)), signal, 1.0)[:, None]
    logs = signal_counts * pt.log(positive) + log_weights
    largest = pt.max(logs, axis=1, keepdims=True)
    total = pt.log(pt.sum(pt.exp(logs - largest), axis=1)) + largest[:, 0]
    return pt.switch(signal >= 0.0, pt.switch(small, near, total) - signal, -np.inf)


def _of_order(order: int, log_weights: Any, signal_counts: Any) -> Any:
    """Return the weights of the terms with so many signal counts, minus infinity elsewhere."""
    return pt.switch(pt.eq(signal_counts, float(order)), log_weights, -np.inf)


def declare(name: str, mu: Any, supported: Any, counts: ObservedOnOff, observed: dict[str, Any]) -> None:
    """Add the On counts to the PyMC model on the context stack."""
    used = counts.dataset.mask_data
    n_off, alpha = counts.dataset.counts_off[used], counts.dataset.alpha[used]

    def logp(value: Any, mu: Any, supported: Any) -> Any:
        law = log_probability(mu, counts.log_weights, counts.signal_counts)
        # The terms are those of the observed counts, the only ones this variable ever has.
        return pt.switch(pt.gt(supported, 0.5), law + 0.0 * value, -np.inf)

    def draw(mu: Any, supported: Any, size: Any) -> Any:
        background = pm.Gamma.dist(alpha=n_off + SHAPE, beta=1.0 / alpha)
        return pt.cast(pm.Poisson.dist(mu + background, size=size), "float64")

    pm.CustomDist(name, mu, supported, logp=logp, dist=draw, class_name="OnOff", **observed)
