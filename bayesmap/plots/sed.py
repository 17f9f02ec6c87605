"""Spectral energy distribution of a source: best fit and credible bands, flux points and their correlations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.errors import BayesmapInputError
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.results.flux import FluxBand, log_energies
from bayesmap.results.flux_points import FluxPoints

BAND_COLOR, POINT_COLOR = "tab:blue", "black"
DEPTH = 1e-4
"""The axis shows this fraction of the largest value at least: beyond a cut-off the flux falls without end."""
BELOW = 0.03
"""And with flux points this fraction of the faintest."""
ARROW = 0.45
"""Length of an upper limit's arrow, as a fraction of the limit."""
FAINTEST_COLORS = 0.3
"""The colours of correlations reach to this value at least, so that noise looks like none."""
UNIT = "TeV cm-2 s-1"


def plot_sed(
    band: FluxBand | None,
    *,
    points: FluxPoints | None = None,
    correlation: bool = False,
    truth: SpectralModel | None = None,
    figure: Figure | None = None,
    axes: Axes | None = None,
) -> Figure:
    r"""Show :math:`E^2\,dN/dE` of a source: best fit, median and credible bands, flux points.

    Parameters
    ----------
    band : FluxBand or None
        See `bayesmap.results.flux.flux_band`; None to show flux points alone.
    points : FluxPoints, optional
        See `bayesmap.flux_points`. Bands whose sqrt(TS) is below 2 are shown as upper limits, by arrows.
    correlation : bool
        True to show the correlations of the points in a panel of its own.
    truth : SpectralModel, optional
        Spectrum that was simulated.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.
    axes : matplotlib.axes.Axes, optional
        Axes to draw on, of `figure`; new ones by default. There is no room for a panel then.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    BayesmapInputError
        BM-FT-069 if there is nothing to show, or no room for the correlations that are asked for.
    """
    if (band is None and points is None) or (correlation and (points is None or axes is not None)):
        raise _nothing(correlation=correlation)
    width = 11.5 if correlation else 6.5
    figure = Figure(figsize=(width, 4.8), layout="constrained") if figure is None else figure
    panel = None
    if correlation:
        axes, panel = figure.subplots(1, 2, gridspec_kw={"width_ratios": (6.5, 5.0)})
    axes = figure.subplots() if axes is None else axes
    shown = {} if band is None else _draw_band(axes, band, truth)
    if points is not None:
        shown |= _draw_points(axes, points, truth if band is None else None)
        if panel is not None:
            _draw_correlation(figure, panel, points)
    source = band.source if band is not None else points.source  # type: ignore[union-attr]
    _finish(axes, source, shown)
    return figure


def _draw_band(axes: Axes, band: FluxBand, truth: SpectralModel | None) -> dict[str, np.ndarray]:
    """Draw curves and credible bands; return what the axis has to show."""
    energy = band.energy.to_value("TeV")
    flux = {"best": band.best, "median": band.median}
    curves = {name: (band.energy**2 * values).to_value(UNIT) for name, values in flux.items()}
    order = np.argsort(band.masses)[::-1]  # the widest band lies at the back
    for shade, k in zip(np.linspace(0.2, 0.45, len(order)), order, strict=True):
        ends = [(band.energy**2 * end[k]).to_value(UNIT) for end in (band.lower, band.upper)]
        label = f"{100 * band.masses[k]:.0f}% credible band"
        axes.fill_between(energy, *ends, color=BAND_COLOR, alpha=shade, linewidth=0, label=label)
    axes.plot(energy, curves["median"], color=BAND_COLOR, linewidth=1.4, label="posterior median")
    axes.plot(energy, curves["best"], color="black", linewidth=1.4, linestyle="--", label="best fit")
    if truth is not None:
        _draw_truth(axes, energy, (band.energy**2 * truth(band.energy)).to_value(UNIT))
    return curves


def _draw_points(axes: Axes, points: FluxPoints, truth: SpectralModel | None) -> dict[str, np.ndarray]:
    """Draw points with errors, and upper limits as arrows; return what the axis has to show."""
    energy, limit = points.e_ref.to_value("TeV"), points.is_ul
    reach = np.stack([energy - points.e_min.to_value("TeV"), points.e_max.to_value("TeV") - energy])
    value, low, high, upper = (points.value("e2dnde", part).to_value(UNIT) for part in ("", "errn", "errp", "ul"))
    style: Any = {"color": POINT_COLOR, "linewidth": 1.2, "linestyle": "none", "zorder": 3}
    seen = ~limit
    if seen.any():
        axes.errorbar(
            energy[seen],
            value[seen],
            xerr=reach[:, seen],
            marker="o",
            markersize=4.5,
            label="flux points, 68%",
            **style,
        )
        # Lines from end to end: the best value of all bands together may lie outside the interval of one.
        axes.vlines(energy[seen], (value - low)[seen], (value + high)[seen], color=POINT_COLOR, linewidth=1.2, zorder=3)
    if limit.any():
        axes.errorbar(
            energy[limit], upper[limit], xerr=reach[:, limit], yerr=ARROW * upper[limit], uplims=True, capsize=2.5,
            label=f"upper limits, {points.ul_mass:.0%}", **style,
        )  # fmt: skip
    if truth is not None:
        grid = log_energies(points.edges[0], points.edges[-1], 200)
        _draw_truth(axes, grid.to_value("TeV"), (grid**2 * truth(grid)).to_value(UNIT))
    return {"points": value[seen], "limits": upper[limit]}


def _draw_truth(axes: Axes, energy: np.ndarray, values: np.ndarray) -> None:
    axes.plot(energy, values, color="tab:red", linewidth=1.4, linestyle=":", label="truth")


def _draw_correlation(figure: Figure, axes: Axes, points: FluxPoints) -> None:
    """Draw the correlations between bands as numbers on colours; the diagonal is left grey."""
    n, matrix = len(points), np.array(points.correlation)
    diagonal = np.eye(n, dtype=bool)
    off = np.where(diagonal, np.nan, matrix)
    reach = max(float(np.max(np.abs(off[np.isfinite(off)]), initial=0.0)), FAINTEST_COLORS)
    axes.set_facecolor("0.85")
    image = axes.imshow(off, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
    figure.colorbar(image, ax=axes, label="Correlation", pad=0.02)
    size = 8.0 if n <= 8 else max(4.0, 64.0 / n)
    for i, j in np.argwhere(np.isfinite(off)):
        bold = abs(off[i, j]) > 0.6 * reach
        axes.text(
            j,
            i,
            f"{round(off[i, j], 2) + 0.0:.2f}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if bold else "black",
        )
    labels = [f"{energy:.3g}" for energy in points.e_ref.to_value("TeV")]
    axes.set(xticks=range(n), yticks=range(n), yticklabels=labels, xlabel="Energy (TeV)", ylabel="Energy (TeV)")
    axes.set_xticklabels(labels, rotation=90 if n > 8 else 0)
    axes.set_title("Correlation of the points")


def _finish(axes: Axes, source: str, shown: Mapping[str, np.ndarray]) -> None:
    axes.set(xscale="log", title=source, xlabel="Energy (TeV)")
    axes.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$ (TeV cm$^{-2}$ s$^{-1}$)")
    axes.xaxis.set_major_formatter("{x:g}")
    top = max(float(values.max(initial=0.0)) for values in shown.values())
    if top > 0.0:
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(axes.get_ylim()[0], _depth(shown, top)))
    axes.margins(x=0)
    axes.grid(which="major", color="0.5", alpha=0.3, linewidth=0.5)
    axes.legend(frameon=False, fontsize="small")


def _depth(shown: Mapping[str, np.ndarray], top: float) -> float:
    """Return the smallest value that the axis has to reach: with points well below the faintest of them."""
    points = np.concatenate([shown.get("points", np.array([])), shown.get("limits", np.array([]))])
    faintest = points[points > 0.0].min(initial=np.inf)
    return DEPTH * top if np.isinf(faintest) else BELOW * min(float(faintest), top)


def _nothing(*, correlation: bool) -> BayesmapInputError:
    return BayesmapInputError(
        "BM-FT-069",
        what="correlations were asked for without points or on given axes"
        if correlation
        else "there is nothing to show",
        rule="A picture of a spectrum needs a band or points; the correlations are those of the points, in a panel of "
        "their own",
        remedy="Pass points=flux_points(...), and no axes with correlation=True",
    )
