"""Instrument response functions."""

from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.edisp_map import EDispKernelMap
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.irf.psf_map import PSFMap

__all__ = ["EDispKernelMap", "EnergyDispersion", "PSFKernel", "PSFMap", "RadialPSF"]
