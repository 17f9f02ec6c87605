"""Observed and predicted counts in each energy bin, with residuals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gamma

from bayesmap.checks.on_off import expected_background, on_off_significance
from bayesmap.checks.residuals import residual_significance
from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap

COMPONENT_COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:cyan", "tab:brown", "tab:pink")
ONE_SIGMA_TAIL = 0.15865525393145707  # probability of a normal variable below -1


def poisson_interval(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central 68.27 % confidence interval of a Poisson expectation, exact for each count.

    Parameters
    ----------
    counts : numpy.ndarray
        Observed counts.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper limits; the lower limit at 0 counts is 0.

    References
    ----------
    Garwood 1936, Biometrika 28, 437.

    Examples
    --------
    >>> low, high = poisson_interval(np.array([0.0, 10.0]))
    >>> low.round(3), high.round(3)
    (array([0.   , 6.891]), array([ 1.841, 14.267]))
    """
    counts = np.asarray(counts, dtype=float)
    positive = np.where(counts > 0, counts, 1.0)
    low = np.where(counts > 0, gamma.ppf(ONE_SIGMA_TAIL, positive), 0.0)
    return low, gamma.ppf(1.0 - ONE_SIGMA_TAIL, counts + 1.0)


def plot_spectrum(
    counts: WcsNDMap,
    npred: WcsNDMap,
    *,
    components: Mapping[str, WcsNDMap] | None = None,
    mask: np.ndarray | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Show counts and prediction per energy bin, summed over the sky, and their residual significance.

    These are counts per bin, not an unfolded flux: the response is not divided out.

    Parameters
    ----------
    counts : WcsNDMap
        Observed counts (energy, lat, lon).
    npred : WcsNDMap
        Predicted counts on the same geometry.
    components : mapping of str to WcsNDMap, optional
        Predicted counts of each model, shown as thin lines.
    mask : numpy.ndarray of bool, optional
        Bins of the fit; the others are left out.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure with the spectrum above the residuals.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if the shapes differ.
    """
    observed, expected = _per_energy(counts, mask), _per_energy(npred, mask)
    parts = {name: _per_energy(cube, mask) for name, cube in (components or {}).items()}
    significance = residual_significance(observed, expected)
    return _draw(counts.geom.axis("energy"), observed, expected, parts, significance, figure)


def plot_on_off(
    dataset: SpectrumDatasetOnOff,
    npred: np.ndarray,
    *,
    components: Mapping[str, np.ndarray] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Show the On counts of a spectrum, the predicted signal and the background that the Off counts leave.

    Parameters
    ----------
    dataset : SpectrumDatasetOnOff
        Counts; bins outside its mask are shown as empty.
    npred : numpy.ndarray, shape (n_reco,)
        Predicted signal counts.
    components : mapping of str to numpy.ndarray, optional
        Predicted signal counts of each model.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure with the spectrum above the residuals (`bayesmap.checks.on_off.on_off_significance`).
    """
    used = dataset.mask_data
    background = np.where(used, expected_background(dataset), 0.0)
    observed, expected = np.where(used, dataset.counts, 0.0), np.where(used, npred, 0.0) + background
    parts = {name: np.where(used, part, 0.0) for name, part in (components or {}).items()} | {"background": background}
    return _draw(dataset.axis, observed, expected, parts, on_off_significance(dataset, npred), figure)


def _draw(
    axis: MapAxis,
    observed: np.ndarray,
    expected: np.ndarray,
    parts: Mapping[str, np.ndarray],
    significance: np.ndarray,
    figure: Figure | None,
) -> Figure:
    """Draw counts per energy bin above their residuals."""
    figure = Figure(figsize=(7, 5.5), layout="constrained") if figure is None else figure
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    for (name, part), color in zip(parts.items(), cycle(COMPONENT_COLORS), strict=False):
        above.stairs(part, axis.edges, linewidth=1.1, label=name, color=color)
    _draw_counts(above, axis.edges, axis.center, observed, expected)
    below.axhline(0.0, color="tab:red", linewidth=1.2)
    below.errorbar(axis.center, significance, xerr=_bin_reach(axis.edges, axis.center), fmt="o", color="black", ms=4)
    reach = max(3.5, 1.15 * float(np.abs(significance[np.isfinite(significance)]).max(initial=0.0)))
    below.set(xlabel="Reconstructed energy (TeV)", ylabel=r"Residual ($\sigma$)", ylim=(-reach, reach))
    for axes in (above, below):
        axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
    figure.align_ylabels((above, below))
    return figure


def _per_energy(cube: WcsNDMap, mask: np.ndarray | None) -> np.ndarray:
    data = cube.data if mask is None else np.where(mask, cube.data, 0.0)
    return data.sum(axis=(1, 2))


def _bin_reach(edges: np.ndarray, center: np.ndarray) -> np.ndarray:
    return np.stack([center - edges[:-1], edges[1:] - center])


def _draw_counts(axes: Axes, edges: np.ndarray, center: np.ndarray, counts: np.ndarray, npred: np.ndarray) -> None:
    low, high = poisson_interval(counts)
    axes.stairs(npred, edges, color="tab:red", linewidth=1.5, label="predicted")
    axes.errorbar(
        center,
        counts,
        xerr=_bin_reach(edges, center),
        yerr=np.stack([counts - low, high - counts]),
        fmt="o",
        color="black",
        ms=4,
        label="observed, 68% Poisson interval",
    )
    axes.set(xscale="log", yscale="log", ylabel="Counts per energy bin")
    axes.xaxis.set_major_formatter("{x:g}")
    floor = max(0.3, 0.5 * float(min(npred[npred > 0].min(initial=np.inf), low[low > 0].min(initial=np.inf), 1e3)))
    axes.set_ylim(bottom=floor)
    axes.legend(frameon=False)
