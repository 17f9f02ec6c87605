"""What the sky may look like: parameters, spectral and spatial models, sources, backgrounds."""

from bayesmap.models.background import BackgroundModel as BackgroundModel
from bayesmap.models.background import FoVBackgroundModel as FoVBackgroundModel
from bayesmap.models.parameter import Parameter as Parameter
from bayesmap.models.sky import Models as Models
from bayesmap.models.sky import SkyModel as SkyModel
from bayesmap.models.spatial.constant import ConstantSpatialModel as ConstantSpatialModel
from bayesmap.models.spatial.disk import DiskSpatialModel as DiskSpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel as GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel as PointSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel as TemplateSpatialModel
from bayesmap.models.spectral import ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral import LogParabolaSpectralModel as LogParabolaSpectralModel
from bayesmap.models.spectral import PowerLawNormSpectralModel as PowerLawNormSpectralModel
from bayesmap.models.spectral import PowerLawSpectralModel as PowerLawSpectralModel
from bayesmap.models.table import ParameterTable as ParameterTable

__all__ = [
    "BackgroundModel",
    "ConstantSpatialModel",
    "DiskSpatialModel",
    "ExpCutoffPowerLawSpectralModel",
    "FoVBackgroundModel",
    "GaussianSpatialModel",
    "LogParabolaSpectralModel",
    "Models",
    "Parameter",
    "ParameterTable",
    "PointSpatialModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "SkyModel",
    "TemplateSpatialModel",
]
