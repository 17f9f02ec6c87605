"""Intervals and contours of a fit: from draws, from the covariance, from profiles of -2 ln p."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from bayesmap.fit.approximation import Approximated
from bayesmap.fit.arguments import check_choice, check_interval, free_name, free_pair
from bayesmap.fit.minuit_interval import minuit_contour, minuit_interval
from bayesmap.fit.profile_arguments import check_points
from bayesmap.fit.profile_format import contour_dictionary, profile_interval_dictionary
from bayesmap.fit.seed_format import laplace_interval, posterior_contour, posterior_interval
from bayesmap.inference.backends.registry import check_options
from bayesmap.inference.profile import Progress, Valley, begin, profile_contour, profile_interval
from bayesmap.models.sky import Models
from bayesmap.results.intervals import check_sigma
from bayesmap.results.profile import STATISTICS, ProfileContour, ProfileInterval


class Intervals(Approximated):
    """Fit with intervals and contours of its parameters."""

    @property
    def model(self) -> Models:
        """The current models."""
        raise NotImplementedError

    def _draws(self, options: Mapping[str, Any]) -> xr.DataTree:
        """Return draws of the posterior."""
        raise NotImplementedError

    def confidence(
        self, parameter: str, backend: str = "nuts", sigma: float = 1.0, *, kind: str = "eti", **options: Any
    ) -> dict[str, Any]:
        """Return the interval of a parameter around its best value.

        Parameters
        ----------
        parameter : str
            Qualified name, or a bare one if it is unique.
        backend : str
            ``"nuts"``: from the draws of the last `sample` (made now where there are none); ``"laplace"``: from the
            covariance; ``"profile"``: where the profile of -2 ln p, all other parameters re-optimised, has risen by
            sigma squared; ``"minuit"``: the same by Minuit's MINOS.
        sigma : float
            The interval holds the probability erf(sigma / sqrt 2); of a profile, the square root of the rise.
        kind : str
            ``"eti"``: equal tails, or ``"hdi"``: highest density; of draws.
        **options
            Of `sample`, where draws are made now; of profile ``statistic`` (``"posterior"``, or ``"likelihood"``:
            around the likelihood's own maximum) and ``progress`` (called with finished and all sides); of minuit
            ``strategy``, ``tol``, ``max_iterations``.

        Returns
        -------
        dict
            ``errp``, ``errn`` (distances of the ends from the best ``value``, in the parameter's unit), ``success``,
            ``nfev``, ``backend``, ``message``, and the fields of `bayesmap.results.intervals.Interval`; of profile
            those of `bayesmap.results.profile.ProfileInterval` too. Where the best value lies outside the interval of
            the draws, as it may at a limit, an error is negative and the message says so. A profile that does not rise
            to the level up to the limit of the parameter leaves that side open: ``open_lower`` or ``open_upper`` is
            True, the end is NaN, and ``message`` names limit and level.

        Raises
        ------
        BayesmapInputError
            BM-FT-003, BM-FT-007, BM-FT-010, BM-FT-041 for arguments without sense; BM-FT-051 for too few draws in the
            tails.
        """
        check_interval(backend, sigma, kind, options)
        name = free_name(self._start.parameters, parameter)
        if backend == "laplace":
            return laplace_interval(self._errors(), name, sigma)
        if backend == "profile":
            check_options("profile", self._profile_interval, options)
            return profile_interval_dictionary(self._profile_interval(name, sigma, **options))
        if backend == "minuit":
            return minuit_interval(self._posterior, self._errors(), name, sigma, **options)
        return posterior_interval(self._draws(options), self.model, name, sigma, kind)

    def minos_contour(
        self, x: str, y: str, numpoints: int = 100, sigma: float = 1.0, *, backend: str = "nuts", **options: Any
    ) -> dict[str, Any]:
        r"""Return the contour of two parameters.

        From draws, the region of highest density that holds the probability :math:`1 - e^{-\sigma^2/2}` of both
        parameters together (39.3 % for one sigma, MINUIT's level; for a joint 68.3 % take sigma = 1.515). By profile,
        the points where -2 ln p, all other parameters re-optimised, has risen by sigma squared: the same region if the
        posterior is normal.

        Parameters
        ----------
        x, y : str
            Parameters by name.
        numpoints : int
            Points to return.
        sigma : float
            Size of the region.
        backend : str
            ``"nuts"``: from draws; ``"profile"``; ``"minuit"``: Minuit's contour.
        **options
            As of `confidence`.

        Returns
        -------
        dict
            ``x``, ``y`` (points, in the parameters' units), ``success``, ``mass``, ``pieces``, ``x_info``, ``y_info``;
            of profile also ``delta``, ``open`` (directions that reach a limit below the level: NaN in ``x`` and ``y``),
            ``message`` and ``record``, a `bayesmap.results.profile.ProfileContour`.

        Raises
        ------
        BayesmapInputError
            BM-FT-033 for fewer than four points; else as of `confidence`.
        """
        check_choice("backend", backend, ("nuts", "profile", "minuit"))
        check_sigma(sigma)
        check_points(numpoints)
        pair = free_pair(self._start.parameters, x, y)
        if backend == "nuts":
            return posterior_contour(self._draws(options), *pair, sigma, numpoints)
        if backend == "minuit":
            found = minuit_contour(self._posterior, self._errors(), pair, sigma, numpoints, **options)
            return contour_dictionary(found, "minuit")
        check_options("profile", self._profile_contour, options)
        return contour_dictionary(self._profile_contour(pair, sigma, numpoints, **options), "profile")

    def _profile_interval(
        self, name: str, sigma: float, *, statistic: str = "posterior", progress: Progress | None = None
    ) -> ProfileInterval:
        return profile_interval(self._valley(statistic), name, sigma, progress=progress)

    def _profile_contour(
        self,
        pair: tuple[str, str],
        sigma: float,
        numpoints: int,
        *,
        statistic: str = "posterior",
        progress: Progress | None = None,
    ) -> ProfileContour:
        return profile_contour(self._valley(statistic), pair, sigma, numpoints, progress=progress)

    def _valley(self, statistic: str) -> Valley:
        """Return the statistic around its minimum."""
        check_choice("statistic", statistic, STATISTICS)
        errors = self._errors()
        return begin(self._posterior, errors.theta, errors.hessian, statistic, self._log_factorials)
