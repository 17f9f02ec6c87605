"""Correlation matrix of the free parameters, from the covariance or from draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesmap.models.spatial.hilbert import is_weight
from bayesmap.plots.labels import known_name, short_name
from bayesmap.results.fit import CovarianceResult
from bayesmap.results.posterior import free_names

CELL, WIDEST, POINTS = 0.5, 14.0, 72.0  # inches, inches, points per inch
FEW, MANY = 16, 40
"""Cells are of one size up to `FEW` parameters, then smaller; from `MANY` on there is no room for numbers."""
DARK = 0.6
"""Absolute correlation from which the number is written in white."""


def plot_correlation(
    found: CovarianceResult | xr.DataTree,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
    figure: Figure | None = None,
    axes: Axes | None = None,
) -> Figure:
    r"""Show the correlations of parameters as numbers on colours.

    .. math:: \rho_{ij} = V_{ij} / \sqrt{V_{ii} V_{jj}}

    Red is positive, blue is negative; each pair stands once, below the diagonal. A parameter without an error (at a
    limit), or one that does not vary in the draws, has grey cells.

    Parameters
    ----------
    found : CovarianceResult or xarray.DataTree
        Covariance at the best fit, or posterior.
    names : sequence of str, optional
        Parameters by name, in this order; all free ones by default, without the weights of correlated
        fields.
    title : str
        Title.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one, with its size by the number of parameters, by default.
    axes : matplotlib.axes.Axes, optional
        Axes to draw on, of `figure`; new ones by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    BayesmapInputError
        BM-FT-078 for an unknown or ambiguous name.
    """
    chosen = shown_names(found) if names is None else tuple(known_name(name, all_names(found)) for name in names)
    matrix = correlation_matrix(found, chosen)
    n = len(chosen)
    cell = min(CELL, max(CELL * FEW, min(WIDEST, 0.24 * n)) / max(n, 1))
    if figure is None:
        # Room for names and the colour bar beside the cells.
        figure = Figure(figsize=(3.2 + cell * n, 2.2 + cell * n), layout="constrained")
    axes = figure.subplots() if axes is None else axes
    axes.set_facecolor("white")
    below = np.tril(np.ones((n, n), dtype=bool), -1)
    # Light grey on the diagonal, darker where nothing is known.
    grey = np.where(np.eye(n, dtype=bool), 0.3, np.where(below & ~np.isfinite(matrix), 1.0, np.nan))
    axes.imshow(grey, cmap="gray_r", vmin=0.0, vmax=4.0)
    image = axes.imshow(np.where(below, matrix, np.nan), cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    figure.colorbar(image, ax=axes, label="Correlation", shrink=0.7, pad=0.02, aspect=25)
    _numbers(axes, matrix)
    _dress(axes, short_names(chosen), title, min(9.0, 0.6 * POINTS * cell))
    return figure


def shown_names(found: CovarianceResult | xr.DataTree) -> tuple[str, ...]:
    """Return the free parameters without the weights of correlated fields, by qualified name."""
    return tuple(name for name in all_names(found) if not is_weight(name))


def all_names(found: CovarianceResult | xr.DataTree) -> tuple[str, ...]:
    """Return the free parameters by qualified name."""
    return found.names if isinstance(found, CovarianceResult) else free_names(found)


def correlation_matrix(found: CovarianceResult | xr.DataTree, names: Sequence[str]) -> np.ndarray:
    """Return the correlations of parameters, shape (n, n); NaN where a parameter has no error.

    Parameters
    ----------
    found : CovarianceResult or xarray.DataTree
        Covariance, or posterior.
    names : sequence of str
        Parameters by qualified name.
    """
    if isinstance(found, CovarianceResult):
        at = [found.names.index(name) for name in names]
        matrix = found.matrix[np.ix_(at, at)]
    else:
        matrix = np.atleast_2d(np.cov([found["posterior"][name].values.ravel() for name in names]))
    variance = np.diag(matrix)
    root = np.sqrt(np.where(variance > 0.0, variance, np.nan))
    return np.asarray(matrix / np.outer(root, root))


def short_names(names: Sequence[str]) -> list[str]:
    """Return names without their middle part where that leaves them different.

    Examples
    --------
    >>> short_names(["crab.spectral.index", "crab.spectral.norm", "crab.spatial.norm"])
    ['crab.index', 'crab.spectral.norm', 'crab.spatial.norm']
    """
    short = [short_name(name) for name in names]
    number = Counter(short)
    return [item if number[item] == 1 else name for item, name in zip(short, names, strict=True)]


def _numbers(axes: Axes, matrix: np.ndarray) -> None:
    n = len(matrix)
    if n > MANY:
        return
    size = 8.0 if n <= FEW else 5.0
    for row in range(n):
        for col in range(row):
            value = matrix[row, col]
            color = "white" if abs(value) > DARK else "black"
            axes.text(col, row, _number(value), ha="center", va="center", color=color, fontsize=size)


def _number(value: float) -> str:
    """Return two digits with a sign; a dash where nothing is known."""
    if not np.isfinite(value):
        return "\N{EN DASH}"
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _dress(axes: Axes, labels: Sequence[str], title: str, size: float) -> None:
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(len(labels)), labels, fontsize=size)
    axes.set_title(title)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    # White lines between the cells.
    edges = np.arange(len(labels) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.0)
    axes.tick_params(which="minor", length=0)
