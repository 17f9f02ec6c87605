"""Do the bins of an observation hold what they may hold? Each function returns errors that were not raised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesmap.dataset.grids import label_of
from bayesmap.errors import BayesmapError, BayesmapInputError
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.irf.support import reachable_bins
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import BoolArray

# (code, bins affected, what they are, the rule, the remedy)
Check = tuple[str, BoolArray, str, str, str]


def mask_problems(mask: WcsNDMap | None) -> list[BayesmapError]:
    """Find a mask that is not boolean (BM-IN-021) or selects nothing (BM-IN-020)."""
    if mask is None:
        return []
    if not mask.is_mask:
        return [
            BayesmapInputError(
                "BM-IN-021",
                what=f"{label_of('mask', mask)} has the type {mask.data.dtype}",
                rule="A mask is boolean: True where a bin is used",
                remedy="Convert it with mask.to_mask()",
            )
        ]
    if not mask.data.any():
        return [
            BayesmapInputError(
                "BM-IN-020",
                what=f"0 of {mask.data.size:,} bins selected by {label_of('mask', mask)}",
                rule="At least one bin must be used",
                remedy="Check mask_safe and mask_fit: True means used",
            )
        ]
    return []


def counts_problems(counts: WcsNDMap, mask: WcsNDMap | None, *, allow_asimov: bool) -> list[BayesmapError]:
    """Find counts inside the mask that are no counts (BM-IN-001, 002, 004, 005)."""
    data = counts.data
    used = np.ones(data.shape, dtype=bool)
    if mask is not None and mask.is_mask and mask.data.shape == data.shape:
        used = mask.data
    finite = used & np.isfinite(data)
    fractional = finite & (data >= 0) & (data != np.floor(data))
    remedy = "Correct the counts, or exclude the bins with the mask"
    subtracted = "Pass un-subtracted counts, or exclude the bins with the mask"
    asimov = "Pass allow_asimov=True if these are expected counts"
    return _bin_problems(
        "counts",
        counts,
        [
            ("BM-IN-001", used & np.isnan(data), "NaN", "Counts must be numbers", remedy),
            ("BM-IN-002", used & np.isinf(data), "infinite", "Counts must be finite", remedy),
            ("BM-IN-004", finite & (data < 0), "negative", "Poisson counts must be >= 0", subtracted),
            ("BM-IN-005", fractional & (not allow_asimov), "not integers", "Counts are never rounded", asimov),
        ],
    )


def background_problems(background: WcsNDMap | None) -> list[BayesmapError]:
    """Find expected background counts that are not finite (BM-IN-010) or negative (BM-IN-011)."""
    if background is None:
        return []
    data, remedy = background.data, "Correct the background; it is never clipped"
    return _bin_problems(
        "background",
        background,
        [
            ("BM-IN-010", ~np.isfinite(data), "not finite", "Expected counts must be finite everywhere", remedy),
            ("BM-IN-011", data < 0, "negative", "Expected counts must be >= 0", remedy),
        ],
    )


def weights_problems(weights: WcsNDMap | None, counts: WcsNDMap) -> list[BayesmapError]:
    """Find weights that are not on the counts' bins or not between 0 and 1 (BM-IN-022)."""
    if weights is None:
        return []
    remedy = "Make them between 0 and 1 on the geometry of the counts; exclude bins with the mask"
    if not weights.geom.is_close(counts.geom):
        return [
            BayesmapInputError(
                "BM-IN-022",
                what=f"{label_of('weights', weights)} have the geometry {weights.geom}, the counts {counts.geom}",
                rule="There is one weight for each bin of counts",
                remedy=remedy,
            )
        ]
    bad = ~(np.isfinite(weights.data) & (weights.data >= 0) & (weights.data <= 1))
    rule = "A weight says which part of a bin's information is used"
    return _bin_problems("weights", weights, [("BM-IN-022", bad, "not between 0 and 1", rule, remedy)])


def exposure_problems(exposure: WcsNDMap) -> list[BayesmapError]:
    """Find exposure that is not finite or negative (BM-IN-012), or zero everywhere (BM-IN-013)."""
    bad = ~np.isfinite(exposure.data) | (exposure.data < 0)
    rule = "Exposure must be finite and >= 0 everywhere: sources outside the mask scatter into it"
    remedy = "Correct the exposure; it is never clipped"
    found = _bin_problems("exposure", exposure, [("BM-IN-012", bad, "NaN, infinite or negative", rule, remedy)])
    if not found and not exposure.data.any():
        found.append(
            BayesmapInputError(
                "BM-IN-013",
                what=f"{label_of('exposure', exposure)} is 0 in all {exposure.data.size:,} bins: no bin can see any "
                "source",
                rule="Some exposure must be positive",
                remedy="Check the file and the energy range",
            )
        )
    return found


def response_problems(
    exposure: WcsNDMap, psf: RadialPSF | PSFKernel | None, edisp: EnergyDispersion | None
) -> list[BayesmapError]:
    """Collect what psf and edisp say of themselves, at the energies that have exposure."""
    found: list[BayesmapError] = []
    exposed = (exposure.data > 0).any(axis=(1, 2))
    if psf is not None:
        found += psf.problems(exposed if len(exposed) == psf.axis.nbin else None)
    if edisp is not None:
        found += edisp.problems(exposed if len(exposed) == edisp.axis_true.nbin else None)
    return found


def support_problems(
    counts: WcsNDMap,
    used: BoolArray,
    background: WcsNDMap | None,
    exposure: WcsNDMap,
    response: tuple[RadialPSF | PSFKernel | None, EnergyDispersion],
) -> list[BayesmapError]:
    """Find counts where neither the background nor any source can make an event (BM-IN-014).

    Without a background map there is no answer: a background model may bring its own.
    """
    if background is None:
        return []
    lonely = used & (counts.data > 0) & (background.data == 0)
    if lonely.any():
        lonely &= ~reachable_bins(exposure, *response)
    events = counts.data[lonely].sum()
    rule = f"No model component can produce these {events:g} events: background and exposure are 0 there"
    remedy = "Exclude the bins with the mask, or correct the background or the exposure"
    return _bin_problems("counts", counts, [("BM-IN-014", lonely, "positive", rule, remedy)])


def places(bad: BoolArray) -> str:
    """Spell the first three places of a selection of bins."""
    return ", ".join(f"energy={e} y={y} x={x}" for e, y, x in np.argwhere(bad)[:3])


def _bin_problems(label: str, sky_map: WcsNDMap, checks: Sequence[Check]) -> list[BayesmapError]:
    """Make one error per check that fails: how many bins, the smallest value, the first three, and where."""
    found: list[BayesmapError] = []
    source = f" in {sky_map.source}" if sky_map.source else ""
    for code, bad, what, rule, remedy in checks:
        if not bad.any():
            continue
        values = sky_map.data[bad]
        finite = values[np.isfinite(values)]
        smallest = f"min {finite.min():.6g}; " if len(finite) else ""
        found.append(
            BayesmapInputError(
                code,
                what=f"{bad.sum():,} of {bad.size:,} {label} bins are {what} ({smallest}first: {places(bad)}){source}",
                rule=rule,
                remedy=remedy,
            )
        )
    return found
