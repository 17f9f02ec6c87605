"""Test statistic of a source, and what may be concluded from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy.stats

HALF, WHOLE = "half chi2(1)", "chi2(1)"
NO_LAW = "none"


@dataclass(frozen=True)
class Significance:
    r"""Likelihood-ratio test of a source.

    .. math:: TS = 2\,[\max_{\theta,\nu} \ln p(n \mid \theta, \nu)\,p(\nu) - \max_\nu \ln p(n \mid 0, \nu)\,p(\nu)]

    with the source's own parameters without priors, and the priors of all else, the nuisances.

    Attributes
    ----------
    source : str
        Name of the source.
    ts : float
        Test statistic.
    parameters : tuple of str
        Free parameters of the source: the degrees of freedom.
    law : str
        Law of `ts` where there is no source, for many counts: ``"half chi2(1)"``, ``"chi2(1)"`` or ``"none"``.
    conditions : str
        What the law asks for, or why there is none.
    total_stat, total_stat_null : float
        Cash statistics at both optima.
    reasons : tuple of str
        Why the optima should not be trusted; a negative test statistic is one of them.
    best : float
        Best value of the free parameter, in its unit: below zero for a deficit. NaN if there is not just one.
    """

    source: str
    ts: float
    parameters: tuple[str, ...]
    law: str
    conditions: str
    total_stat: float
    total_stat_null: float
    reasons: tuple[str, ...] = ()
    best: float = math.nan

    @property
    def dof(self) -> int:
        """Number of free parameters of the source."""
        return len(self.parameters)

    @property
    def success(self) -> bool:
        """True if both optima can be trusted."""
        return not self.reasons

    @property
    def sqrt_ts(self) -> float:
        """Square root of the test statistic; zero for a negative one, which is among the reasons."""
        return math.sqrt(self.ts) if self.ts > 0.0 else 0.0

    @property
    def sigma(self) -> float:
        r"""Significance of an excess in standard deviations, one-sided: :math:`\pm\sqrt{TS}`, minus for a deficit.

        NaN where no law is known.
        """
        if self.law == NO_LAW:
            return math.nan
        return -self.sqrt_ts if self.law == WHOLE and self.best < 0.0 else self.sqrt_ts

    @property
    def p_value(self) -> float:
        """Probability of such a test statistic, or a larger one, without the source; NaN where no law is known.

        Where the parameter may be negative that of an excess *or* a deficit; see `p_excess`.
        """
        if self.law == NO_LAW:
            return math.nan
        if self.ts <= 0.0:
            return 1.0
        return float(scipy.stats.chi2.sf(self.ts, 1)) * (0.5 if self.law == HALF else 1.0)

    @property
    def p_excess(self) -> float:
        """Probability of such an excess, or a larger one, without the source; NaN where no law is known."""
        return float(scipy.stats.norm.sf(self.sigma)) if self.law == WHOLE else self.p_value

    def __str__(self) -> str:
        """Show the verdict first."""
        head = "" if self.success else "NOT TRUSTWORTHY: " + "; ".join(self.reasons) + "\n"
        sign = " (a deficit)" if self.sigma < 0.0 else ""
        first = f"{self.source}: TS {self.ts:.2f}, sqrt(TS) {self.sqrt_ts:.2f}{sign}, {self.dof} free parameters"
        chance = "no p value" if self.law == NO_LAW else f"p = {self.p_excess:.3g} ({self.law})"
        return f"{head}{first}; {chance}: {self.conditions}"
