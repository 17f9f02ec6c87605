"""Is the source there: test statistic and Bayes factor of a fit with it and a fit without it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from bayesmap.fit.facade import MapFit
from bayesmap.inference.evidence import check_proper, importance_evidence
from bayesmap.inference.numbers import check_numbers, seed_of
from bayesmap.inference.whitening import whiten
from bayesmap.models.bands import priors_without
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.without import flat_source, own_names, silenced
from bayesmap.results.evidence import BayesFactor, Evidence
from bayesmap.results.significance import HALF, NO_LAW, WHOLE, Significance
from bayesmap.results.spectral_draws import sky_model

ONE = "for the one free parameter, zero without the source, which"
MANY = "many counts, the nuisances inside their limits, all other models right (Wilks 1938"
LAWS = {
    HALF: f"{ONE} cannot be negative; {MANY}; Chernoff 1954)",
    WHOLE: f"{ONE} may be negative; {MANY})",
}


def log_evidence(fit: MapFit, draws: int = 4000, random_seed: int | None = None) -> Evidence:
    """Return the evidence of a fit's models, by importance sampling around its best fit.

    It is that of one optimum: of others, far away, it knows nothing.

    Parameters
    ----------
    fit : MapFit
        Fit with proper priors.
    draws : int
        Draws of the approximation; each costs one value of the log-posterior.
    random_seed : int, optional
        Their seed; by default a random one, which the result states.

    Returns
    -------
    Evidence
        ln Z, its error, and whether it can be trusted.

    Raises
    ------
    BayesmapInputError
        BM-FT-066 for improper priors, which are named; BM-FT-005 for a number that makes no sense.
    FitStateError
        BM-FT-067 where the normalisation of a prior that is cut by the map cannot be counted; BM-FT-013 if no draw has
        support.
    """
    check_numbers(draws=draws, random_seed=random_seed)
    posterior, seed = fit._posterior, seed_of(random_seed)
    check_proper(posterior)
    if not fit.free_parameters:
        value = posterior.log_posterior(np.zeros(0))
        return Evidence(value, 0.0, 0.0, float(draws), draws, seed)
    best = fit._best or fit.optimize()
    whitening = whiten(posterior, best.theta, hessian=best.hessian)
    return importance_evidence(posterior, whitening, best.theta, draws, seed)


def bayes_factor(fit: MapFit, source: str, draws: int = 4000, random_seed: int | None = None) -> BayesFactor:
    """Return the Bayes factor for a source: evidence with it over evidence without it.

    It depends on the priors of the source's parameters, however good the data are: a flux prior that is ten times as
    wide makes it ten times smaller.

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

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> models = toy_models().with_frozen({"lon_0": True, "lat_0": True, "index": True})
    >>> found = bayes_factor(MapFit.from_dataset(toy_dataset(), models), "source", random_seed=1)
    >>> found.success, found.log_bayes_factor > 100.0
    (True, True)
    """
    null = without(fit, source)
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
        With a p value where its law is known: with one free parameter, which is zero without the source. A position, a
        shape or an index says nothing where there is no source; then the test statistic follows no chi-squared law, and
        its distribution takes simulations.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-009 for a background, BM-FT-065 for a source that others are linked to.

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
    names = own_names(fit.model, source)
    other = _refit(fit, flat_source(fit.model, source), names)
    best = other.optimize()
    own = other._posterior.variables.log_prior_of(f"{source}.", best.theta)
    if null.free_parameters:
        end = null.optimize()
        value, stat, reasons = end.log_posterior, end.total_stat, end.reasons
    else:
        value, stat, reasons = null.log_posterior(), null.total_stat(), ()
    law, conditions = _law(other, source, names)
    at_zero = f"{names[0]} is at its limit" if law == HALF else None
    return Significance(
        source=source,
        ts=2.0 * (best.log_posterior - own - value),
        parameters=names,
        law=law,
        conditions=conditions,
        total_stat=best.total_stat,
        total_stat_null=stat,
        reasons=(
            *(item for item in best.reasons if item != at_zero),
            *(f"without the source: {item}" for item in reasons),
        ),
    )


def without(fit: MapFit, source: str) -> MapFit:
    """Return the fit of the same data without a source; see `source_significance` for what it refuses."""
    model = sky_model(fit.model, source)
    return _refit(fit, silenced(fit.model, model))


def _refit(fit: MapFit, models: Models, without_priors: tuple[str, ...] = ()) -> MapFit:
    """Return the fit of the same data with other models; priors that were passed for some names are left out."""
    options = {item.name: getattr(fit._options, item.name) for item in fields(fit._options)}
    kept = models.with_frozen(dict.fromkeys(without_priors, True))
    priors = priors_without(options["priors"], fit.model, kept)
    return MapFit.from_datasets(fit.datasets, models, **(options | {"priors": priors}), allow_asimov=True)


def _law(fit: MapFit, source: str, names: tuple[str, ...]) -> tuple[str, str]:
    """Return the law of the test statistic without a source, and its conditions."""
    if len(names) != 1:
        what = f"{', '.join(names)} are free" if names else "no parameter of the source is free"
        reason = "and without the source those that are no flux mean nothing" if names else "and models are not nested"
        return NO_LAW, f"{what}, {reason}: simulate data without it (Protassov et al. 2002)"
    if not _is_factor(fit.model, source, names[0]):
        return NO_LAW, f"{names[0]} does not put out the source at zero: the models are not nested"
    lower = fit._posterior.variables.bounds()[0][fit.free_parameters.index(names[0])]
    law = HALF if lower == 0.0 else WHOLE
    return law, LAWS[law]


def _is_factor(models: Models, source: str, name: str) -> bool:
    """Return True if the spectrum is zero where the parameter is."""
    model: Any = models[source]
    if not isinstance(model, SkyModel) or ".spectral." not in name:
        return False
    values = model.spectral_model.canonical_values | {name.rsplit(".", 1)[1]: 0.0}
    energies = np.geomspace(1e-3, 1e2, 11)
    with np.errstate(all="ignore"):
        spectrum = model.spectral_model.evaluate(np, energies, **values)
    return bool(np.all(np.asarray(spectrum) == 0.0))
