"""`MapFit`, the door of the package, and `simulate`."""

from bayesmap.fit.facade import MapFit as MapFit
from bayesmap.fit.simulate import simulate as simulate

__all__ = ["MapFit", "simulate"]
