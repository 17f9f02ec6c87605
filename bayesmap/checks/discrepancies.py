r"""How far counts lie from a prediction, one number for each way in which they may.

Each takes sums of counts n and of predicted counts mu over groups of bins (`grouping`).  D is the deviance of the sums,
:math:`\sum 2(n\ln(n/\mu) - n + \mu)`, S its signed root, a standard normal variable where many counts are expected.

Compared between replicated and observed counts at the same parameters, each gives a p-value of the whole map:
the largest S over all positions and sizes is compared with the largest one of a replicated map, wherever that lies, so
that the number of places where one has looked is accounted for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesmap.checks.grouping import Grouping, disk_key, ring_key
from bayesmap.checks.residuals import residual_significance
from bayesmap.dataset import SpectrumDatasetOnOff

MEANINGS = {
    "deviance": "deviance over all bins: scatter, or a misfit anywhere",
    "total": "number of counts, both tails: normalisation",
    "spectrum": "deviance of the counts per energy: wrong spectrum",
    "tiles": "deviance of the counts in coarse tiles: wrong background or large structures",
    "smoothed": "sum of squared significances in disks of the PSF's size: structures anywhere",
    "maximum_excess": "largest significance over positions and sizes: a source that is missing",
    "maximum_deficit": "the same downwards: a source too many, or a hole",
    "largest_excess": "largest Pearson residual of a single bin",
}
RADIAL = "radial:"
"""Beginning of the name of the deviance of the counts in rings around a position."""
TWO_SIDED = ("total",)
"""Discrepancies of which too small is as bad as too large."""
WINDOWS = (1, 2, 4)
"""Adjacent bins of a spectrum whose sums are looked at for the largest excess and deficit."""


def meaning_of(name: str) -> str:
    """Return what a discrepancy is sensitive to, in words."""
    if name.startswith(RADIAL):
        return f"deviance of the counts in rings around {name.removeprefix(RADIAL)}: wrong size or position"
    return MEANINGS[name]


def deviance(counts: np.ndarray, npred: np.ndarray) -> float:
    r"""Return :math:`\sum 2(n\ln(n/\mu) - n + \mu)`; infinite where there are counts and none are predicted."""
    some = counts > 0.0
    n, mu = counts[some], npred[some]
    with np.errstate(divide="ignore"):
        logs = n @ np.log(n / mu) if n.size else 0.0
    return float(2.0 * (logs - counts.sum() + npred.sum()))


def map_discrepancies(grouping: Grouping, counts: Mapping[str, Any], npred: Mapping[str, Any]) -> dict[str, float]:
    """Return the discrepancies of a map.

    Parameters
    ----------
    grouping : Grouping
        What the sums are of.
    counts, npred : mapping of str to ndarray
        Of `Grouping.sums`.
    """
    disks = {radius: residual_significance(counts[disk_key(radius)], npred[disk_key(radius)])
             for radius in grouping.radii}  # fmt: skip
    found = {name: deviance(counts[key].ravel(), npred[key].ravel())
             for name, key in (("deviance", "bins"), ("spectrum", "energy"), ("tiles", "tiles"))}  # fmt: skip
    rings = {f"{RADIAL}{name}": deviance(counts[ring_key(name)], npred[ring_key(name)]) for name in grouping.rings}
    return {
        "deviance": found["deviance"],
        "total": float(counts["energy"].sum()),
        "spectrum": found["spectrum"],
        "tiles": found["tiles"],
        "smoothed": float(np.sum(disks[grouping.smooth] ** 2)),
        **rings,
        "maximum_excess": max(float(image.max()) for image in disks.values()),
        "maximum_deficit": max(float(-image.min()) for image in disks.values()),
        "largest_excess": largest_pearson(counts["bins"], npred["bins"]),
    }


def largest_pearson(counts: np.ndarray, npred: np.ndarray) -> float:
    r"""Return the largest :math:`(n - \mu) / \sqrt\mu`; bins without prediction and counts are no excess."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.where((npred > 0.0) | (counts > 0.0), (counts - npred) / np.sqrt(npred), 0.0).max())


def spectrum_sums(dataset: SpectrumDatasetOnOff, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return sums of On counts, or their expectation, over windows of adjacent selected bins.

    Parameters
    ----------
    dataset : SpectrumDatasetOnOff
        Its mask.
    counts : ndarray, shape (n_reco,)
        Counts.
    """
    used = counts[dataset.mask_data]
    windows = {f"window:{width}": np.convolve(used, np.ones(width), "valid") for width in WINDOWS if width <= used.size}
    return {"bins": used, "energy": np.where(dataset.mask_data, counts, 0.0), **windows}


def spectrum_discrepancies(counts: Mapping[str, Any], npred: Mapping[str, Any]) -> dict[str, float]:
    """Return the discrepancies of On counts; arguments of `spectrum_sums`, npred with the background."""
    signs = [residual_significance(counts[key], npred[key]) for key in counts if key.startswith("window:")]
    return {
        "deviance": deviance(counts["bins"], npred["bins"]),
        "total": float(counts["bins"].sum()),
        "maximum_excess": max(float(item.max()) for item in signs),
        "maximum_deficit": max(float(-item.min()) for item in signs),
    }


def exceeds(replicated: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return 1 where a replicated discrepancy is larger, and one half where it is equal: totals are whole numbers."""
    return (replicated > observed) + 0.5 * (replicated == observed)
