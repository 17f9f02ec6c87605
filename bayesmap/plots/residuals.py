"""Residual significance on the sky, with regions, and its distribution beside a unit normal."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from bayesmap.checks.smoothed import smoothed_significance
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models
from bayesmap.plots.regions import draw_regions
from bayesmap.plots.sky import mark_sources, show_image, sky_axes, source_positions
from bayesmap.results.regions import Region

WORDS = {"disk": "disk of radius", "gauss": "Gaussian of standard deviation"}
BIN = 0.25
"""Width of the bins of the histogram, in sigma."""
LEAST_REACH = 5.0
"""The colours reach so many sigma at least: noise stays pale."""


def plot_residuals(
    counts: WcsNDMap,
    npred: WcsNDMap,
    *,
    mask: np.ndarray | None = None,
    kernel: str = "disk",
    size: float | None = None,
    models: Models | None = None,
    regions: Iterable[Region] = (),
    figure: Figure | None = None,
) -> Figure:
    r"""Show the significance of counts against prediction, summed over energy, and its distribution.

    With the disk it is :math:`\pm\sqrt{2\,(n \ln(n/\mu) - n + \mu)}` of the sums in the disk, with the Gaussian
    the smoothed excess over its standard deviation; see `bayesmap.checks.smoothed`. A model that describes the data
    gives a standard normal distribution, drawn beside the histogram for the same number of pixels. Neighbouring pixels
    share counts, so that the histogram is rougher than its number of pixels suggests.

    Parameters
    ----------
    counts : WcsNDMap
        Observed counts (energy, lat, lon).
    npred : WcsNDMap
        Predicted counts on the same geometry.
    mask : numpy.ndarray of bool, optional
        Bins of the fit; the others are left out.
    kernel : str
        ``"disk"`` or ``"gauss"``.
    size : float, optional
        Radius or standard deviation of the kernel in degrees, by default two pixels; 0 takes each pixel for itself.
    models : Models, optional
        Sources to mark.
    regions : iterable of EllipseRegion and ContourRegion
        Regions to draw.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure with the map and the histogram.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if the shapes differ, BM-CK-003 for the size, BM-FT-003 for another kernel.
    """
    geom = counts.geom.to_image()
    pixel = math.sqrt(abs(float(np.linalg.det(geom.wcs.pixel_scale_matrix))))
    size = 2.0 * pixel if size is None else size
    image = smoothed_significance(counts.data, npred.data, mask=mask, kernel=kernel, size=size / pixel)
    figure = Figure(figsize=(11.0, 5.4), layout="constrained") if figure is None else figure
    grid = figure.add_gridspec(1, 2, width_ratios=(1.35, 1.0))
    axes = sky_axes(figure, geom, grid[0])
    finite = image[np.isfinite(image)]
    reach = max(LEAST_REACH, math.ceil(float(np.abs(finite).max(initial=0.0))))
    show_image(axes, image, r"significance ($\sigma$)", cmap="RdBu_r", norm=Normalize(-reach, reach))
    if models is not None:
        mark_sources(axes, geom, source_positions(models, geom.frame), color="black")
    draw_regions(axes, geom, regions)
    axes.set_title(f"Residual, {WORDS[kernel]} {size:.3g}\N{DEGREE SIGN}" if size > 0.0 else "Residual of each pixel")
    _histogram(figure.add_subplot(grid[1]), finite)
    return figure


def _histogram(axes: Axes, values: np.ndarray) -> None:
    reach = max(LEAST_REACH, float(np.abs(values).max(initial=0.0)))
    edges = BIN * np.arange(-math.ceil(reach / BIN) - 0.5, math.ceil(reach / BIN) + 1.0)
    number, _ = np.histogram(values, edges)
    axes.stairs(number, edges, color="tab:blue", fill=True, alpha=0.35)
    mean, width = (float(values.mean()), float(values.std())) if len(values) else (math.nan, math.nan)
    axes.stairs(number, edges, color="tab:blue", linewidth=1.2,
                label=f"{len(values)} pixels: mean {mean:+.2f}, standard deviation {width:.2f}")  # fmt: skip
    at = np.linspace(edges[0], edges[-1], 400)
    axes.plot(at, len(values) * BIN * np.exp(-0.5 * at**2) / math.sqrt(2.0 * math.pi), color="black", linewidth=1.4,
              linestyle="--", label="standard normal")  # fmt: skip
    axes.set(xlabel=r"Significance ($\sigma$)", ylabel=f"Pixels per {BIN:g}$\\sigma$", xlim=(edges[0], edges[-1]))
    axes.set_yscale("log")
    axes.set_ylim(0.5, 3.0 * max(2.0, float(number.max(initial=0)), 0.4 * BIN * len(values)))
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, loc="upper center", fontsize="small")
