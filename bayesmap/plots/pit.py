"""Probability integral transforms: their empirical distribution minus the uniform one, with the envelope."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bayesmap.checks.pit import FRACTIONS, Pit, ecdf_envelope


def plot_pit(pit: Pit, *, figure: Figure | None = None) -> Figure:
    """Show the distribution of randomised transforms of all bins, minus the uniform one, and their histogram.

    Parameters
    ----------
    pit : Pit
        Of `DatasetCheck`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw on; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. The envelope holds 95 % of the distributions of so many uniform values as a whole.
    """
    figure = Figure(figsize=(9.5, 3.8), layout="constrained") if figure is None else figure
    left, right = figure.subplots(1, 2)
    n = len(pit.sampled)
    low, high = ecdf_envelope(n)
    at = np.array([0.0, *FRACTIONS, 1.0])
    ends = (np.array([0.0, *values, 0.0]) for values in (low - FRACTIONS, high - FRACTIONS))
    left.fill_between(at, *ends, color="0.85", step=None, label="95 % envelope, all at once")
    curves = (
        (pit.sampled, "one draw", "tab:orange", pit.p_value),
        (pit.left_out, "bin left out", "tab:blue", pit.p_value_left_out),
    )
    for values, word, color, p_value in curves:
        below = np.searchsorted(np.sort(values), at, side="right") / n
        left.plot(at, below - at, color=color, linewidth=1.4, label=f"{word}: p = {p_value:.3f}")
    left.axhline(0.0, color="black", linewidth=0.8)
    left.set(xlabel="u", ylabel="Share below u, minus u", xlim=(0.0, 1.0), title=f"Transforms of {n:,} bins")
    left.legend(frameon=False, fontsize="small")
    bins = np.linspace(0.0, 1.0, 21)
    right.hist(pit.sampled, bins, density=True, histtype="step", color="tab:orange", linewidth=1.4, label="one draw")
    right.hist(pit.left_out, bins, density=True, histtype="step", color="tab:blue", linewidth=1.4, label="bin left out")
    right.axhline(1.0, color="black", linewidth=0.8)
    right.set(xlabel="u", ylabel="Density", xlim=(0.0, 1.0), ylim=(0.0, None), title="u-shaped: too little scatter")
    right.legend(frameon=False, fontsize="small")
    for pane in (left, right):
        pane.grid(color="0.5", alpha=0.25, linewidth=0.5)
    return figure
