"""Instrument response functions."""

from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF

__all__ = ["EnergyDispersion", "PSFKernel", "RadialPSF"]
