"""What a report on a fit at hand is written from: the records and pictures that `bayesmap fit` leaves as files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import astropy.units as u

from bayesmap.checks.check_record import PredictiveCheck
from bayesmap.dataset import MapDataset
from bayesmap.errors import FitStateError
from bayesmap.plots.checks import check_pictures
from bayesmap.plots.corner import plot_corner
from bayesmap.plots.correlation import plot_correlation, shown_names
from bayesmap.plots.counts import plot_counts
from bayesmap.plots.priors import plot_priors
from bayesmap.plots.residuals import plot_residuals
from bayesmap.plots.sed import plot_sed
from bayesmap.plots.spectrum import plot_on_off, plot_spectrum
from bayesmap.plots.trace import plot_trace
from bayesmap.report.data import describe
from bayesmap.report.material import Material, with_records
from bayesmap.report.models import describe_models
from bayesmap.results.fit import CovarianceResult, merge
from bayesmap.results.flux import flux_band, log_energies
from bayesmap.results.posterior import free_names
from bayesmap.results.records import posterior_record, result_record
from bayesmap.results.summary import summarise

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from bayesmap.checks.prior_report import PriorReport
    from bayesmap.fit import MapFit

DPI = 150
MOST_IN_CORNER = 16


def material_of(
    fit: MapFit,
    *,
    tree: xr.DataTree | None = None,
    check: PredictiveCheck | None = None,
    comparison: Path | None = None,
    calibration: Path | None = None,
) -> Material:
    """Return what a report on a fit is written from.

    Parameters
    ----------
    fit : MapFit
        With a best fit; its covariance is worked out where that was not done.
    tree : xarray.DataTree, optional
        Posterior; without one the report is on the best fit alone.
    check : PredictiveCheck, optional
        Of `MapFit.check`; made now where there is a posterior and none is given.
    comparison, calibration : Path, optional
        As of `read_folder`.

    Raises
    ------
    FitStateError
        BM-FT-001 before `optimize`.
    """
    if fit.best is None:
        raise FitStateError(
            "BM-FT-001",
            what="a report was asked for before optimize",
            rule="A report is on a best fit, with a posterior or without",
            remedy="Call run() first",
        )
    covariance = fit.covariance()
    best = merge(fit.best, covariance)
    priors = None if tree is None else fit.prior_report(tree)
    if tree is not None and check is None:
        check = fit.check(tree)
    rows = {} if priors is None else priors.rows
    figures = dict(_of_fit(fit, covariance)) | dict(_of_check(check))
    figures |= {} if tree is None else dict(_of_posterior(fit, tree, priors))
    material = Material(
        name=", ".join(fit.names),
        result=result_record(best, covariance, fit.datasets),
        summary=None if tree is None else posterior_record(tree, summarise(tree), rows, {}),
        check=None if check is None else check.record(),
        analysis={
            "datasets": [describe(item) for item in fit.datasets],
            "models": describe_models(fit.model),
        },
        pictures={name: _png(figure) for name, figure in figures.items()},
    )
    return with_records(material, comparison=comparison, calibration=calibration)


def _of_check(check: PredictiveCheck | None) -> Iterator[tuple[str, Figure]]:
    """Yield the pictures of a predictive check by name."""
    for data, found in ({} if check is None else check.datasets).items():
        for name, figure in check_pictures(found).items():
            yield f"check-{name}-{quote(data, safe=' +')}.png", figure


def _of_fit(fit: MapFit, covariance: CovarianceResult) -> Iterator[tuple[str, Figure]]:
    """Yield the pictures of a best fit by name."""
    if covariance.success and len(shown_names(covariance)) > 1:
        yield "correlation.png", plot_correlation(covariance, title="Correlations at the best fit")
    for item in fit.datasets:
        npred, parts = fit.npred(dataset=item.name), fit.npred_components(dataset=item.name)
        end = f"{quote(item.name, safe=' +')}.png"
        if isinstance(item, MapDataset):
            yield f"maps-{end}", plot_counts(item.counts, npred, mask=item.mask_data, models=fit.model)
            yield f"residuals-{end}", plot_residuals(item.counts, npred, mask=item.mask_data, models=fit.model)
            yield f"spectrum-{end}", plot_spectrum(item.counts, npred, components=parts, mask=item.mask_data)
        else:
            yield f"spectrum-{end}", plot_on_off(item, npred, components=parts)


def _of_posterior(fit: MapFit, tree: xr.DataTree, priors: PriorReport | None) -> Iterator[tuple[str, Any]]:
    """Yield the pictures of a posterior by name."""
    values = {name: parameter.value for name, parameter in fit.model.parameters.items()}
    names = free_names(tree)
    parts = {model.name: tuple(name for name in names if name in model.named_parameters) for model in fit.model}
    shown = {"": names} if len(names) <= MOST_IN_CORNER else {f"-{quote(key)}": part for key, part in parts.items()}
    for end, part in shown.items():
        if part:
            yield f"corner{end}.png", plot_corner(tree, names=part, best=values)
    yield "trace.png", plot_trace(tree)
    if priors is not None:
        yield "priors.png", plot_priors(tree, priors)
    edges = [edge for item in fit.datasets for edge in item.axis.edges]
    energy = log_energies(*u.Quantity([min(edges), max(edges)], "TeV"))
    for model in fit.model.sky_models:
        yield f"sed-{quote(model.name, safe=' +')}.png", plot_sed(flux_band(tree, fit.model, model.name, energy))


def _png(figure: Figure) -> bytes:
    """Return a picture as a PNG file, without the name and version of the program that made it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return file.getvalue()
