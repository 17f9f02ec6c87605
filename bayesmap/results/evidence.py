"""Evidence of models, and the Bayes factor for a source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayesmap.results.approximation import LARGEST_K, SMALLEST_SIZE

LARGEST_ERROR = 0.2
"""Error of ln Z above which an evidence says little."""


@dataclass(frozen=True)
class Evidence:
    r"""Probability of the data under models with proper priors, :math:`Z = \int p(n \mid \theta)\,p(\theta)\,d\theta`.

    Attributes
    ----------
    log_z : float
        ln Z, the terms ln n! included.
    error : float
        Standard deviation of `log_z` from the draws; of its bias nothing is known where Pareto k is large.
    pareto_k : float
        Shape of the tail of the importance weights; NaN for other methods.
    effective_size : float
        Effective number of draws.
    draws, seed : int
        Draws made, of other methods evaluations of the likelihood; their seed.
    prior_share : float
        Share of the prior where the models can be evaluated (limits, map, cut-outs): Z is that of the prior cut there
        and normalised anew.
    reasons : tuple of str
        Why it should not be trusted.
    method : str
        ``"laplace"``, importance sampling around the best fit; ``"smc"`` or ``"ultranest"``.
    """

    log_z: float
    error: float
    pareto_k: float
    effective_size: float
    draws: int
    seed: int
    prior_share: float = 1.0
    reasons: tuple[str, ...] = ()
    method: str = "laplace"

    @property
    def success(self) -> bool:
        """True if there is no reason not to trust it."""
        return not self.reasons

    def __str__(self) -> str:
        """Show the verdict first."""
        head = "ln Z" if self.success else f"NOT TRUSTWORTHY ({'; '.join(self.reasons)}): ln Z"
        words = f"{self.method}, {self.draws} evaluations"
        if self.method == "laplace":
            words = f"Pareto k {self.pareto_k:.2f}, {self.draws} draws"
        return f"{head} = {self.log_z:.3f} +- {self.error:.3f} ({words})"


@dataclass(frozen=True)
class BayesFactor:
    r"""Evidence for a source, :math:`\ln B = \ln Z_1 - \ln Z_0`.

    Attributes
    ----------
    source : str
        Name of the source.
    with_source, without : Evidence
        Of the models as they are, and without the source.
    """

    source: str
    with_source: Evidence
    without: Evidence

    @property
    def log_bayes_factor(self) -> float:
        """Return ln B: above zero it speaks for the source."""
        return self.with_source.log_z - self.without.log_z

    @property
    def error(self) -> float:
        """Standard deviation of ln B from the draws."""
        return math.hypot(self.with_source.error, self.without.error)

    @property
    def log10_bayes_factor(self) -> float:
        """Return log10 B."""
        return self.log_bayes_factor / math.log(10.0)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it should not be trusted."""
        sides = (("with the source", self.with_source), ("without it", self.without))
        return tuple(f"{side}: {reason}" for side, item in sides for reason in item.reasons)

    @property
    def success(self) -> bool:
        """True if there is no reason not to trust it."""
        return not self.reasons

    def probability(self, prior: float = 0.5) -> float:
        """Return the probability that the source is there.

        Parameters
        ----------
        prior : float
            That probability before the data.
        """
        odds = self.log_bayes_factor + math.log(prior) - math.log1p(-prior)
        return 1.0 / (1.0 + math.exp(-odds)) if odds > -700.0 else 0.0

    def __str__(self) -> str:
        """Show the verdict first."""
        head = "" if self.success else f"NOT TRUSTWORTHY ({'; '.join(self.reasons)}): "
        return f"{head}ln B({self.source}) = {self.log_bayes_factor:.2f} +- {self.error:.2f}"


def doubts(pareto_k: float, effective_size: float) -> tuple[str, ...]:
    """Return why an evidence with these weights should not be trusted."""
    found = []
    if not pareto_k <= LARGEST_K:
        found.append(f"Pareto k {pareto_k:.2f} of the importance weights is above {LARGEST_K}")
    if not effective_size >= SMALLEST_SIZE:
        found.append(f"effective size {effective_size:.0f} is below {SMALLEST_SIZE}")
    return tuple(found)


def coarse(error: float) -> tuple[str, ...]:
    """Return why an evidence with this error should not be trusted."""
    if error <= LARGEST_ERROR:
        return ()
    return (f"the error of ln Z is {error:.2f}, above {LARGEST_ERROR}: pass a larger draws",)
