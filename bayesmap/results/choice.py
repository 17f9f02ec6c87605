"""How often a comparison of two models chooses wrongly: simulated test statistics and differences of elpd."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

STATISTICS = ("ts", "delta")


@dataclass(frozen=True)
class ChoiceCalibration:
    r"""Two models fitted to data sets simulated under one of them.

    Parameters
    ----------
    under : str
        Which model the data were simulated from: ``"simple"`` or ``"complex"``.
    by : str
        What the cross-validation left out.
    ts : ndarray, shape (n_simulation,)
        Test statistic :math:`2(\ln L_{complex} - \ln L_{simple})`, likelihoods at the best fits.
    delta, delta_error : ndarray, shape (n_simulation,)
        elpd of the complex model minus that of the simple one, and its standard error.
    bad : ndarray of int, shape (n_simulation,)
        Groups with too large a Pareto k, of both models.
    observed : mapping of str to float
        ``ts``, ``delta`` and ``delta_error`` of the data themselves, found in the same way.
    failed : tuple of str
        Simulations without a result, and why.
    seed : int
        Seed.
    """

    under: str
    by: str
    ts: np.ndarray
    delta: np.ndarray
    delta_error: np.ndarray
    bad: np.ndarray
    observed: Mapping[str, float]
    failed: tuple[str, ...]
    seed: int

    @property
    def simulations(self) -> int:
        """How many have a result."""
        return len(self.ts)

    def p_value(self, statistic: str) -> tuple[float, float]:
        r"""Return how often a statistic is at least as large as that of the data, and the Monte Carlo error.

        Parameters
        ----------
        statistic : str
            ``"ts"`` or ``"delta"``. Of data simulated under the simple model it is a p-value,
            :math:`(1 + \#\{t_i \ge t\}) / (1 + N)`, which is valid for any N.
        """
        above = int(np.sum(self._values(statistic) >= self.observed[statistic]))
        p = (1 + above) / (1 + self.simulations)
        return p, math.sqrt(p * (1.0 - p) / (1 + self.simulations))

    def rate(self, statistic: str, limit: float = 0.0) -> tuple[float, float]:
        """Return how often the complex model is chosen, by a statistic above a limit, and the Monte Carlo error.

        Under the simple model these are false choices, under the complex one it is the power.
        """
        share = float(np.mean(self._values(statistic) > limit))
        return share, math.sqrt(share * (1.0 - share) / self.simulations)

    def limit(self, statistic: str, false_choices: float = 0.05) -> float:
        """Return the limit above which this share of the simulations lies."""
        return float(np.quantile(self._values(statistic), 1.0 - false_choices))

    def _values(self, statistic: str) -> np.ndarray:
        return {"ts": self.ts, "delta": self.delta}[statistic]

    def record(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        arrays = {key: getattr(self, key).tolist() for key in ("ts", "delta", "delta_error", "bad")}
        named = {"under": self.under, "by": self.by, "failed": list(self.failed), "seed": self.seed}
        return named | arrays | {"observed": dict(self.observed)}

    def __str__(self) -> str:
        """Show both statistics of the data beside the simulated ones."""
        lines = [f"{self.simulations} data sets simulated under the {self.under} model ({len(self.failed)} failed)"]
        for name, word in (("ts", "TS"), ("delta", f"difference of elpd by {self.by}")):
            p, error = self.p_value(name)
            share, spread = self.rate(name)
            low, middle, high = np.quantile(self._values(name), [0.05, 0.5, 0.95])
            lines.append(
                f"{word}: observed {self.observed[name]:.2f}; simulated {middle:.2f} (90 %: {low:.2f} to {high:.2f}), "
                f"as large or larger {p:.3f} +- {error:.3f}, above zero {share:.3f} +- {spread:.3f}"
            )
        return "\n".join([*lines, *self.failed])
