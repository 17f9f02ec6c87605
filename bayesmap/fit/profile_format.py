"""Profiles in the dictionaries that the seed's interface returns; the record itself is in each, as ``record``."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy

from bayesmap.fit.seed_format import interval_dictionary
from bayesmap.results.intervals import Interval, mass_in_one_dimension
from bayesmap.results.profile import Profile, ProfileContour, ProfileInterval

NAN = float("nan")


def profile_interval_dictionary(found: ProfileInterval) -> dict[str, Any]:
    """Return an interval; see `MapFit.confidence`."""
    plain = Interval(
        found.name, found.unit, found.lower, found.upper, NAN, NAN, NAN, mass_in_one_dimension(found.sigma), found.kind
    )  # fmt: skip
    made = interval_dictionary(plain, found.value, success=found.success, nfev=found.nfev, backend="profile")
    return made | dataclasses.asdict(found) | {"record": found}


def curve_dictionary(found: Profile) -> dict[str, Any]:
    """Return a curve; see `MapFit.likelihood_profile`."""
    return dataclasses.asdict(found) | {
        "success": bool(found.success.all()) and not found.message,
        "point_success": found.success,
        "delta": found.delta,
        "record": found,
    }


def contour_dictionary(found: ProfileContour, backend: str) -> dict[str, Any]:
    """Return a contour; see `MapFit.minos_contour`."""
    joint = float(scipy.stats.chi2.ppf(mass_in_one_dimension(found.sigma), 2)) ** 0.5
    return {
        "x": found.x,
        "y": found.y,
        "success": found.success,
        "mass": found.mass,
        "sigma": found.sigma,
        "sigma_for_joint_mass": joint,
        "pieces": _pieces(found),
        "x_info": {"name": found.x_name, "unit": found.x_unit},
        "y_info": {"name": found.y_name, "unit": found.y_unit},
        "backend": backend,
        "delta": found.delta,
        "open": found.open,
        "nfev": found.nfev,
        "message": found.message,
        "record": found,
    }


def _pieces(found: ProfileContour) -> tuple[np.ndarray, ...]:
    """Return the lines without gaps: one closed, or what lies between the directions that have no point."""
    points = np.stack([found.x, found.y], axis=1)
    there = np.isfinite(points).all(axis=1)
    if there.all():
        return (np.concatenate([points, points[:1]]),)
    # Begin after a gap, so that no line is cut where the directions begin.
    first = int(np.flatnonzero(~there)[0])
    points, there = np.roll(points, -first, axis=0), np.roll(there, -first)
    cuts = np.flatnonzero(np.diff(there.astype(int))) + 1
    return tuple(part for part in np.split(points, cuts) if np.isfinite(part).all())
