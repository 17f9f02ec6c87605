"""Whether best values and errors describe the posterior: what an importance check of the Laplace approximation says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LARGEST_K = 0.7
"""Above it weighted draws of any practical number mislead (Vehtari et al. 2024)."""
SMALLEST_SIZE = 100
"""Effective number of draws that a mean within a tenth and a deviation within 7 per cent of it need."""
LARGEST_SHIFT = 0.25
"""Sigma that a mean may lie off its best value, where best value and error are to describe the posterior."""
LARGEST_CHANGE = 0.15
"""The same for a standard deviation, relative."""


@dataclass(frozen=True)
class LaplaceCheck:
    r"""Laplace approximation beside the posterior.

    Attributes
    ----------
    pareto_k : float
        Shape of the tail of the importance weights.
    effective_size : float
        Effective number of the weighted draws.
    draws, seed : int
        Draws made; their seed.
    names : tuple of str
        Free parameters.
    shifts : ndarray, shape (n,)
        Mean of the weighted draws minus best value, in standard deviations of the weighted draws.
    changes : ndarray, shape (n,)
        Standard deviation of the weighted draws over the Laplace error, minus one; NaN without such an error.
    notes : tuple of str
        What was not as it should be in the approximation.
    """

    pareto_k: float
    effective_size: float
    draws: int
    seed: int
    names: tuple[str, ...]
    shifts: np.ndarray
    changes: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def largest_k(self) -> float:
        r"""Largest k for this number S of draws, :math:`\min(1 - 1/\log_{10} S,\ 0.7)`."""
        return min(1.0 - 1.0 / math.log10(max(self.draws, 11)), LARGEST_K)

    @property
    def draws_usable(self) -> bool:
        """True if the weighted draws stand for the posterior."""
        return self.pareto_k <= self.largest_k and self.effective_size >= SMALLEST_SIZE

    @property
    def good_enough(self) -> bool:
        """True if best values and Laplace errors describe the posterior, and the draws prove it."""
        near = np.all(np.abs(self.shifts) <= LARGEST_SHIFT) and np.all(np.abs(self.changes) <= LARGEST_CHANGE)
        return bool(self.draws_usable and near)

    @property
    def message(self) -> str:
        """What it means, and what to do."""
        if not self.draws_usable:
            return (
                f"not good enough: the weights of {self.draws} draws of the Laplace approximation cannot be trusted "
                f"(Pareto k {self.pareto_k:.2f}, at most {self.largest_k:.2f}; effective size "
                f"{self.effective_size:.0f}, at least {SMALLEST_SIZE}); use sample(), with start='pathfinder' or "
                "'variational' where chains are slow"
            )
        if self.good_enough:
            return "good enough: best values and Laplace errors describe the posterior; laplace_draws() stand for draws"
        return (
            f"not good enough: {self._worst()}; quote mean and interval of laplace_draws(), or of sample(), not best "
            "value and error"
        )

    def _worst(self) -> str:
        if np.any(np.isnan(self.changes)):
            return f"{self.names[int(np.argmax(np.isnan(self.changes)))]} has no Laplace error"
        shift, change = int(np.argmax(np.abs(self.shifts))), int(np.argmax(np.abs(self.changes)))
        return (
            f"the mean of {self.names[shift]} lies {self.shifts[shift]:+.2f} sigma off its best value, the standard "
            f"deviation of {self.names[change]} {self.changes[change]:+.0%} off its error"
        )

    def __str__(self) -> str:
        """Show the verdict first, then the parameters."""
        width = max(map(len, self.names), default=0)
        rows = [
            f"  {name:<{width}}  mean {shift:+.3f} sigma  "
            + ("no Laplace error" if np.isnan(change) else f"sd {change:+.1%}")
            for name, shift, change in zip(self.names, self.shifts, self.changes, strict=True)
        ]
        figures = f"  Pareto k {self.pareto_k:.2f}   effective size {self.effective_size:.0f} of {self.draws} draws"
        return "\n".join([f"Laplace approximation: {self.message}", figures, *rows, *self.notes])
