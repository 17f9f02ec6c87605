"""Brightness that is the same everywhere."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spatial.base import SpatialModel


class ConstantSpatialModel(SpatialModel):
    r"""Isotropic brightness.

    .. math:: \phi(\Omega) = v

    Parameters
    ----------
    value : Quantity
        Brightness, frozen. Default 1 sr-1.
    frame : str
        Kept for the common interface; an isotropic model looks the same in every frame.
    """

    tag = ("ConstantSpatialModel", "const")
    has_position = False
    image_kind = "fixed"
    value = Parameter("value", 1.0, "sr-1", frozen=True)

    @staticmethod
    def evaluate(xp: ModuleType, x: Any, y: Any, *, value: Any) -> Any:
        """Return the brightness in sr-1, of the shape of x."""
        return value + 0.0 * x
