"""Regions in the plane of two parameters, in both definitions: by mass of the draws, and by rise of the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bayesmap.plots.labels import Label, known_name, same_parameters, value_label
from bayesmap.results.contours import credible_contour
from bayesmap.results.intervals import check_sigma, mass_in_two_dimensions
from bayesmap.results.posterior import free_names, limits_of
from bayesmap.results.profile import ProfileContour
from bayesmap.results.regions import percent

DRAW_COLOR, PROFILE_COLOR = "tab:blue", "tab:orange"
MOST_POINTS = 2000
"""Draws that are shown, evenly spread over the chains."""


def plot_contours(
    tree: xr.DataTree,
    x: str,
    y: str,
    *,
    profiles: ProfileContour | Sequence[ProfileContour] = (),
    sigmas: Sequence[float] = (1.0, 2.0),
    best: Mapping[str, float] | None = None,
    figure: Figure | None = None,
    axes: Axes | None = None,
) -> Figure:
    r"""Show draws of two parameters, their credible regions, and contours of the profile over them.

    The credible region of sigma is the one of highest density that holds :math:`1 - e^{-\sigma^2/2}` of the draws
    (39.35 % and 86.47 % for one and two); the contour of the profile is where :math:`-2\ln p` has risen by
    :math:`\sigma^2`. They are the same where the two parameters are normal.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    x, y : str
        Parameters by name.
    profiles : ProfileContour or sequence of ProfileContour
        Contours by profile of the same two parameters; x and y may be exchanged.
    sigmas : sequence of float
        Sizes of the credible regions.
    best : mapping of str to float, optional
        Values to mark, in the parameters' units; by default those of the first profile.
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
        BM-FT-007 for a sigma that is not above zero, BM-FT-078 for an unknown or ambiguous name, BM-FT-079 for a
        contour of other parameters.
    """
    for sigma in sigmas:
        check_sigma(sigma)
    found = (profiles,) if isinstance(profiles, ProfileContour) else tuple(profiles)
    x, y = (known_name(name, free_names(tree)) for name in (x, y))
    same_parameters("a contour", (x, y), ((item.x_name, item.y_name) for item in found))
    figure = Figure(figsize=(5.6, 4.8), layout="constrained") if figure is None else figure
    axes = figure.subplots() if axes is None else axes
    posterior = tree["posterior"]
    labels = [value_label(name, str(posterior[name].attrs["unit"]), posterior[name].values) for name in (x, y)]
    draws = [posterior[label.name].values.ravel() / label.factor for label in labels]
    limits = _limits(posterior, labels[0]), _limits(posterior, labels[1])
    step = max(1, len(draws[0]) // MOST_POINTS)
    axes.plot(draws[0][::step], draws[1][::step], ".", color=DRAW_COLOR, markersize=2.5, alpha=0.3, rasterized=True,
              markeredgewidth=0)  # fmt: skip
    for sigma, width in zip(sigmas, _widths(len(sigmas)), strict=True):
        mass = mass_in_two_dimensions(sigma)
        for k, piece in enumerate(credible_contour(draws[0], draws[1], mass, 2, limits=limits).pieces):
            words = f"credible region, {percent(mass)}" if k == 0 else "_nolegend_"
            axes.plot(*piece.T, color=DRAW_COLOR, linewidth=width, label=words)
    for item, width in zip(found, _widths(len(found)), strict=True):
        _profile(axes, item, labels, width)
    if best is None and found:
        best = {found[0].x_name: found[0].x_best, found[0].y_name: found[0].y_best}
    if best is not None:
        axes.plot(*(best[label.name] / label.factor for label in labels), "+", color="black", markersize=9,
                  markeredgewidth=1.5, linestyle="none", label="best fit")  # fmt: skip
    _dress(axes, labels)
    return figure


def _limits(posterior: Any, label: Label) -> tuple[float, float]:
    low, high = limits_of(posterior[label.name])
    return low / label.factor, high / label.factor


def _widths(n: int) -> np.ndarray:
    """Return widths of lines: the inner one is the strongest."""
    return np.linspace(2.0, 1.0, n) if n > 1 else np.full(n, 2.0)


def _profile(axes: Axes, item: ProfileContour, labels: Sequence[Label], width: float) -> None:
    points = {item.x_name: item.x, item.y_name: item.y}
    x, y = (points[label.name] / label.factor for label in labels)
    words = rf"profile, $\Delta(-2\ln p) = {item.sigma**2:g}$"
    # The last point is not the first: close the line; a direction without a point (NaN) breaks it.
    axes.plot(np.append(x, x[0]), np.append(y, y[0]), color=PROFILE_COLOR, linewidth=width, linestyle="--", label=words)


def _dress(axes: Axes, labels: Sequence[Label]) -> None:
    axes.set_xlabel(labels[0].text())
    axes.set_ylabel(labels[1].text())
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.ticklabel_format(useOffset=False)
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, fontsize="small")
