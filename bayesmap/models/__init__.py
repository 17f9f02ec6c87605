"""What the sky may look like: parameters, spectral and spatial models, sources, backgrounds."""

from bayesmap.models.background import BackgroundModel as BackgroundModel
from bayesmap.models.background import FoVBackgroundModel as FoVBackgroundModel
from bayesmap.models.parameter import Parameter as Parameter
from bayesmap.models.sky import Models as Models
from bayesmap.models.sky import SkyModel as SkyModel
from bayesmap.models.spectral import ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral import LogParabolaSpectralModel as LogParabolaSpectralModel
from bayesmap.models.spectral import PowerLawNormSpectralModel as PowerLawNormSpectralModel
from bayesmap.models.spectral import PowerLawSpectralModel as PowerLawSpectralModel
from bayesmap.models.table import ParameterTable as ParameterTable

__all__ = [
    "BackgroundModel",
    "ExpCutoffPowerLawSpectralModel",
    "FoVBackgroundModel",
    "LogParabolaSpectralModel",
    "Models",
    "Parameter",
    "ParameterTable",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "SkyModel",
]
