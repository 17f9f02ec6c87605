"""Offsets of positions from a model's centre, and positions in another frame, in plain NumPy."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord


def offsets(lon: np.ndarray, lat: np.ndarray, lon_0: float, lat_0: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Return azimuthal-equidistant offsets (x towards East, y towards North) in degrees from a centre.

    .. math:: (x, y) = \frac{\theta}{\sin\theta}\,(n\cdot e,\ n\cdot d)

    with the separation :math:`\theta = \mathrm{atan2}(|n \times n_0|, n\cdot n_0)`, exact at every distance.

    Parameters
    ----------
    lon, lat : ndarray
        Positions in deg.
    lon_0, lat_0 : float
        Centre in deg.
    """
    turn, height, height_0 = np.deg2rad(lon - lon_0), np.deg2rad(lat), np.deg2rad(lat_0)
    east = np.cos(height) * np.sin(turn)
    # sin(lat - lat_0) + ... (1 - cos turn): nothing cancels close to the centre.
    north = np.sin(height - height_0) + 2.0 * np.sin(height_0) * np.cos(height) * np.sin(0.5 * turn) ** 2
    along = np.cos(height - height_0) - 2.0 * np.cos(height_0) * np.cos(height) * np.sin(0.5 * turn) ** 2
    sine = np.hypot(east, north)
    angle = np.rad2deg(np.arctan2(sine, along))
    at_centre = sine == 0.0
    ratio = np.where(at_centre, 180.0 / np.pi, angle / np.where(at_centre, 1.0, sine))
    return east * ratio, north * ratio


def rotate(lon: np.ndarray, lat: np.ndarray, from_frame: str, to_frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in degrees of another frame."""
    if from_frame == to_frame:
        return lon, lat
    moved = SkyCoord(lon * u.deg, lat * u.deg, frame=from_frame).transform_to(to_frame)
    return moved.data.lon.deg, moved.data.lat.deg
