r"""What a simulation-based calibration found: verdict, ranks, coverage, z-scores and contraction.

.. math:: z = \frac{\bar\theta - \theta_{true}}{sd(\theta)}, \qquad
          contraction = 1 - \frac{\langle sd^2(\theta)\rangle}{sd^2_{prior}(\theta)}

With truths from the prior a credible interval of mass m holds the truth in a share m of all simulations, whatever the
counts; that share of K simulations is a binomial number.

References
----------
Talts et al. 2018, arXiv:1804.06788.  Sailynoja et al. 2022, Statistics and Computing 32, 32.
Betancourt 2018, arXiv:1803.08393 (z-score and contraction).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bayesmap.checks.bounds import ONE_AND_TWO_SIGMA, share_bounds
from bayesmap.checks.uniformity import UniformRanks

LEVEL = 0.999
"""Probability that a right quantity lies inside its envelope, and inside the bounds of its coverage."""
MOST_REFUSED = 0.02
"""Share of simulations without a posterior above which the others say too little."""
FAR, MOST_FAR, JUDGED_FROM = 4.0, 0.001, 1000
"""z-scores beyond FAR may be a share MOST_FAR of all; fewer than JUDGED_FROM simulations do not decide on single
values, and z-scores are normal only of a normal posterior."""
RETURNED = 0.05
"""Contraction below which a posterior is called the prior."""


@dataclass(frozen=True)
class Calibration:
    """Result of a simulation-based calibration.

    Parameters
    ----------
    names, units : tuple of str
        Ranked quantities, the free parameters first, and their units.
    indices : ndarray of int, shape (n_simulation,)
        Numbers of the simulations with a posterior.
    truths : ndarray, shape (n_simulation, n_quantity)
        True values.
    ranks : ndarray of int, shape (n_simulation, n_quantity)
        Rank of the truth among `n_draws` nearly independent draws, 0 ... `n_draws`.
    positions : ndarray, shape (n_simulation, n_quantity)
        Place of the truth in the distribution of all draws, between 0 and 1.
    means, sds : ndarray, shape (n_simulation, n_parameter)
        Mean and standard deviation of the draws of each free parameter.
    prior_sds : ndarray, shape (n_parameter,)
        Standard deviation of the prior.
    n_draws : int
        L.
    refused : dict
        Number of a simulation without a posterior -> reason.
    requested : int
        Simulations that were asked for.
    level : float
        Probability that a right quantity passes.
    masses : tuple of float
        Masses of the credible intervals whose coverage is judged.
    provenance : dict
        Seed, settings, fingerprint, versions.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    indices: np.ndarray
    truths: np.ndarray
    ranks: np.ndarray
    positions: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    prior_sds: np.ndarray
    n_draws: int
    refused: Mapping[int, str]
    requested: int
    level: float = LEVEL
    masses: tuple[float, ...] = ONE_AND_TWO_SIGMA
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Free parameters."""
        return self.names[: len(self.prior_sds)]

    @property
    def simulations(self) -> int:
        """Number of simulations with a posterior."""
        return len(self.indices)

    @property
    def done(self) -> int:
        """Number of simulations that were run."""
        return self.simulations + len(self.refused)

    @property
    def z_scores(self) -> np.ndarray:
        """(Mean - truth) / standard deviation, shape (n_simulation, n_parameter)."""
        return (self.means - self.truths[:, : len(self.prior_sds)]) / self.sds

    @property
    def contraction(self) -> np.ndarray:
        """One minus mean variance of the posteriors over that of the prior, shape (n_parameter,)."""
        return 1.0 - np.mean(self.sds**2, axis=0) / self.prior_sds**2

    @property
    def contractions(self) -> np.ndarray:
        """The same of each simulation, shape (n_simulation, n_parameter)."""
        return 1.0 - (self.sds / self.prior_sds) ** 2

    @property
    def uniform(self) -> UniformRanks:
        """What right ranks look like."""
        return UniformRanks(self.simulations, self.n_draws, self.level)

    @cached_property
    def _p_values(self) -> dict[str, float]:
        law = self.uniform
        return {name: law.p_value(column) for name, column in zip(self.names, self.ranks.T, strict=True)}

    def p_values(self) -> dict[str, float]:
        """Return the p-value of each quantity's ranks being uniform."""
        return dict(self._p_values)

    def shares(self, mass: float) -> np.ndarray:
        """Return the share of the credible intervals with equal tails that hold the truth, shape (n_quantity,)."""
        return np.asarray(np.mean(np.abs(2.0 * self.positions - 1.0) <= mass, axis=0))

    def bounds(self, mass: float) -> tuple[float, float]:
        """Return the shares between which a right quantity lies with the probability `level`."""
        return share_bounds(self.simulations, mass, 1.0 - self.level)

    @property
    def success(self) -> bool:
        """True if there is no reason to distrust the posterior."""
        return not self.reasons

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """What is not as it should be, one line each."""
        if self.simulations < 2:
            return (f"{self.simulations} simulations have a posterior, which say nothing", *self._incomplete())
        return (*self._incomplete(), *self._uneven(), *self._uncovered(), *self._far())

    def _incomplete(self) -> list[str]:
        found = []
        if self.done < self.requested:
            found.append(f"{self.done} of {self.requested} simulations were run")
        if len(self.refused) > MOST_REFUSED * self.done:
            found.append(f"{len(self.refused)} of {self.done} simulations have no posterior")
        return found

    def _uneven(self) -> list[str]:
        low = 1.0 - self.level
        return [
            f"{name}: ranks are not uniform (p {value:.1g}), {self.shape(name)}"
            for name, value in self._p_values.items()
            if value < low
        ]

    def _uncovered(self) -> list[str]:
        found = []
        for mass in self.masses:
            low, high = self.bounds(mass)
            found += [
                f"{name}: the {100 * mass:.2f} % interval holds the truth in {100 * share:.1f} % "
                f"(allowed {100 * low:.1f} to {100 * high:.1f})"
                for name, share in zip(self.names, self.shares(mass), strict=True)
                if not low <= share <= high
            ]
        return found

    def _far(self) -> list[str]:
        share = float(np.mean(np.abs(self.z_scores) >= FAR))
        if self.simulations < JUDGED_FROM or share <= MOST_FAR:
            return []
        return [f"{100 * share:.2f} % of the z-scores are beyond {FAR:g}, where {100 * MOST_FAR:g} % may be"]

    def shape(self, name: str) -> str:
        """Return in words how the truths of a quantity lie among its draws."""
        away = self.positions[:, self.names.index(name)] - 0.5
        n = len(away)
        side, width = away.mean() * np.sqrt(12.0 * n), (np.abs(away).mean() - 0.25) * np.sqrt(48.0 * n)
        if max(abs(side), abs(width)) < 3.0:
            return "uneven"
        if abs(side) >= abs(width):
            return "draws too low" if side > 0.0 else "draws too high"
        return "draws too narrow" if width > 0.0 else "draws too wide"

    @property
    def notes(self) -> tuple[str, ...]:
        """What else the user should know: parameters that the data do not tell, far z-scores, refused simulations."""
        pairs = zip(self.parameters, self.contraction, strict=True)
        lines = [f"{name} returns its prior (contraction {value:.2g})" for name, value in pairs if value < RETURNED]
        for name, scores in zip(self.parameters, self.z_scores.T, strict=True):
            if far := int(np.sum(np.abs(scores) >= FAR)):
                lines.append(f"{name}: {far} of {len(scores)} z-scores are beyond {FAR:g}")
        lines += [f"simulation {i} has no posterior: {reason}" for i, reason in list(self.refused.items())[:3]]
        return (*lines, *([f"... {len(self.refused) - 3} more without"] if len(self.refused) > 3 else []))

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Figures of each quantity; those of parameters alone are None for others."""
        spread = zip(self.contraction, self.z_scores.mean(axis=0), self.z_scores.std(axis=0, ddof=1), strict=True)
        own = dict(zip(self.parameters, spread, strict=True))
        held = [self.shares(mass) for mass in self.masses]
        found = {}
        for k, name in enumerate(self.names):
            contraction, z_mean, z_sd = own.get(name, (None, None, None))
            shares = {f"{100 * mass:.2f} %": float(share[k]) for mass, share in zip(self.masses, held, strict=True)}
            found[name] = {
                "unit": self.units[k],
                "p_value": self._p_values[name],
                "shape": "" if self._p_values[name] >= 1.0 - self.level else self.shape(name),
                "shares": shares,
                "contraction": None if contraction is None else float(contraction),
                "z_mean": None if z_mean is None else float(z_mean),
                "z_sd": None if z_sd is None else float(z_sd),
            }
        return found

    def __str__(self) -> str:
        """Show the verdict and its reasons, then a line for each quantity."""
        state = "calibrated" if self.success else "NOT CALIBRATED"
        head = f"{state} ({self.simulations} of {self.done} simulations have a posterior)"
        lines = [head, *(f"- {item}" for item in self.reasons), *(f"note: {item}" for item in self.notes)]
        return "\n".join(lines if self.simulations < 2 else [*lines, "", self.table()])

    def table(self) -> str:
        """Return a line for each quantity, and one of what is allowed."""
        bounds = ["-".join(f"{100 * end:.1f}" for end in self.bounds(mass)) for mass in self.masses]
        intervals = [f"in {100 * mass:.2f} %" for mass in self.masses]
        cells = [["quantity", "p", *intervals, "contraction", "z mean", "z sd"]]
        for name, row in self.rows.items():
            shown = [f"{100 * share:.1f}" for share in row["shares"].values()]
            figures = [_shown(row[key]) for key in ("contraction", "z_mean", "z_sd")]
            cells.append([name, f"{row['p_value']:.3g}", *shown, *figures])
        cells.append(["(allowed)", f">= {1.0 - self.level:.3g}", *bounds, "0 to 1", "near 0", "near 1"])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        rows = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in cells]
        return "\n".join("  ".join(row).rstrip() for row in rows)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def gather(
    names: Sequence[str],
    units: Sequence[str],
    records: Sequence[Mapping[str, Any]],
    prior_sds: np.ndarray,
    n_draws: int,
    *,
    requested: int,
    **more: Any,
) -> Calibration:
    """Return the calibration of single simulations, in any order; see `bayesmap.checks.sbc.simulate_one`.

    Parameters
    ----------
    names, units : sequence of str
        Quantities.
    records : sequence of dict
        One for each simulation.
    prior_sds : ndarray, shape (n_parameter,)
        Of the priors.
    n_draws, requested
        As of `Calibration`.
    **more
        ``level``, ``masses``, ``provenance``.
    """
    ordered = sorted(records, key=lambda item: item["i"])
    kept = [item for item in ordered if "refused" not in item]

    def column(key: str, width: int, kind: type = float) -> np.ndarray:
        return np.array([item[key] for item in kept], dtype=kind).reshape(len(kept), width)

    return Calibration(
        names=tuple(names),
        units=tuple(units),
        indices=np.array([item["i"] for item in kept], dtype=int),
        truths=column("truth", len(names)),
        ranks=column("ranks", len(names), int),
        positions=column("positions", len(names)),
        means=column("mean", len(prior_sds)),
        sds=column("sd", len(prior_sds)),
        prior_sds=np.asarray(prior_sds),
        n_draws=n_draws,
        refused={item["i"]: item["refused"] for item in ordered if "refused" in item},
        requested=requested,
        **more,
    )
