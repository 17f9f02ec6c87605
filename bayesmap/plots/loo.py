"""Maps of a cross-validation: where a model predicts badly, and where Pareto k says that the number is not known."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.models.sky import Models
from bayesmap.plots.sky import mark_sources, show_image, sky_axes, source_positions
from bayesmap.results.comparison import Comparison
from bayesmap.results.loo import PLURALS, Loo

COLUMNS = 4
LEVELS = (-0.5, 0.0, 0.25, 0.5, 0.7, 1.0, 1.5)
"""Pareto k at which the colour changes: from 0.7 on no number of draws is enough."""
WHOLE_ALPHA = 0.25


def plot_elpd_map(loo: Loo, dataset: Dataset, *, models: Models | None = None, figure: Figure | None = None) -> Figure:
    """Show the log predictive density of what was left out: summed over energy, and at each energy.

    Parameters
    ----------
    loo : Loo
        Of `MapFit.loo`. Where groups of several bins were left out, each of the bins has its share of the group's
        number: all add up to the elpd of the dataset.
    dataset : MapDataset or SpectrumDatasetOnOff
        One of those that were fitted; of a spectrum, its energies are shown.
    models : Models, optional
        Sources to mark.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    values = loo.map_of(dataset, shares(loo, loo.elpd_i))
    title = f"Log predictive density of {dataset.name}, {PLURALS[loo.by]} left out one by one"
    lowest = float(np.nanmin(values, initial=0.0))
    return _draw(values, np.nansum, dataset, title, "elpd", {"cmap": "viridis", "norm": Normalize(lowest, 0.0)},
                 {"cmap": "viridis"}, models, figure)  # fmt: skip


def plot_pareto_k(loo: Loo, dataset: Dataset, *, models: Models | None = None, figure: Figure | None = None) -> Figure:
    """Show Pareto k: the worst over the energies, and at each energy. Arguments as of `plot_elpd_map`.

    Above 0.7 (or `Loo.largest_k`, with few draws) the number of a group is not known from these draws.
    """
    values = np.minimum(loo.map_of(dataset, loo.pareto_k), LEVELS[-1])
    title = f"Pareto k of {dataset.name}: {loo.bad} of {len(loo.pareto_k)} {PLURALS[loo.by]} above {loo.largest_k:.2f}"
    colours = {"cmap": "RdYlBu_r", "norm": BoundaryNorm(LEVELS, 256)}
    return _draw(values, np.nanmax, dataset, title, "Pareto k", colours, colours, models, figure)


def plot_difference_map(
    comparison: Comparison,
    first: str,
    second: str,
    dataset: Dataset,
    *,
    models: Models | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Show where one model predicts better than another: elpd of the first minus that of the second.

    Parameters
    ----------
    comparison : Comparison
        Of `bayesmap.compare`.
    first, second : str
        Names of two of its models.
    dataset, models, figure
        As of `plot_elpd_map`.
    """
    loo = comparison.loos[first]
    values = loo.map_of(dataset, shares(loo, loo.elpd_i - comparison.loos[second].elpd_i))
    delta, error = comparison.difference(first, second)
    title = f"elpd of {first} minus {second}: {delta:.1f} \N{PLUS-MINUS SIGN} {error:.1f}"
    # An empty map has no largest value.
    single, summed = _symmetric(values), _symmetric(_summed(values, np.nansum))
    return _draw(values, np.nansum, dataset, title, "difference of elpd", {"cmap": "RdBu_r", "norm": single},
                 {"cmap": "RdBu_r", "norm": summed}, models, figure)  # fmt: skip


def shares(loo: Loo, values: np.ndarray) -> np.ndarray:
    """Return values of the groups divided by the number of bins that each group has."""
    number = np.zeros(len(values))
    for item in loo.groups.values():
        number += np.bincount(item.of_bin, minlength=len(values))
    return np.asarray(values / number)


def _symmetric(values: np.ndarray) -> Normalize:
    reach = float(np.nanmax(np.abs(values), initial=0.0))
    return Normalize(-reach, reach) if reach > 0.0 else Normalize(-1.0, 1.0)


def _summed(values: np.ndarray, over: Any) -> np.ndarray:
    """Return one image of all energies, NaN where no energy has a number."""
    known = np.isfinite(values).any(axis=0)
    return np.where(known, over(np.where(known, values, 0.0), axis=0), np.nan)


def _draw(
    values: np.ndarray,
    over: Any,
    dataset: Dataset,
    title: str,
    label: str,
    single: dict[str, Any],
    whole: dict[str, Any],
    models: Models | None,
    figure: Figure | None,
) -> Figure:
    """Draw an image of all energies, then one for each; of a spectrum, a line."""
    if not isinstance(dataset, MapDataset):
        return _draw_spectrum(values, dataset, title, label, figure)
    geom, edges = dataset.counts.geom.to_image(), dataset.axis.edges
    images = [_summed(values, over), *values]
    word = "summed over energy" if over is np.nansum else "largest of all energies"
    names = [word, *(f"{low:.3g} to {high:.3g} TeV" for low, high in itertools.pairwise(edges))]
    columns = min(COLUMNS, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(3.6 * columns, 4.2 * rows), layout="constrained") if figure is None else figure
    positions = {} if models is None else source_positions(models, geom.frame)
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        axes = sky_axes(figure, geom, (rows, columns, i + 1))
        show_image(axes, image, label, **(single if i else whole))
        mark_sources(axes, geom, positions, color="black" if "Rd" in single["cmap"] else "white")
        axes.set_title(name, fontsize="medium")
        _only_outer_labels(axes, i, columns)
    figure.suptitle(title)
    return figure


def _only_outer_labels(axes: Any, i: int, columns: int) -> None:
    if i % columns:
        axes.coords[1].set_axislabel("")
        axes.coords[1].set_ticklabel_visible(False)


def _draw_spectrum(values: np.ndarray, dataset: Dataset, title: str, label: str, figure: Figure | None) -> Figure:
    figure = Figure(figsize=(7.0, 4.2), layout="constrained") if figure is None else figure
    axes = figure.add_subplot()
    axes.stairs(values, dataset.axis.edges, color="tab:blue", linewidth=1.4, baseline=None)
    axes.set(xscale="log", xlabel="Reconstructed energy (TeV)", ylabel=label, title=title)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(color="0.5", alpha=WHOLE_ALPHA, linewidth=0.5)
    return figure
