"""Profiles of the statistic with the posterior beside them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayesmap.plots.labels import Label, known_name, same_parameters, value_label
from bayesmap.results.intervals import mass_in_one_dimension
from bayesmap.results.posterior import free_names
from bayesmap.results.profile import Profile, ProfileInterval
from bayesmap.results.regions import percent

LEVELS = (1.0, 2.0)
"""Sigmas whose squares are marked."""
TOP = 9.0
"""The picture ends at this rise of the statistic."""
POSTERIOR_COLOR = "tab:blue"
CURVE_COLORS = ("black", "tab:orange", "tab:green", "tab:purple")
CURVE_STYLES = {"profile": "-", "slice": "--"}
WORDS = {
    ("profile", "posterior"): "profile of the posterior",
    ("profile", "likelihood"): "profile of the likelihood",
    ("slice", "posterior"): "slice of the posterior, others held",
    ("slice", "likelihood"): "slice of the likelihood, others held",
}
BINS = 50


def plot_profile(
    profiles: Profile | Sequence[Profile],
    *,
    tree: xr.DataTree | None = None,
    intervals: Sequence[ProfileInterval] = (),
    figure: Figure | None = None,
    axes: Axes | None = None,
) -> Figure:
    r"""Show :math:`\Delta(-2\ln p)` along a parameter, and the density of its draws over the same values.

    Lines mark the rises of 1 and 4, where a normal density has its intervals of one and two sigma. The draws are shown
    as a histogram, scaled to the height of the picture; its darker part is the equal-tailed 68.27 % interval, the
    middle one 95.45 %.

    Parameters
    ----------
    profiles : Profile or sequence of Profile
        Curves of one parameter.
    tree : xarray.DataTree, optional
        Posterior, as `MapFit.sample` returns it.
    intervals : sequence of ProfileInterval
        Intervals by profile of the same parameter; their ends are marked on their level.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.
    axes : matplotlib.axes.Axes, optional
        Axes to draw on, of `figure`; new ones by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    BayesmapInputError
        BM-FT-078 for a parameter without draws, BM-FT-079 for curves or intervals of several parameters.
    """
    curves = (profiles,) if isinstance(profiles, Profile) else tuple(profiles)
    first = curves[0]
    names = [item.name for item in curves] + [item.name for item in intervals]
    same_parameters("a profile", (first.name,), ((name,) for name in names))
    figure = Figure(figsize=(6.0, 5.0), layout="constrained") if figure is None else figure
    axes = figure.subplots() if axes is None else axes
    label = value_label(first.name, first.unit, np.concatenate([curve.values for curve in curves]))
    if tree is not None:
        _draws(axes, tree, label)
    for curve, color in zip(curves, cycle(CURVE_COLORS), strict=False):
        words = WORDS[curve.kind, curve.statistic]
        axes.plot(curve.values / label.factor, curve.delta, color=color, linestyle=CURVE_STYLES[curve.kind],
                  linewidth=1.6, label=words)  # fmt: skip
    _levels(axes)
    for item in intervals:
        ends = np.array([item.lower, item.upper]) / label.factor
        marks = axes.plot(ends, [item.sigma**2] * 2, "o", color=CURVE_COLORS[0], markersize=5, clip_on=False, zorder=4)
        marks[0].set_label("ends of the interval" if item is intervals[0] else "_nolegend_")
    _dress(axes, curves, label)
    return figure


def _draws(axes: Axes, tree: xr.DataTree, label: Label) -> None:
    """Show the histogram of the draws, its parts inside the intervals darker."""
    known_name(label.name, free_names(tree))
    draws = tree["posterior"][label.name].values.ravel() / label.factor
    density, edges = np.histogram(draws, BINS)
    height = 0.93 * TOP * density / density.max()
    parts = [("draws of the posterior", -np.inf, np.inf, 0.15)]
    for sigma, alpha in ((2.0, 0.2), (1.0, 0.3)):
        # Plain quantiles: a picture is drawn of few draws too, whose intervals no number would be given for.
        mass = mass_in_one_dimension(sigma)
        low, high = np.quantile(draws, [0.5 - 0.5 * mass, 0.5 + 0.5 * mass])
        parts.append((f"their interval of {percent(mass)}", low, high, alpha))
    # The staircase as a line, so that its parts end where the intervals do.
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(height, 2)
    for text, low, high, alpha in parts:
        inside = np.clip(x, low, high)
        axes.fill_between(inside, 0.0, y, color=POSTERIOR_COLOR, alpha=alpha, linewidth=0, label=text, zorder=0)


def _levels(axes: Axes) -> None:
    for sigma in LEVELS:
        axes.axhline(sigma**2, color="0.4", linewidth=0.8, linestyle=":")
        text = f"{sigma:g}$\\sigma$, {percent(mass_in_one_dimension(sigma))}"
        axes.text(0.99, sigma**2 + 0.06, text, transform=axes.get_yaxis_transform(), ha="right", va="bottom",
                  fontsize="small", color="0.3")  # fmt: skip


def _dress(axes: Axes, curves: Sequence[Profile], label: Label) -> None:
    axes.set_ylim(0.0, TOP)
    inside = np.concatenate([curve.values[np.isfinite(curve.delta) & (curve.delta <= TOP)] for curve in curves])
    if len(inside) > 1:
        margin = 0.05 * np.ptp(inside)
        axes.set_xlim((inside.min() - margin) / label.factor, (inside.max() + margin) / label.factor)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.set_xlabel(label.text())
    axes.set_ylabel(r"$\Delta(-2\,\ln\,p)$")
    axes.legend(frameon=False, fontsize="small", ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
