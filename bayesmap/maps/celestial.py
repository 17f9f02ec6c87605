"""Which celestial coordinates a map may have."""

from __future__ import annotations

import numpy as np
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS

from bayesmap.errors import GeometryError

# What astropy and wcslib raise for keywords that make no sense together.
UNREADABLE = (
    ValueError, TypeError, LookupError, AssertionError, AttributeError, ArithmeticError, MemoryError, AstropyWarning,
)  # fmt: skip
WHOLE = 360.0  # deg: no step of a pixel is longer


def check_celestial(wcs: WCS) -> None:
    """Refuse what is no pair of celestial axes, longitude first, in a known frame.

    Parameters
    ----------
    wcs : astropy WCS
        Of a map.

    Raises
    ------
    GeometryError
        BM-GE-007.
    """
    _check_numbers(wcs)
    if wcs.naxis != 2 or not wcs.has_celestial or wcs.wcs.lng != 0 or wcs.wcs.lat != 1:
        raise unusable(
            f"the WCS has the axes {', '.join(kind or 'without a name' for kind in wcs.wcs.ctype)}",
            "It must have two celestial axes, longitude first (CTYPE1 and CTYPE2)",
        )
    if wcs.has_distortion:
        raise unusable("the WCS has distortions (SIP or tables)", "Only the projections of the FITS standard are used")
    frame_of(wcs)


def _check_numbers(wcs: WCS) -> None:
    """Refuse a transformation that is none: numbers that are not finite, pixels without area, an unknown projection."""
    rule = "Reference point, pixel and steps are finite numbers, steps at most 360 deg, and pixels have an area"
    try:
        wcs.wcs.set()
        steps = wcs.wcs.cd if wcs.wcs.has_cd() else (wcs.wcs.cdelt, wcs.wcs.get_pc())
        given = np.concatenate([np.ravel(part) for part in (wcs.wcs.crval, wcs.wcs.crpix, *steps)])
        if not np.all(np.isfinite(given)):
            raise unusable(f"the WCS holds the numbers {', '.join(f'{number:g}' for number in given)}", rule)
        largest = float(np.abs(wcs.pixel_scale_matrix).max())
        area = abs(float(np.linalg.det(wcs.pixel_scale_matrix))) if largest <= WHOLE else np.inf
    except UNREADABLE as error:
        raise unusable(f"the header has no usable WCS ({error})", "It needs two celestial axes") from error
    if not 0.0 < area < np.inf:
        raise unusable(f"the WCS has pixels of {area:g} deg2, steps of {largest:g} deg", rule)


def frame_of(wcs: WCS) -> str:
    """Name the celestial frame as the FITS standard infers it: ``icrs``, ``fk5`` or ``galactic``.

    Parameters
    ----------
    wcs : astropy WCS
        Of a map.

    Raises
    ------
    GeometryError
        BM-GE-007 for another frame.
    """
    kind = str(wcs.wcs.ctype[0])[:4]
    if kind == "GLON":
        return "galactic"
    equinox = wcs.wcs.equinox
    system = str(wcs.wcs.radesys).strip().upper() or ("ICRS" if np.isnan(equinox) else "FK5")
    if kind == "RA--" and (system == "ICRS" or (system == "FK5" and (np.isnan(equinox) or equinox == 2000.0))):
        return system.lower()
    raise unusable(
        f"the WCS is in the frame {kind.strip('-')} {system} equinox {equinox:g}",
        "Known are ICRS, FK5 with equinox 2000, and Galactic",
    )


def unusable(what: str, rule: str, remedy: str = "Reproject the map, or correct its header") -> GeometryError:
    """Return the error for a geometry that cannot be used."""
    return GeometryError("BM-GE-007", what=what, rule=rule, remedy=remedy)
