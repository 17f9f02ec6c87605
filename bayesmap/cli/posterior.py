"""Draw from the posterior with signs of life, and write what was drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u

from bayesmap.cli.checks import check_of, prior_check_of, write_checks
from bayesmap.cli.output import file_name
from bayesmap.cli.progress import now_and_then, progress
from bayesmap.cli.regions import posterior_regions
from bayesmap.dataset import MapDataset
from bayesmap.errors import FitStateError
from bayesmap.models.sky import Models, SkyModel
from bayesmap.results.records import posterior_record

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.checks.check_record import PredictiveCheck
    from bayesmap.checks.prior_predictive import PriorCheck
    from bayesmap.checks.prior_report import PriorReport
    from bayesmap.cli.output import Outcome
    from bayesmap.fit import MapFit
    from bayesmap.results.regions import Region
    from bayesmap.results.summary import Summary

PICTURE_DPI = 150
MOST_IN_CORNER = 16
"""Parameters in one corner picture at most; with more of them each source gets its own."""
NO_DRAWS = "BM-FT-006"


@dataclass(frozen=True)
class Sampled:
    """What sampling left.

    Parameters
    ----------
    tree : xarray.DataTree or None
        Posterior; None where the run was interrupted before the first draw.
    summary : Summary or None
        Of the posterior.
    check : PredictiveCheck or None
        Predictive checks of all data sets; None where they were interrupted.
    interrupted : bool
        True if the user stopped any of it.
    priors : PriorReport or None
        What the data added to the priors; None where it was interrupted.
    prior_check : PriorCheck or None
        What counts the priors allow; None where it was interrupted, or they cannot be drawn from.
    """

    tree: xr.DataTree | None = None
    summary: Summary | None = None
    check: PredictiveCheck | None = None
    interrupted: bool = False
    priors: PriorReport | None = None
    prior_check: PriorCheck | None = None

    @property
    def trusted(self) -> bool:
        """True if there is a posterior whose verdict is ok."""
        return self.summary is not None and self.summary.verdict.ok


def draw_posterior(fit: MapFit, options: Mapping[str, Any]) -> Sampled:
    """Sample the posterior of a fit; an interrupt by the user ends it and keeps what was drawn.

    Parameters
    ----------
    fit : MapFit
        At its best fit.
    options : mapping
        Of `MapFit.sample`.
    """
    from bayesmap.results.summary import summarise

    progress("sampling the posterior; Ctrl-C stops and keeps what was drawn")
    try:
        tree = fit.sample(progress=now_and_then(_show_draws), **options)
    except KeyboardInterrupt:
        progress("interrupted: the results hold no posterior")
        return Sampled(interrupted=True)
    except FitStateError as error:
        if error.code != NO_DRAWS:
            raise
        progress(str(error))
        return Sampled(interrupted=True)
    summary = summarise(tree)
    if tree.attrs["status"] == "interrupted":
        return Sampled(tree, summary, None, interrupted=True)
    try:
        check = check_of(fit, tree)
    except KeyboardInterrupt:
        progress("interrupted: no predictive checks")
        return Sampled(tree, summary, None, interrupted=True)
    try:
        priors = fit.prior_report(tree, progress=now_and_then(_show_report))
        prior_check = prior_check_of(fit)
    except KeyboardInterrupt:
        progress("interrupted: no report on the priors")
        return Sampled(tree, summary, check, interrupted=True)
    return Sampled(tree, summary, check, priors=priors, prior_check=prior_check)


def _show_draws(done: int, total: int, divergences: int) -> str:
    return f"{done} of {total} draws (warm-up included), {divergences} divergences"


def _show_report(done: int, total: int) -> str:
    return f"report on the priors: {done} of {total} draws"


def summary_record(sampled: Sampled) -> dict[str, Any]:
    """Return what `summary.json` holds: verdict, rows, priors and provenance, None where a number is not known."""
    if sampled.tree is None or sampled.summary is None:
        raise AssertionError("there is nothing to summarise")
    effect = {} if sampled.priors is None else sampled.priors.rows
    return posterior_record(sampled.tree, sampled.summary, effect, _p_values(sampled.check))


def _p_values(check: PredictiveCheck | None) -> Mapping[str, Any]:
    """Return the p-values of the only data set, or those of each map by name."""
    found = {} if check is None else check.datasets
    values = {name: item.maps.p_values for name, item in found.items() if item.maps is not None}
    return next(iter(values.values())) if len(found) == 1 and values else values


def write_posterior(folder: Path, sampled: Sampled, outcome: Outcome, truth: Models | None = None) -> None:
    """Write the files of a posterior into a folder; nothing where there is none.

    Parameters
    ----------
    folder : Path
        Existing folder.
    sampled : Sampled
        What was drawn.
    outcome : Outcome
        The best fit.
    truth : Models, optional
        Models of a simulation, shown in the pictures.
    """
    from bayesmap.results.ds9 import write_regions
    from bayesmap.results.store import save_posterior

    if sampled.tree is None or sampled.summary is None:
        return
    save_posterior(sampled.tree, folder / "posterior.nc")
    (folder / "summary.txt").write_text(f"{sampled.summary}\n")
    (folder / "summary.json").write_text(json.dumps(summary_record(sampled), indent=1, allow_nan=False) + "\n")
    if sampled.priors is not None:
        (folder / "priors.txt").write_text(f"{sampled.priors}\n")
    regions = posterior_regions(sampled.tree, outcome.best.model)
    if regions:
        write_regions(folder / "positions-posterior.reg", regions)
    shown = (*regions, *outcome.regions)
    write_checks(folder, sampled.check, sampled.prior_check, outcome)
    pictures = posterior_pictures(sampled, outcome, truth) | position_pictures(sampled.tree, shown, outcome, truth)
    for name, figure in pictures.items():
        figure.savefig(folder / name, dpi=PICTURE_DPI)


def posterior_pictures(sampled: Sampled, outcome: Outcome, truth: Models | None = None) -> dict[str, Any]:
    """Return the pictures of a posterior, file name -> figure; parameters as of `write_posterior`."""
    from bayesmap.plots.predictive import plot_predictive
    from bayesmap.plots.priors import plot_priors
    from bayesmap.plots.sed import plot_sed
    from bayesmap.plots.trace import plot_trace
    from bayesmap.results.flux import flux_band, log_energies

    models = outcome.best.model
    figures = _corners(sampled.tree, models, truth) | {"trace.png": plot_trace(sampled.tree)}
    edges = [edge for dataset in outcome.datasets for edge in dataset.axis.edges]
    energy = log_energies(*u.Quantity([min(edges), max(edges)], "TeV"))
    for model in models.sky_models:
        true = truth[model.name] if truth is not None and model.name in truth else None
        spectrum = true.spectral_model if isinstance(true, SkyModel) else None
        figures[f"sed-{file_name(model.name)}.png"] = plot_sed(
            flux_band(sampled.tree, models, model.name, energy), truth=spectrum
        )
    if sampled.priors is not None:
        figures["priors.png"] = plot_priors(sampled.tree, sampled.priors)
    for dataset in outcome.datasets:
        maps = None if sampled.check is None else sampled.check.datasets[dataset.name].maps
        if maps is not None and isinstance(dataset, MapDataset):
            figures[f"predictive{outcome.suffix(dataset.name)}.png"] = plot_predictive(
                dataset.counts, maps, mask=dataset.mask_data, models=models
            )
    return figures


def position_pictures(
    tree: xr.DataTree, regions: Sequence[Region], outcome: Outcome, truth: Models | None = None
) -> dict[str, Any]:
    """Return a picture of the position of each source that moves, file name -> figure.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    regions : sequence of Region
        Contours of the draws and ellipses of the best fit are shown; ellipses of the draws would hide the latter.
    outcome : Outcome
        The best fit.
    truth : Models, optional
        Models of a simulation, whose positions are marked.
    """
    from bayesmap.plots.position import plot_position
    from bayesmap.plots.sky import source_positions
    from bayesmap.results.position import movable
    from bayesmap.results.spectral_draws import sky_model

    models, shown = outcome.best.model, [item for item in regions if "draws" not in item.meaning]
    figures = {}
    for name in movable(tree, models):
        shape: Any = sky_model(models, name).spatial_model
        true = {} if truth is None else source_positions(truth, shape.frame)
        figures[f"position-{file_name(name)}.png"] = plot_position(
            tree, models, name, regions=shown, truth=true.get(name)
        )
    return figures


def _corners(tree: Any, models: Models, truth: Models | None) -> dict[str, Any]:
    """Return one corner picture, or one for each model where there are many parameters."""
    from bayesmap.models.spatial.hilbert import is_weight
    from bayesmap.plots.corner import plot_corner
    from bayesmap.results.posterior import free_names

    names = tuple(name for name in free_names(tree) if not is_weight(name))
    values = {name: parameter.value for name, parameter in models.parameters.items()}
    true = None if truth is None else {name: parameter.value for name, parameter in truth.parameters.items()}
    parts = {"corner.png": names}
    if len(names) > MOST_IN_CORNER:
        parts = {
            f"corner-{file_name(model.name)}.png": tuple(name for name in names if name in model.named_parameters)
            for model in models
        }
    return {
        file: plot_corner(tree, names=part, best=values, truth=true) for file, part in parts.items() if len(part) > 0
    }
