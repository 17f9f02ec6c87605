"""What the sky may look like: parameters, spectral and spatial models, sources, backgrounds."""

from bayesmap.models.background import BackgroundModel as BackgroundModel
from bayesmap.models.background import FoVBackgroundModel as FoVBackgroundModel
from bayesmap.models.overdispersion import OverdispersionModel as OverdispersionModel
from bayesmap.models.parameter import Parameter as Parameter
from bayesmap.models.pool import PoolModel as PoolModel
from bayesmap.models.response import ResponseModel as ResponseModel
from bayesmap.models.sky import Models as Models
from bayesmap.models.sky import SkyModel as SkyModel
from bayesmap.models.spatial.constant import ConstantSpatialModel as ConstantSpatialModel
from bayesmap.models.spatial.disk import DiskSpatialModel as DiskSpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel as GaussianSpatialModel
from bayesmap.models.spatial.gaussian_process_norm import (
    GaussianProcessNormSpatialModel as GaussianProcessNormSpatialModel,
)
from bayesmap.models.spatial.gaussian_process_sky import GaussianProcessSpatialModel as GaussianProcessSpatialModel
from bayesmap.models.spatial.generalized_gaussian import (
    GeneralizedGaussianSpatialModel as GeneralizedGaussianSpatialModel,
)
from bayesmap.models.spatial.piecewise_norm import PiecewiseNormSpatialModel as PiecewiseNormSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel as PointSpatialModel
from bayesmap.models.spatial.shell import Shell2SpatialModel as Shell2SpatialModel
from bayesmap.models.spatial.shell import ShellSpatialModel as ShellSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel as TemplateSpatialModel
from bayesmap.models.spectral import BrokenPowerLawSpectralModel as BrokenPowerLawSpectralModel
from bayesmap.models.spectral import CompoundSpectralModel as CompoundSpectralModel
from bayesmap.models.spectral import ConstantSpectralModel as ConstantSpectralModel
from bayesmap.models.spectral import EBLAbsorptionNormSpectralModel as EBLAbsorptionNormSpectralModel
from bayesmap.models.spectral import ExpCutoffPowerLaw3FGLSpectralModel as ExpCutoffPowerLaw3FGLSpectralModel
from bayesmap.models.spectral import ExpCutoffPowerLawNormSpectralModel as ExpCutoffPowerLawNormSpectralModel
from bayesmap.models.spectral import ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral import ExpressionSpectralModel as ExpressionSpectralModel
from bayesmap.models.spectral import GaussianSpectralModel as GaussianSpectralModel
from bayesmap.models.spectral import LogParabola2SpectralModel as LogParabola2SpectralModel
from bayesmap.models.spectral import LogParabolaNormSpectralModel as LogParabolaNormSpectralModel
from bayesmap.models.spectral import LogParabolaSpectralModel as LogParabolaSpectralModel
from bayesmap.models.spectral import PiecewiseNormSpectralModel as PiecewiseNormSpectralModel
from bayesmap.models.spectral import PowerLaw2SpectralModel as PowerLaw2SpectralModel
from bayesmap.models.spectral import PowerLawNormSpectralModel as PowerLawNormSpectralModel
from bayesmap.models.spectral import PowerLawSpectralModel as PowerLawSpectralModel
from bayesmap.models.spectral import SmoothBrokenPowerLawSpectralModel as SmoothBrokenPowerLawSpectralModel
from bayesmap.models.spectral import SuperExpCutoffPowerLaw3FGLSpectralModel as SuperExpCutoffPowerLaw3FGLSpectralModel
from bayesmap.models.spectral import (
    SuperExpCutoffPowerLaw4FGLDR3SpectralModel as SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
)
from bayesmap.models.spectral import SuperExpCutoffPowerLaw4FGLSpectralModel as SuperExpCutoffPowerLaw4FGLSpectralModel
from bayesmap.models.spectral import TemplateSpectralModel as TemplateSpectralModel
from bayesmap.models.spectral import expression_model as expression_model
from bayesmap.models.table import ParameterTable as ParameterTable

__all__ = [
    "BackgroundModel",
    "BrokenPowerLawSpectralModel",
    "CompoundSpectralModel",
    "ConstantSpatialModel",
    "ConstantSpectralModel",
    "DiskSpatialModel",
    "EBLAbsorptionNormSpectralModel",
    "ExpCutoffPowerLaw3FGLSpectralModel",
    "ExpCutoffPowerLawNormSpectralModel",
    "ExpCutoffPowerLawSpectralModel",
    "ExpressionSpectralModel",
    "FoVBackgroundModel",
    "GaussianProcessNormSpatialModel",
    "GaussianProcessSpatialModel",
    "GaussianSpatialModel",
    "GaussianSpectralModel",
    "GeneralizedGaussianSpatialModel",
    "LogParabola2SpectralModel",
    "LogParabolaNormSpectralModel",
    "LogParabolaSpectralModel",
    "Models",
    "OverdispersionModel",
    "Parameter",
    "ParameterTable",
    "PiecewiseNormSpatialModel",
    "PiecewiseNormSpectralModel",
    "PointSpatialModel",
    "PoolModel",
    "PowerLaw2SpectralModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "ResponseModel",
    "Shell2SpatialModel",
    "ShellSpatialModel",
    "SkyModel",
    "SmoothBrokenPowerLawSpectralModel",
    "SuperExpCutoffPowerLaw3FGLSpectralModel",
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    "SuperExpCutoffPowerLaw4FGLSpectralModel",
    "TemplateSpatialModel",
    "TemplateSpectralModel",
    "expression_model",
]
