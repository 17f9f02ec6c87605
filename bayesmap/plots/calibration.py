"""Pictures of a calibration: ranks with their envelopes, coverage, z-scores and contraction."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.checks.calibration import FAR, RETURNED, Calibration
from bayesmap.checks.coverage import Coverage
from bayesmap.checks.coverage_study import CoverageStudy

COLUMNS = 4
GOOD, BAD = "tab:blue", "tab:red"
BAND = "0.87"
BINS = 20
"""Bins of a histogram of ranks, fewer where there are few simulations."""
PER_BIN = 10
"""Ranks in each bin at least."""


def plot_ranks(found: Calibration) -> Figure:
    """Show by how much the distribution of each quantity's ranks differs from the uniform one, inside its envelope.

    Above zero the truth lies below the draws more often than it should. Red: the curve leaves the band, which a right
    one does with the probability 1 - `level` anywhere.

    Parameters
    ----------
    found : Calibration
        What to show.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    law, p_values = found.uniform, found.p_values()
    low, high = law.envelope
    figure, panels = _panels(len(found.names))
    for axes, (name, ranks) in zip(panels, zip(found.names, found.ranks.T, strict=True), strict=False):
        axes.fill_between(law.fractions, low - law.fractions, high - law.fractions, color=BAND, lw=0, step="mid")
        axes.axhline(0.0, color="0.5", lw=0.8)
        share = law.below(ranks) / found.simulations
        axes.plot(law.fractions, share - law.fractions, color=_color(found, name), drawstyle="steps-mid")
        axes.set_title(f"{_short(name)}\np = {p_values[name]:.2g}", fontsize=9)
        axes.set_xlim(0.0, 1.0)
    figure.supxlabel("rank of the truth / number of draws")
    figure.supylabel("share of ranks below, minus that of uniform ranks")
    _title(figure, found, f"bands: {100 * found.level:g} % of right curves stay inside")
    return figure


def plot_rank_histograms(found: Calibration) -> Figure:
    """Show the histogram of each quantity's ranks, with the band that a bin of uniform ranks stays in (99 %).

    Parameters
    ----------
    found : Calibration
        What to show.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    wanted = int(np.clip(found.simulations // PER_BIN, 2, BINS))
    bins = max(n for n in range(1, wanted + 1) if (found.n_draws + 1) % n == 0)
    band = scipy.stats.binom(found.simulations, 1.0 / bins).ppf([0.005, 0.995])
    figure, panels = _panels(len(found.names))
    for axes, (name, ranks) in zip(panels, zip(found.names, found.ranks.T, strict=True), strict=False):
        axes.axhspan(*band, color=BAND, lw=0)
        axes.axhline(found.simulations / bins, color="0.5", lw=0.8)
        edges = np.linspace(-0.5, found.n_draws + 0.5, bins + 1)
        axes.hist(ranks, bins=list(edges), histtype="step", color=_color(found, name))
        axes.set_title(_short(name), fontsize=9)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(bottom=0.0)
    figure.supxlabel(f"rank of the truth among {found.n_draws} draws")
    figure.supylabel("simulations")
    _title(figure, found, "bands: 99 % of the bins of right ranks stay inside")
    return figure


def plot_coverage(found: Calibration) -> Figure:
    """Show by how much the coverage of credible intervals of every mass differs from the mass.

    Parameters
    ----------
    found : Calibration
        What to show.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    masses = np.linspace(0.01, 0.99, 99)
    low, high = np.array([found.bounds(mass) for mass in masses]).T
    figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    axes.fill_between(masses, low - masses, high - masses, color=BAND, lw=0, label=f"{100 * found.level:g} % bounds")
    axes.axhline(0.0, color="0.5", lw=0.8)
    shares = np.array([found.shares(mass) for mass in masses])
    for name, column in zip(found.names, shares.T, strict=True):
        axes.plot(masses, column - masses, lw=1.2, label=_short(name).replace("\n", " "))
    for mass in found.masses:
        axes.axvline(mass, color="0.3", lw=0.8, ls=":")
    axes.set(xlim=(0.0, 1.0), xlabel="mass of the interval", ylabel="share that holds the truth, minus the mass")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _title(figure, found, "coverage of credible intervals, truths from the prior")
    return figure


def plot_z_scores(found: Calibration) -> Figure:
    """Show z-score against contraction of each simulation, a panel for each parameter.

    Right and useful posteriors lie around zero at a contraction near one; at a contraction near zero the posterior is
    the prior.

    Parameters
    ----------
    found : Calibration
        What to show.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure, panels = _panels(len(found.parameters))
    scores, contractions, mean = found.z_scores, found.contractions, found.contraction
    for k, (axes, name) in enumerate(zip(panels, found.parameters, strict=False)):
        axes.axhspan(-FAR, FAR, color=BAND, lw=0)
        axes.axhline(0.0, color="0.5", lw=0.8)
        axes.axvline(mean[k], color="0.5", lw=0.8, ls=":")
        axes.plot(contractions[:, k], scores[:, k], ".", ms=4, alpha=0.5, color=GOOD if mean[k] >= RETURNED else BAD)
        axes.set_xlim(min(-0.02, float(contractions[:, k].min()) - 0.02), 1.02)
        axes.set_title(f"{_short(name)}\ncontraction {mean[k]:.3f}", fontsize=9)
    figure.supxlabel("contraction: 1 - variance of the posterior / of the prior")
    figure.supylabel("z-score: (mean - truth) / sd")
    _title(figure, found, f"bands: |z| < {FAR:g}")
    return figure


def plot_interval_coverage(found: CoverageStudy) -> Figure:
    """Show the share of intervals that hold a fixed truth: a panel for each mass, a row for each method, with bounds.

    Parameters
    ----------
    found : CoverageStudy
        What to show.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    known = {name: item for name, item in found.methods.items() if item.simulations}
    masses = next(iter(known.values())).masses
    figure, grid = plt.subplots(
        1, len(masses), figsize=(1.0 + 4.0 * len(masses), 1.6 + 0.8 * len(known)), squeeze=False, layout="constrained"
    )
    for k, (axes, mass) in enumerate(zip(grid.flat, masses, strict=True)):
        for row, (name, item) in enumerate(known.items()):
            axes.fill_betweenx([row - 0.4, row + 0.4], *found.bounds(name, mass), color=BAND, lw=0)
            places = row + np.linspace(-0.3, 0.3, len(item.names)) if len(item.names) > 1 else [row]
            for place, share, parameter, color in zip(places, item.shares[k], item.names, _colors(item), strict=True):
                label = _short(parameter).replace("\n", " ") if row == k == 0 else None
                axes.plot(share, place, "o", ms=5, color=color, label=label)
        axes.axvline(mass, color="0.3", lw=1)
        axes.set(yticks=range(len(known)), yticklabels=list(known), xlabel="share that holds the truth")
        axes.set_title(f"{100.0 * mass:.2f} % asked for", fontsize=10)
        axes.invert_yaxis()
    figure.legend(fontsize=7, loc="outside right upper", frameon=False)
    figure.suptitle(f"{found.done} simulations at one truth; bands: {100 * found.level:g} % bounds", fontsize=10)
    return figure


def _colors(item: Coverage) -> list[str]:
    """Return a colour for each parameter."""
    return [f"C{k % 10}" for k in range(len(item.names))]


def _panels(number: int) -> tuple[Figure, Iterator[Axes]]:
    columns = min(COLUMNS, number)
    rows = -(-number // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(0.6 + 2.6 * columns, 0.9 + 2.1 * rows), squeeze=False, layout="constrained"
    )
    panels = list(grid.flat)
    for axes in panels[number:]:
        axes.set_visible(False)
    return figure, iter(panels[:number])


def _color(found: Calibration, name: str) -> str:
    return GOOD if found.p_values()[name] >= 1.0 - found.level else BAD


def _short(name: str) -> str:
    """Return a name in two lines, without its middle part."""
    parts = name.split(".")
    return name if len(parts) < 2 else f"{parts[0]}\n{parts[-1]}"


def _title(figure: Figure, found: Calibration, text: str) -> None:
    figure.suptitle(f"{found.simulations} simulations; {text}", fontsize=10)
