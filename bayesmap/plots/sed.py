"""Spectral energy distribution of a source: best fit and credible bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.models.spectral.base import SpectralModel
from bayesmap.results.flux import FluxBand

BAND_COLOR = "tab:blue"
DEPTH = 1e-4
"""The axis shows this fraction of the largest value at least: beyond a cut-off the flux falls without end."""


def plot_sed(
    band: FluxBand, *, truth: SpectralModel | None = None, figure: Figure | None = None, axes: Axes | None = None
) -> Figure:
    r"""Show :math:`E^2\,dN/dE` of a source: best fit, median and credible bands.

    Parameters
    ----------
    band : FluxBand
        See `bayesmap.results.flux.flux_band`.
    truth : SpectralModel, optional
        Spectrum that was simulated.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.
    axes : matplotlib.axes.Axes, optional
        Axes to draw on, of `figure`; new ones by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(6.5, 4.8), layout="constrained") if figure is None else figure
    axes = figure.subplots() if axes is None else axes
    energy = band.energy.to_value("TeV")
    flux = {"best": band.best, "median": band.median}
    curves: Mapping[str, np.ndarray] = {
        name: (band.energy**2 * values).to_value("TeV cm-2 s-1") for name, values in flux.items()
    }
    order = np.argsort(band.masses)[::-1]  # the widest band lies at the back
    for shade, k in zip(np.linspace(0.2, 0.45, len(order)), order, strict=True):
        ends = [(band.energy**2 * end[k]).to_value("TeV cm-2 s-1") for end in (band.lower, band.upper)]
        label = f"{100 * band.masses[k]:.0f}% credible band"
        axes.fill_between(energy, *ends, color=BAND_COLOR, alpha=shade, linewidth=0, label=label)
    axes.plot(energy, curves["median"], color=BAND_COLOR, linewidth=1.4, label="posterior median")
    axes.plot(energy, curves["best"], color="black", linewidth=1.4, linestyle="--", label="best fit")
    if truth is not None:
        true = (band.energy**2 * truth(band.energy)).to_value("TeV cm-2 s-1")
        axes.plot(energy, true, color="tab:red", linewidth=1.4, linestyle=":", label="truth")
    _finish(axes, band, curves)
    return figure


def _finish(axes: Axes, band: FluxBand, curves: Mapping[str, np.ndarray]) -> None:
    axes.set(xscale="log", title=band.source, xlabel="Energy (TeV)")
    axes.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$ (TeV cm$^{-2}$ s$^{-1}$)")
    axes.xaxis.set_major_formatter("{x:g}")
    top = max(float(values.max()) for values in curves.values())
    if top > 0.0:
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(axes.get_ylim()[0], DEPTH * top))
    axes.margins(x=0)
    axes.grid(which="major", color="0.5", alpha=0.3, linewidth=0.5)
    axes.legend(frameon=False)
