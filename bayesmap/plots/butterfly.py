"""Butterflies: spectra of one or several sources with credible bands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bayesmap.plots.labels import unit_text
from bayesmap.results.butterfly import scaled_flux, unit_of
from bayesmap.results.flux import FluxBand
from bayesmap.results.regions import percent

COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan")
STYLES = ("-", "--", "-.", ":")
"""Lines of the sources differ by colour and by style."""
QUANTITIES = (r"\mathrm{d}N/\mathrm{d}E", r"E\,\mathrm{d}N/\mathrm{d}E", r"E^2\,\mathrm{d}N/\mathrm{d}E")
DEPTH = 1e-4
"""The axis of E^2 dN/dE shows this fraction of the largest value: beyond a cut-off the flux falls without end."""


def plot_butterfly(
    bands: FluxBand | Sequence[FluxBand],
    *,
    power: int = 2,
    unit: str | None = None,
    energy_unit: str = "TeV",
    figure: Figure | None = None,
    axes: Axes | None = None,
) -> Figure:
    r"""Show :math:`E^p\,dN/dE` of sources: median of the draws and credible bands.

    Each band holds its probability at each energy for itself.

    Parameters
    ----------
    bands : FluxBand or sequence of FluxBand
        See `bayesmap.results.flux.flux_band`; one for each source.
    power : int
        p: 0, 1 or 2.
    unit : str, optional
        Unit of the axis; by default cm-2 s-1 TeV-1, cm-2 s-1 or erg cm-2 s-1.
    energy_unit : str
        Unit of the energies on the axis.
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
        BM-FT-076 for another power, or a unit that does not go with it.

    See Also
    --------
    bayesmap.results.butterfly.butterfly_table : The numbers.
    """
    shown = (bands,) if isinstance(bands, FluxBand) else tuple(bands)
    unit = unit_of(power, unit)
    figure = Figure(figsize=(6.5, 4.8), layout="constrained") if figure is None else figure
    axes = figure.subplots() if axes is None else axes
    highest = 0.0
    for band, color, style in zip(shown, cycle(COLORS), cycle(STYLES), strict=False):
        energy = band.energy.to_value(energy_unit)
        order = np.argsort(band.masses)[::-1]  # the widest band lies at the back
        for shade, k in zip(np.linspace(0.18, 0.35, len(order)), order, strict=True):
            lower, upper = (scaled_flux(end[k], band.energy, power, unit) for end in (band.lower, band.upper))
            axes.fill_between(energy, lower, upper, color=color, alpha=shade, linewidth=0)
        median = scaled_flux(band.median, band.energy, power, unit)
        axes.plot(energy, median, color=color, linestyle=style, linewidth=1.6, label=band.source)
        highest = max(highest, float(median.max()))
    _dress(axes, shown, rf"${QUANTITIES[power]}$ ({unit_text(unit)})", f"Energy ({energy_unit})")
    if highest > 0.0:
        ends = [float(end) for band in shown for end in (band.energy.value.min(), band.energy.value.max())]
        lowest = DEPTH * highest * (min(ends) / max(ends)) ** (2 - power)
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(axes.get_ylim()[0], lowest))
    return figure


def _dress(axes: Axes, bands: Sequence[FluxBand], y_label: str, x_label: str) -> None:
    axes.set(xscale="log", xlabel=x_label, ylabel=y_label)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0)
    axes.grid(which="major", color="0.5", alpha=0.3, linewidth=0.5)
    masses = " and ".join(percent(mass) for mass in sorted({mass for band in bands for mass in band.masses}))
    axes.legend(frameon=False, title=f"Median, bands of {masses}", alignment="left")
