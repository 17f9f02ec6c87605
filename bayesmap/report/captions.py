"""Captions of the pictures that a fit leaves, by the beginnings of their names."""

from __future__ import annotations

from urllib.parse import unquote

CAPTIONS = {
    "maps": "Counts, prediction and residual significance, summed over energy",
    "residuals": "Significance of the residual, and its distribution beside a standard normal one",
    "position": "Position of the source: draws, regions, best fit",
    "spectrum": "Counts per energy and the prediction of each model",
    "sed": "Spectrum of the source with its credible bands",
    "flux-points": "Flux points, and their correlations",
    "profile": "Profile of the parameter",
    "corner": "Draws of each pair of parameters",
    "correlation": "Correlations at the best fit",
    "trace": "Draws of each chain in order",
    "priors": "Prior and posterior of each parameter",
    "prior-check": "Counts of data drawn from the priors, beside the observed ones",
    "predictive": "Residuals in groups of energies, and counts per energy beside replicated data",
    "check-overview": "P-value of each discrepancy",
    "check-maximum": "Largest excess and deficit anywhere on the map, of replicated and observed data",
    "check-significance": "The bin of each pixel that lies farthest from its predictive distribution",
    "check-radial": "Counts in rings around each source, beside replicated data",
    "check-spectrum": "Counts per energy, beside replicated data",
    "check-pit": "Transforms of single bins: distribution minus the uniform one, with its envelope",
    "comparison": "Models compared by what they predict",
    "difference": "Where one model predicts better than the other",
    "elpd": "Where the model predicts how well",
    "pareto-k": "Bins that a posterior without them would need a new fit for",
    "ranks": "Distribution of the ranks of the truth minus the uniform one, with its envelope",
    "rank-histograms": "Histograms of the ranks of the truth among the draws",
    "coverage": "Share of the intervals that hold the truth",
    "z-scores": "Distance of the truth from the posterior mean, and contraction",
}


def caption(name: str) -> str:
    """Return the caption of a picture: what it shows, and of what.

    Examples
    --------
    >>> caption("sed-crab.png")
    'Spectrum of the source with its credible bands: crab'
    """
    stem = name.removesuffix(".png")
    known = [key for key in CAPTIONS if stem == key or stem.startswith(f"{key}-")]
    if not known:
        return unquote(stem)
    best = max(known, key=len)
    rest = unquote(stem.removeprefix(best).removeprefix("-"))
    return f"{CAPTIONS[best]}: {rest}" if rest else CAPTIONS[best]
