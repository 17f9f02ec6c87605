"""Point source."""

from __future__ import annotations

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel


class PointSpatialModel(SpatialModel):
    r"""Point source.

    .. math:: \phi(\Omega) = \delta(\Omega - \Omega_0)

    Its image is the PSF at its exact position, integrated over each pixel.

    Parameters
    ----------
    lon_0, lat_0 : Quantity
        Position. Default 0 deg.
    frame : str
        ``"icrs"``, ``"galactic"`` or ``"fk5"``.

    Examples
    --------
    >>> PointSpatialModel(lon_0="83.63 deg", lat_0="22.01 deg").position
    (83.63, 22.01)
    """

    tag = ("PointSpatialModel", "point")
    image_kind = "point"
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
