"""Curves of -2 ln p along a parameter, and contours in the plane of two: as slices, and re-optimised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bayesmap.fit.arguments import free_name, free_pair
from bayesmap.fit.intervals import Intervals
from bayesmap.fit.profile_arguments import check_points, grid
from bayesmap.fit.profile_format import contour_dictionary, curve_dictionary
from bayesmap.inference.profile import Progress, profile_contour, profile_curve
from bayesmap.results.intervals import check_sigma


class Profiles(Intervals):
    """Fit with curves and contours of its statistic."""

    def likelihood_profile(
        self,
        parameter: str,
        values: Iterable[Any] | None = None,
        bounds: Any = 2,
        nvalues: int = 11,
        *,
        statistic: str = "posterior",
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Return the statistic along a parameter, all others held at the best fit: a slice.

        Parameters
        ----------
        parameter : str
            Qualified name, or a bare one if it is unique.
        values : iterable of float or Quantity, optional
            Values of the parameter; `bounds` and `nvalues` are then not used.
        bounds : float or (float, float)
            One number: so many standard deviations to both sides of the best value, cut at the parameter's limits.
            Two: the ends.
        nvalues : int
            How many values, evenly spaced.
        statistic : str
            ``"posterior"``: -2 ln p; ``"likelihood"``: that of the likelihood alone, around its own maximum.
        progress : callable, optional
            Called with finished and all points.

        Returns
        -------
        dict
            ``values`` and ``likelihood`` (the Cash statistic, as of `total_stat`), the seed's keys; ``stat`` (of the
            posterior: ``likelihood`` minus twice the logarithm of the prior), ``delta`` (its rise above the best),
            ``best``, ``stat_best``, ``success``, ``point_success``, ``nfev``, ``message``, ``kind``, ``statistic``,
            ``name``, ``unit``, and ``record``, a `bayesmap.results.profile.Profile`.

        Raises
        ------
        BayesmapInputError
            BM-FT-030 to BM-FT-032 for values or bounds without sense; BM-FT-003 for an unknown statistic; as of
            `confidence` for a parameter without interval.

        Examples
        --------
        >>> from bayesmap import MapFit
        >>> from bayesmap.testing import toy_dataset, toy_models
        >>> fit = MapFit.from_dataset(toy_dataset(npix=10), toy_models(), priors="flat")
        >>> curve = fit.likelihood_profile("index", bounds=2, nvalues=5)
        >>> curve["delta"].argmin(), curve["success"]
        (np.int64(2), True)
        """
        return self._curve("slice", parameter, values, bounds, nvalues, statistic, progress)

    def minos_profile(
        self,
        parameter: str,
        values: Iterable[Any] | None = None,
        bounds: Any = 2,
        nvalues: int = 11,
        *,
        statistic: str = "posterior",
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Return the statistic along a parameter, all others re-optimised at each value: a profile.

        Arguments and keys as of `likelihood_profile`. Each point starts from the one before it.

        Examples
        --------
        >>> from bayesmap import MapFit
        >>> from bayesmap.testing import toy_dataset, toy_models
        >>> fit = MapFit.from_dataset(toy_dataset(npix=10), toy_models(), priors="flat")
        >>> slice_, profile = (verb("index", values=[1.9, 2.5]) for verb in (fit.likelihood_profile, fit.minos_profile))
        >>> bool((profile["stat"] <= slice_["stat"]).all())
        True
        """
        return self._curve("profile", parameter, values, bounds, nvalues, statistic, progress)

    def likelihood_contour(
        self,
        x: str,
        y: str,
        numpoints: int = 100,
        sigma: float = 1.0,
        *,
        statistic: str = "posterior",
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Return where the statistic has risen by sigma squared, all other parameters held at the best fit: a slice.

        The region is the smaller, the more x and y are correlated with others; see `minos_contour` for the region that
        takes these into account, and for the keys.

        Parameters
        ----------
        x, y : str
            Parameters by name.
        numpoints : int
            Points to return.
        sigma : float
            Square root of the rise.
        statistic, progress
            As of `likelihood_profile`.
        """
        check_sigma(sigma)
        check_points(numpoints)
        pair = free_pair(self._start.parameters, x, y)
        valley = self._valley(statistic)
        found = profile_contour(valley, pair, sigma, numpoints, kind="slice", progress=progress)
        return contour_dictionary(found, "slice")

    def _curve(
        self,
        kind: str,
        parameter: str,
        values: Iterable[Any] | None,
        bounds: Any,
        nvalues: int,
        statistic: str,
        progress: Progress | None,
    ) -> dict[str, Any]:
        name = free_name(self._start.parameters, parameter)
        valley, errors = self._valley(statistic), self._errors()
        error = float(errors.errors[errors.names.index(name)])
        center, limits = float(valley.values[valley.index(name)]), valley.limits(name)
        chosen = grid(self._start.parameters[name], values, bounds, nvalues, center, error, limits)
        return curve_dictionary(profile_curve(valley, name, chosen, kind=kind, progress=progress))
