"""Spectral models: dN/dE as a function of energy, one class a file."""

from bayesmap.models.spectral.base import SpectralModel as SpectralModel
from bayesmap.models.spectral.exp_cutoff_power_law import (
    ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel,
)
from bayesmap.models.spectral.log_parabola import LogParabolaSpectralModel as LogParabolaSpectralModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel as PowerLawSpectralModel
from bayesmap.models.spectral.power_law_norm import PowerLawNormSpectralModel as PowerLawNormSpectralModel

__all__ = [
    "ExpCutoffPowerLawSpectralModel",
    "LogParabolaSpectralModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "SpectralModel",
]
