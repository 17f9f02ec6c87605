"""Is the source there: test statistic and Bayes factor of a fit with it and a fit without it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.fit.arguments import check_choice
from bayesmap.fit.facade import MapFit
from bayesmap.fit.flux_points import ROUND_OFF
from bayesmap.inference.evidence import check_proper, importance_evidence
from bayesmap.inference.nested import load_ultranest, nested_evidence
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.smc import smc_evidence
from bayesmap.inference.whitening import whiten
from bayesmap.models.bands import priors_without
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.without import flat_source, own_names, silenced
from bayesmap.results.evidence import BayesFactor, Evidence
from bayesmap.results.fit import FitResult
from bayesmap.results.significance import HALF, NO_LAW, WHOLE, Significance
from bayesmap.results.spectral_draws import sky_model

METHODS = {"laplace": 4000, "smc": 500, "ultranest": 1600}
"""How evidences are worked out -> draws, particles or live points by default."""
ONE = "for the one free parameter, zero without the source, which"
MANY = "many counts, the nuisances inside their limits, all other models right (Wilks 1938"
LAWS = {
    HALF: f"{ONE} cannot be negative; {MANY}; Chernoff 1954)",
    WHOLE: f"{ONE} may be negative; {MANY})",
}


def log_evidence(
    fit: MapFit,
    draws: int | None = None,
    random_seed: int | None = None,
    *,
    method: str = "laplace",
    progress: Callable[[int, int], None] | None = None,
) -> Evidence:
    """Return the evidence of a fit's models.

    Parameters
    ----------
    fit : MapFit
        Fit with proper priors.
    draws : int, optional
        Of the approximation (default 4000), each costs one value of the log-posterior; particles of each of eight runs
        (default 500); live points (default 1600).
    random_seed : int, optional
        Their seed; by default a random one, which the result states.
    method : str
        ``"laplace"``: importance sampling around the best fit, in seconds; it is that of one optimum, of others, far
        away, it knows nothing. ``"smc"``: sequential Monte Carlo from the prior to the posterior, with its error from
        independent runs, in minutes. ``"ultranest"``: nested sampling, from the extra of that name.
    progress : callable, optional
        Of the latter two: called with finished and all thousandths.

    Returns
    -------
    Evidence
        ln Z, its error, and whether it can be trusted.

    Raises
    ------
    BayesmapInputError
        BM-FT-066 for improper priors, which are named; BM-FT-080 for a weighted likelihood; BM-FT-005 for a number that
        makes no sense; BM-FT-003 for an unknown method; BM-CK-013 where UltraNest is not installed.
    FitStateError
        BM-FT-067 where the normalisation of a prior that is cut by the map cannot be counted; BM-FT-013 if no draw has
        support.
    """
    check_method(method)
    check_numbers(draws=draws, random_seed=random_seed)
    posterior, seed = fit._posterior, seed_of(random_seed)
    check_proper(posterior)
    _check_unweighted(fit)
    number = METHODS[method] if draws is None else draws
    if not fit.free_parameters:
        value = posterior.log_posterior(np.zeros(0))
        return Evidence(value, 0.0, 0.0, float(number), number, seed, method=method)
    if method == "smc":
        return smc_evidence(posterior, number, seed, progress)
    if method == "ultranest":
        return nested_evidence(posterior, fit._theta, number, seed, progress)
    best = fit._best or fit.optimize()
    whitening = whiten(posterior, best.theta, hessian=best.hessian)
    found = importance_evidence(posterior, whitening, best.theta, number, seed)
    # A best fit at a limit is none: the draws are of unbounded coordinates, and have a mode there.
    limits = {f"{name} is at its limit" for name in best.at_bound}
    return replace(found, reasons=(*(item for item in best.reasons if item not in limits), *found.reasons))


def check_method(method: str) -> None:
    """Refuse a method that is not known, or whose package is missing.

    Raises
    ------
    BayesmapInputError
        BM-FT-003, BM-CK-013.
    """
    check_choice("method", method, METHODS)
    if method == "ultranest":
        load_ultranest()


def bayes_factor(fit: MapFit, source: str, draws: int = 4000, random_seed: int | None = None) -> BayesFactor:
    """Return the Bayes factor for a source: evidence with it over evidence without it.

    It depends on the priors of the source's parameters, however good the data are: a flux prior that is ten times as
    wide makes it ten times smaller. All else has the same priors on both sides: those of the fit, around its start
    values.

    Parameters
    ----------
    fit : MapFit
        Fit with the source, and proper priors.
    source : str
        Name of the source.
    draws, random_seed
        As of `log_evidence`.

    Returns
    -------
    BayesFactor

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-009 for a background, BM-FT-065 for a source that others are linked to; else as of `log_evidence`.
    FitStateError
        BM-FT-081 if the data are impossible without the source: the Bayes factor is infinite; else as of
        `log_evidence`.

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> models = toy_models().with_frozen({"lon_0": True, "lat_0": True, "index": True})
    >>> found = bayes_factor(MapFit.from_dataset(toy_dataset(), models), "source", random_seed=1)
    >>> found.success, found.log_bayes_factor > 100.0
    (True, True)
    """
    null = without(fit, source)
    check_proper(fit._posterior)
    _check_unweighted(fit)
    if fit._best is None:
        fit.optimize()
    _optimise_null(null, fit, source)
    seed = seed_of(random_seed)
    return BayesFactor(source, log_evidence(fit, draws, seed), log_evidence(null, draws, seed))


def source_significance(fit: MapFit, source: str) -> Significance:
    r"""Return the test statistic of a source: both fits optimised, its parameters without priors.

    Parameters
    ----------
    fit : MapFit
        Fit with the source.
    source : str
        Name of the source.

    Returns
    -------
    Significance
        With a p value where its law is known: with one free parameter, which is zero without the source, and a
        likelihood without weights. A position, a shape or an index says nothing where there is no source; then the test
        statistic follows no chi-squared law, and its distribution takes simulations. Both optima are known to 1e-6:
        a test statistic within 1e-5 of zero is zero, and one further below is a reason not to trust it.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-009 for a background, BM-FT-065 for a source that others are linked to.
    FitStateError
        BM-FT-081 if the data are impossible without the source: no test is needed.

    References
    ----------
    Chernoff 1954, Ann. Math. Stat. 25, 573; Davies 1977, Biometrika 64, 247; Protassov et al. 2002, ApJ 571, 545.

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> models = toy_models(amplitude="8e-10 cm-2 s-1 TeV-1").with_frozen({"lon_0": True, "lat_0": True, "index": True})
    >>> found = source_significance(MapFit.from_dataset(toy_dataset(), models), "source")
    >>> found.law, found.ts > 500.0
    ('chi2(1)', True)
    """
    null = without(fit, source)
    names = own_names(fit._start, source)
    other = _refit(fit, flat_source(fit._start, source), names)
    best = other.optimize(start=_same_place(fit, other))
    own = other._posterior.variables.log_prior_of(source, best.theta)
    end = _optimise_null(null, fit, source)
    value, stat = (null.log_posterior(), null.total_stat()) if end is None else (end.log_posterior, end.total_stat)
    ts = 2.0 * (best.log_posterior - own - value)
    law, conditions = _law(other, source, names)
    found = best.theta[other.free_parameters.index(names[0])] if len(names) == 1 else math.nan
    return Significance(
        source=source,
        ts=0.0 if abs(ts) < ROUND_OFF else ts,
        parameters=names,
        law=law,
        conditions=conditions,
        total_stat=best.total_stat,
        total_stat_null=stat,
        reasons=(
            *_doubts(best, names[0] if law == HALF and found == 0.0 else ""),
            *(f"without the source: {item}" for item in (() if end is None else end.reasons)),
            *(() if ts > -ROUND_OFF else (f"without the source TS is {ts:.3g}: not the best optimum with it",)),
        ),
        best=float(found),
    )


def _doubts(best: FitResult, at_zero: str) -> tuple[str, ...]:
    """Return why a best fit should not be trusted; a flux that is zero is no reason."""
    return tuple(item for item in best.reasons if item != f"{at_zero} is at its limit")


def without(fit: MapFit, source: str) -> MapFit:
    """Return the fit of the same data without a source; see `source_significance` for what it refuses."""
    return _refit(fit, silenced(fit._start, sky_model(fit._start, source)))


def _refit(fit: MapFit, models: Models, without_priors: tuple[str, ...] = ()) -> MapFit:
    """Return the fit of the same data with other models; priors that were passed for some names are left out.

    The models are to have the start values of the fit, around which default priors, and coordinates, are defined.
    """
    options = {item.name: getattr(fit._options, item.name) for item in fields(fit._options)}
    kept = models.with_frozen(dict.fromkeys(without_priors, True))
    priors = priors_without(options["priors"], fit._start, kept)
    return MapFit.from_datasets(fit.datasets, models, **(options | {"priors": priors}), allow_asimov=True)


def _same_place(fit: MapFit, other: MapFit) -> np.ndarray:
    """Return the current coordinates of a fit in a refit, which has no further ones."""
    places = {name: i for i, name in enumerate(fit.free_parameters)}
    return fit._theta[[places[name] for name in other.free_parameters]]


def _optimise_null(null: MapFit, fit: MapFit, source: str) -> FitResult | None:
    """Optimise the fit without a source, from the current values of the fit with it; None if nothing is free.

    Raises
    ------
    FitStateError
        BM-FT-081 if the data are impossible there and at the start values.
    """
    posterior = null._posterior
    if not null.free_parameters:
        if np.isfinite(null.log_likelihood()):
            return None
        raise _impossible(source)
    for start in (_same_place(fit, null), posterior.coordinates.start):
        if np.isfinite(posterior.value_and_gradient(start)[0]):
            return null.optimize(start=start)
    raise _impossible(source)


def _impossible(source: str) -> FitStateError:
    return FitStateError(
        "BM-FT-081",
        what=f"without {source!r} the models make no counts in bins that have some",
        rule="Data that are impossible without a source need no test of it: the Bayes factor is infinite",
        remedy="Take its presence as certain; or add the background that is missing, or mask those bins",
    )


def _weighted(fit: MapFit) -> tuple[str, ...]:
    """Return the names of the data sets with weights other than zero and one, which only mask."""
    return tuple(
        item.name
        for item in fit.datasets
        if isinstance(item, MapDataset) and not np.all(np.isin(item.weights_data[item.mask_data], (0.0, 1.0)))
    )


def _check_unweighted(fit: MapFit) -> None:
    names = _weighted(fit)
    if names:
        raise BayesmapInputError(
            "BM-FT-080",
            what=f"the likelihood of {', '.join(names)} is weighted",
            rule="An evidence is the probability of the data, and a weighted likelihood is none",
            remedy="Leave the weights out, or mask the bins in place of weighing them down",
        )


def _law(fit: MapFit, source: str, names: tuple[str, ...]) -> tuple[str, str]:
    """Return the law of the test statistic without a source, and its conditions."""
    if len(names) != 1:
        what = f"{', '.join(names)} are free" if names else "no parameter of the source is free"
        reason = "and without the source those that are no flux mean nothing" if names else "and models are not nested"
        return NO_LAW, f"{what}, {reason}: simulate data without it (Protassov et al. 2002)"
    (name,), weighted = names, _weighted(fit)
    if weighted:
        return NO_LAW, f"the likelihood of {', '.join(weighted)} is weighted: simulate data without the source"
    if not _is_factor(fit.model, source, name):
        return NO_LAW, f"{name} does not put out the source at zero: the models are not nested"
    place = fit.free_parameters.index(name)
    lower, upper = (float(ends[place]) for ends in fit._posterior.variables.bounds())
    if lower > 0.0 or upper <= 0.0:
        return NO_LAW, f"{name} lies between {lower:g} and {upper:g}, with no room at and above zero: not nested"
    law = HALF if lower == 0.0 else WHOLE
    return law, LAWS[law]


def _is_factor(models: Models, source: str, name: str) -> bool:
    """Return True if the spectrum is zero where the parameter is."""
    model: Any = models[source]
    if not isinstance(model, SkyModel) or name.rsplit(".", 2)[1] != "spectral":
        return False
    values = model.spectral_model.canonical_values | {name.rsplit(".", 1)[1]: 0.0}
    energies = np.geomspace(1e-3, 1e2, 11)
    with np.errstate(all="ignore"):
        spectrum = model.spectral_model.evaluate(np, energies, **values)
    return bool(np.all(np.asarray(spectrum) == 0.0))
