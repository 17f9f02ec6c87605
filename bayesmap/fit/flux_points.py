r"""Flux points as one joint posterior over bands of reconstructed energy.

.. math:: \mu_{iq} = n_{k(i)}\, N^{ref}_{iq} + \text{all other models}

The shape of the source's spectrum inside a band is that of the reference; the norms of all bands are fitted at once,
together with everything else that the fit leaves free, so that their correlations come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import astropy.units as u
import numpy as np
import xarray as xr

from bayesmap.checks.on_off import expected_background
from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.dataset.bands import check_used, checked_edges, in_bands, no_band, sums_per_band
from bayesmap.fit.arguments import check_choice
from bayesmap.fit.facade import MapFit
from bayesmap.inference.marginal import Marginal, far_from_limits, marginal
from bayesmap.inference.numbers import check_numbers
from bayesmap.inference.pinned import profile_point
from bayesmap.inference.weighted import weighted_marginals
from bayesmap.inference.whitening import whiten
from bayesmap.models.bands import banded_models, priors_without
from bayesmap.models.link import model_of
from bayesmap.models.sky import Models, SkyModel
from bayesmap.results.approximation import LARGEST_K
from bayesmap.results.derived import flux_model
from bayesmap.results.fit import CovarianceResult, FitResult
from bayesmap.results.flux_points import FluxPoints
from bayesmap.results.intervals import mass_in_one_dimension
from bayesmap.results.limits import check_mass, upper_limit
from bayesmap.results.posterior import verdict_of
from bayesmap.results.tails import FEWEST_IN_TAIL

BACKENDS = ("laplace", "nuts")
DRAWS = 8000
"""Weighted draws where a norm stands near zero."""
ROUND_OFF = 1e-5
"""Test statistics below this one are zero: both optima are found to 1e-6."""
_TEV = u.Unit("TeV")


def flux_points(
    fit: MapFit,
    source: str,
    energy_edges: Any,
    *,
    backend: str = "laplace",
    shape: bool = False,
    ul_mass: float = 0.95,
    **options: Any,
) -> FluxPoints:
    r"""Return the flux points of a source, from one joint posterior of the norms of all bands.

    The reference is the source's spectrum in the current models, as a rule the best fit; only data inside the bands are
    used. Each norm has a flat prior above zero. What the fit leaves free besides the source's spectrum stays free and
    is marginalised: backgrounds, other sources, scales of the response. With shared nuisances the norms are correlated.

    Parameters
    ----------
    fit : MapFit
        Fit of one or more data sets.
    source : str
        Name of the source.
    energy_edges : Quantity, shape (n + 1,)
        Ends of the bands, on edges of the energy bins of the data.
    backend : str
        ``"laplace"``: best values, the Laplace approximation for covariances, and Tierney and Kadane's for the density
        of each norm; ``"nuts"``: draws.
    shape : bool
        True to leave the source's position and shape free where they are, in common for all bands.
    ul_mass : float
        Probability below the upper limits.
    **options
        Of `MapFit.sample`, with ``"nuts"``; with ``"laplace"`` ``draws`` and ``random_seed`` of the weighted draws that
        replace Tierney and Kadane's density where a norm or another parameter stands near a limit.

    Returns
    -------
    FluxPoints

    Raises
    ------
    BayesmapInputError
        BM-FT-009 or 050 for a source without a flux; BM-FT-060, 061 for the edges; BM-FT-062 for a band without data or
        predicted counts of the source; BM-FT-068 for pools and joint priors that hold the source's spectrum;
        BM-FT-051, 052 for the limits.
    FitStateError
        BM-FT-063 if the data do not constrain what is free.

    References
    ----------
    Tierney & Kadane 1986, J. Am. Stat. Assoc. 81, 82.

    Examples
    --------
    >>> import astropy.units as u
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> models = toy_models().with_frozen({"lon_0": True, "lat_0": True})
    >>> fit = MapFit.from_dataset(toy_dataset(), models)
    >>> best = fit.optimize()
    >>> points = flux_points(fit, "source", fit.dataset.axis.edges * u.TeV)
    >>> points.norm.shape, points.success, bool((points.norm_ul > points.norm).all())
    ((3,), True, True)
    """
    check_choice("backend", backend, BACKENDS)
    check_mass(ul_mass)
    bands = band_fit(fit, source, energy_edges, shape=shape)
    bands.check_counts()
    best = bands.fit.optimize(start=bands.start)
    covariance = bands.fit.covariance()
    estimate = _by_laplace if backend == "laplace" else _by_draws
    found = estimate(bands, best, covariance, ul_mass, **options)
    ts = bands.test_statistics(best)
    if np.any(ts < 0.0):
        found |= {"success": False, "reasons": (*found["reasons"], "a norm of zero fits better: not the best optimum")}
    return FluxPoints(
        source=source,
        reference=bands.source.spectral_model,
        edges=np.asarray(bands.edges) * _TEV,
        norm=best.theta[bands.indices],
        ts=ts,
        datasets=bands.fit.names,
        method=backend,
        ul_mass=ul_mass,
        **bands.counted(),
        **found,
    )


@dataclass(frozen=True)
class BandFit:
    """Fit of the norms of a source in bands.

    Parameters
    ----------
    fit : MapFit
        Of the data in the bands.
    source : SkyModel
        With the reference spectrum.
    edges : ndarray, shape (n + 1,), unit TeV
        Bands.
    start : ndarray
        Coordinates to optimise from: those of the fit that the bands come from.
    """

    fit: MapFit
    source: SkyModel
    edges: np.ndarray
    start: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Norms by qualified name."""
        return tuple(f"{self.source.name}.spectral.norm_{k}" for k in range(len(self.edges) - 1))

    @property
    def indices(self) -> list[int]:
        """Their places among the free parameters."""
        return [self.fit.free_parameters.index(name) for name in self.names]

    def check_counts(self) -> None:
        """Refuse a band in which the source makes no counts.

        Raises
        ------
        BayesmapInputError
            BM-FT-062.
        """
        reference = {name: 1.0 for name in self.names}
        total = self._sums(lambda name: self._own(name, reference)).sum(axis=1)
        dark = np.flatnonzero(~(total > 0.0))
        if len(dark):
            raise no_band(self.edges, int(dark[0]), f"{self.source.name!r} makes no counts")

    def counted(self) -> dict[str, Any]:
        """Return counts, predicted counts and statistic of the bands at the best values."""
        stat = self._sums(self.fit.stat_of).sum(axis=1)
        counts = self._sums(lambda name: _counts(self._dataset(name)))
        npred = self._sums(self._predicted)
        return {"stat": stat, "counts": counts, "npred": npred, "npred_excess": self._sums(self._own)}

    def test_statistics(self, best: FitResult) -> np.ndarray:
        """Return twice the fall of the log-posterior with each norm at zero; the prior of the norms is flat."""
        posterior = self.fit._posterior
        nulls = (
            best.log_posterior
            if best.theta[index] == 0.0
            else profile_point(posterior, best.theta, index, 0.0).log_posterior
            for index in self.indices
        )
        found = 2.0 * (best.log_posterior - np.array(list(nulls)))
        return np.where(np.abs(found) < ROUND_OFF, 0.0, found)

    def _predicted(self, name: str) -> np.ndarray:
        """Return predicted counts of all models; of a spectrum, On counts with their background."""
        dataset, npred = self._dataset(name), _array(self.fit.npred(dataset=name))
        return npred + expected_background(dataset) if isinstance(dataset, SpectrumDatasetOnOff) else npred

    def _own(self, name: str, values: dict[str, float] | None = None) -> np.ndarray:
        """Return predicted counts of the source in a dataset, zeros where it does not contribute."""
        found = self.fit.npred_components(values, dataset=name)
        if self.source.name not in found:
            return np.zeros(self._dataset(name).mask_data.shape)
        return _array(found[self.source.name])

    def _sums(self, values: Callable[[str], Any]) -> np.ndarray:
        """Return sums per band of each dataset's bins, shape (n, n_dataset)."""
        return np.stack([sums_per_band(self._dataset(name), self.edges, values(name)) for name in self.fit.names], 1)

    def _dataset(self, name: str) -> Any:
        return self.fit.datasets[self.fit.names.index(name)]


def band_fit(fit: MapFit, source: str, edges: Any, *, shape: bool = False) -> BandFit:
    """Return the fit of the norms in bands, not yet optimised; see `flux_points`."""
    model = flux_model(fit.model, source)
    values = checked_edges(edges, [item.axis for item in fit.datasets])
    datasets = [item for item in (in_bands(item, values) for item in fit.datasets) if item is not None]
    check_used(datasets, values)
    # The others keep the start values, which define their default priors and coordinates.
    base = Models(tuple(model if item.name == source else item for item in fit._start))
    models = banded_models(base, model, values, shape=shape)
    names = {item.name for item in datasets}
    kept = Models(tuple(item for item in models if item in models.pools or any(map(item.applies_to, names))))
    options = {item.name: getattr(fit._options, item.name) for item in fields(fit._options)}
    options["priors"] = priors_without(options["priors"], fit._start, kept)
    made = MapFit.from_datasets(datasets, kept, **options, allow_asimov=True)
    return BandFit(made, model, values, _start_at(fit, made, source))


def _start_at(fit: MapFit, made: MapFit, source: str) -> np.ndarray:
    """Return the current coordinates of a fit in the fit of its bands; the source's own are where its model is."""
    current = dict(zip(fit.free_parameters, fit._theta, strict=True))
    places = zip(made.free_parameters, made._posterior.coordinates.start, strict=True)
    return np.array([start if model_of(name) == source else current.get(name, start) for name, start in places])


def _by_laplace(
    bands: BandFit,
    best: FitResult,
    covariance: CovarianceResult,
    ul_mass: float,
    draws: int = DRAWS,
    random_seed: int = 0,
) -> dict[str, Any]:
    check_numbers(draws=draws, random_seed=random_seed)
    errors = covariance.errors[bands.indices]
    found, doubts = _marginals(bands, best, errors, 1.0 - ul_mass, draws, random_seed)
    norms, mass = best.theta[bands.indices], mass_in_one_dimension(1.0)
    low, high = np.array([item.around(norm, mass) for item, norm in zip(found, norms, strict=True)]).T
    reasons = (*_reasons(best, covariance, bands.names), *doubts)
    return {
        "norm_err": np.where(np.isfinite(errors), errors, [item.deviation for item in found]),
        "norm_errn": norms - low,
        "norm_errp": high - norms,
        "norm_ul": np.array([item.quantile(ul_mass) for item in found]),
        "covariance": covariance.matrix[np.ix_(bands.indices, bands.indices)],
        "success": not reasons,
        "reasons": reasons,
    }


def _marginals(
    bands: BandFit, best: FitResult, errors: np.ndarray, tail: float, draws: int, seed: int
) -> tuple[Sequence[Marginal], tuple[str, ...]]:
    """Return the density of each norm, and why it should not be trusted.

    Where other parameters stand near their limits, their volume depends on what they share with a norm, if there is
    anything else that is free: it takes draws.
    """
    posterior, theta = bands.fit._posterior, best.theta
    if len(theta) == len(bands.indices) or all(
        len(far_from_limits(posterior, theta, index)) == len(theta) - 1 for index in bands.indices
    ):
        _, gradient = posterior.value_and_gradient(theta)
        # At zero the log-density falls by one over the inverse of its slope.
        steps = [
            error if np.isfinite(error) else 1.0 / abs(gradient[index])
            for error, index in zip(errors, bands.indices, strict=True)
        ]
        places = zip(bands.indices, steps, strict=True)
        return [marginal(posterior, theta, index, step) for index, step in places], ()
    whitening = whiten(posterior, theta, hessian=best.hessian)
    found = weighted_marginals(posterior, whitening, bands.indices, draws, seed)
    reasons = list(whitening.notes)
    if not found.pareto_k <= LARGEST_K:
        reasons.append(f"Pareto k of the weighted draws is {found.pareto_k:.2f}, above {LARGEST_K}: use backend='nuts'")
    if found.effective_size * tail < FEWEST_IN_TAIL:
        reasons.append(f"{found.effective_size:.0f} effective draws are few for the limits: pass a larger draws=")
    return found.marginals, tuple(reasons)


def _by_draws(
    bands: BandFit, best: FitResult, covariance: CovarianceResult, ul_mass: float, **options: Any
) -> dict[str, Any]:
    tree = bands.fit.sample(**options)
    draws = xr.concat([tree["posterior"][name] for name in bands.names], dim="band").transpose("chain", "draw", "band")
    flat = draws.values.reshape(-1, len(bands.names))
    norms = best.theta[bands.indices]
    low, high = np.array([_around(draws[..., k], norms[k]) for k in range(flat.shape[1])]).T
    verdict = verdict_of(tree)
    return {
        "norm_err": flat.std(axis=0, ddof=1),
        "norm_errn": norms - low,
        "norm_errp": high - norms,
        "norm_ul": np.array([upper_limit(tree, name, ul_mass).value for name in bands.names]),
        "covariance": np.atleast_2d(np.cov(flat.T)),
        "success": verdict.ok,
        "reasons": verdict.reasons,
        "draws": draws,
    }


def _around(draws: xr.DataArray, best: float) -> tuple[float, float]:
    """Return the ends of an interval of draws; see `Marginal.around`."""
    mass = mass_in_one_dimension(1.0)
    low, high = (float(draws.quantile(0.5 + side * mass)) for side in (-0.5, 0.5))
    if low <= best <= high:
        return low, high
    below = float((draws < best).mean())
    return (best, float(draws.quantile(below + mass))) if best < low else (float(draws.quantile(below - mass)), best)


def _reasons(best: FitResult, covariance: CovarianceResult, norms: tuple[str, ...]) -> tuple[str, ...]:
    """Return why the fit should not be trusted; a norm that stands at zero is no reason."""
    given = (*best.reasons, *(() if covariance.success else covariance.reasons))
    return tuple(reason for reason in given if not any(reason.startswith(f"{name} is at its limit") for name in norms))


def _counts(dataset: Any) -> np.ndarray:
    return _array(dataset.counts)


def _array(values: Any) -> np.ndarray:
    return np.asarray(getattr(values, "data", values))
