"""Prior predictive check: which counts the priors allow, beside the observed ones."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bayesmap.checks.prior_predictive import PriorDatasetCheck
from bayesmap.plots.checks import draw_band, logarithmic


def plot_prior_check(check: PriorDatasetCheck, *, figure: Figure | None = None) -> Figure:
    """Show counts per energy and total counts of data drawn from the priors.

    Parameters
    ----------
    check : PriorDatasetCheck
        Of `MapFit.prior_check`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(9.5, 4.0), layout="constrained") if figure is None else figure
    left, right = figure.subplots(1, 2)
    draw_band(left, check.spectrum, relative=False)
    left.set(xscale="log", xlabel="Reconstructed energy (TeV)", ylabel="Counts per energy bin")
    left.xaxis.set_major_formatter("{x:g}")
    logarithmic(left, check.spectrum)
    left.legend(frameon=False, fontsize="small")
    # Zero counts have no logarithm; they stand at one half.
    totals = np.maximum(check.totals, 0.5)
    right.hist(totals, np.geomspace(totals.min() / 1.05, totals.max() * 1.05, 40), color="tab:blue", alpha=0.4)
    right.axvline(max(check.observed, 0.5), color="black", label=f"observed: {check.observed:.0f}")
    right.set(xscale="log", xlabel="Counts in the mask", ylabel=f"Data sets drawn from the priors ({len(totals)})")
    right.set_title(f"share above the observed: {check.p_value:.2f}", fontsize="medium")
    right.legend(frameon=False, fontsize="small")
    for pane in (left, right):
        pane.grid(color="0.5", alpha=0.25, linewidth=0.5)
    return figure
