r"""Profiles of minus two times the log-density: curves, intervals and contours at a stated rise.

`stat` is :math:`-2\ln p`, of the posterior or of the likelihood alone, without the terms ln n! of the counts: of the
likelihood it is `MapFit.total_stat`, of the posterior it is that plus :math:`-2\ln` of the prior.  `delta` is its rise
above the best fit.  A *slice* holds all other parameters at the best fit, a *profile* finds their best values anew at
every point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STATISTICS = ("posterior", "likelihood")
PROFILE_KINDS = ("slice", "profile")


@dataclass(frozen=True)
class Profile:
    """Curve of the statistic along one parameter.

    Parameters
    ----------
    name, unit : str
        Parameter.
    values : ndarray, shape (n,)
        Its values, in its unit.
    stat : ndarray, shape (n,)
        The statistic; NaN where it has no support.
    likelihood : ndarray, shape (n,)
        The Cash statistic (`MapFit.total_stat`) at the same points: `stat` without the prior.
    best : float
        Value of the parameter where the statistic is smallest.
    stat_best : float
        The statistic there.
    kind : str
        ``"slice"`` or ``"profile"``.
    statistic : str
        ``"posterior"`` or ``"likelihood"``.
    success : ndarray of bool, shape (n,)
        Whether the others' best values were found; of a slice, whether there is support.
    nfev : int
        Evaluations of value with gradient, and of matrices, each counted as one.
    message : str
        What was not as it should be; empty if nothing.
    """

    name: str
    unit: str
    values: np.ndarray
    stat: np.ndarray
    likelihood: np.ndarray
    best: float
    stat_best: float
    kind: str
    statistic: str
    success: np.ndarray
    nfev: int
    message: str = ""

    @property
    def delta(self) -> np.ndarray:
        """Rise of the statistic above the best fit, shape (n,)."""
        return self.stat - self.stat_best


@dataclass(frozen=True)
class ProfileInterval:
    r"""Interval of a parameter: where its profile has risen by sigma squared.

    Parameters
    ----------
    name, unit : str
        Parameter.
    value : float
        Where the statistic is smallest.
    lower, upper : float
        Ends in the parameter's unit; NaN where there is none.
    sigma : float
        Square root of the rise at the ends.
    open_lower, open_upper : bool
        True if the profile was followed on that side, to the limit of the parameter if it has one, and does not rise to
        the level.
    success : bool
        True if each side has an end, or is open.
    kind, statistic : str
        As of `Profile`.
    nfev : int
        As of `Profile`.
    message : str
        What should be known: open sides, failures; empty if nothing.
    """

    name: str
    unit: str
    value: float
    lower: float
    upper: float
    sigma: float
    open_lower: bool
    open_upper: bool
    success: bool
    kind: str
    statistic: str
    nfev: int
    message: str = ""


@dataclass(frozen=True)
class ProfileContour:
    r"""Points in the plane of two parameters where the statistic has risen by sigma squared.

    Point k lies in direction k from the best fit: the directions go once around, evenly in the plane whitened by the
    covariance of the two.  Where there is no point in a direction it is NaN, which breaks a line that is drawn.

    Parameters
    ----------
    x_name, y_name, x_unit, y_unit : str
        Parameters.
    x, y : ndarray, shape (n,)
        Points, in the parameters' units; the last is not the first.
    x_best, y_best : float
        Best fit.
    sigma : float
        Square root of the rise.
    delta : ndarray, shape (n,)
        Rise that was reached at the points: sigma squared within the tolerance; NaN where there is no point.
    open : ndarray of bool, shape (n,)
        True in directions that were followed to a limit without rising to the level.
    success : bool
        True if each direction has a point, or is open.
    kind, statistic : str
        As of `Profile`.
    nfev : int
        As of `Profile`.
    message : str
        What should be known; empty if nothing.
    """

    x_name: str
    y_name: str
    x_unit: str
    y_unit: str
    x: np.ndarray
    y: np.ndarray
    x_best: float
    y_best: float
    sigma: float
    delta: np.ndarray
    open: np.ndarray
    success: bool
    kind: str
    statistic: str
    nfev: int
    message: str = ""

    @property
    def mass(self) -> float:
        r"""Probability inside, :math:`1 - e^{-\sigma^2/2}`, where the density of the two is a normal one."""
        return float(-np.expm1(-0.5 * self.sigma**2))
