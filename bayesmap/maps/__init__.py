"""Maps: numbers on the sky and along energy."""

from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.maps.mask import circle_mask, combine, energy_mask, region_mask

__all__ = ["MapAxis", "WcsGeom", "WcsNDMap", "circle_mask", "combine", "energy_mask", "region_mask"]
