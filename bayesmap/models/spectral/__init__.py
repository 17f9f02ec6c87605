"""Spectral models: dN/dE as a function of energy, one class a file."""

from bayesmap.models.spectral.base import SpectralModel as SpectralModel
from bayesmap.models.spectral.broken_power_law import BrokenPowerLawSpectralModel as BrokenPowerLawSpectralModel
from bayesmap.models.spectral.compound import CompoundSpectralModel as CompoundSpectralModel
from bayesmap.models.spectral.constant import ConstantSpectralModel as ConstantSpectralModel
from bayesmap.models.spectral.ebl_absorption import EBLAbsorptionNormSpectralModel as EBLAbsorptionNormSpectralModel
from bayesmap.models.spectral.exp_cutoff_power_law import (
    ExpCutoffPowerLawSpectralModel as ExpCutoffPowerLawSpectralModel,
)
from bayesmap.models.spectral.exp_cutoff_power_law_3fgl import (
    ExpCutoffPowerLaw3FGLSpectralModel as ExpCutoffPowerLaw3FGLSpectralModel,
)
from bayesmap.models.spectral.exp_cutoff_power_law_norm import (
    ExpCutoffPowerLawNormSpectralModel as ExpCutoffPowerLawNormSpectralModel,
)
from bayesmap.models.spectral.expression import ExpressionSpectralModel as ExpressionSpectralModel
from bayesmap.models.spectral.expression import expression_model as expression_model
from bayesmap.models.spectral.gaussian import GaussianSpectralModel as GaussianSpectralModel
from bayesmap.models.spectral.log_parabola import LogParabolaSpectralModel as LogParabolaSpectralModel
from bayesmap.models.spectral.log_parabola_2 import LogParabola2SpectralModel as LogParabola2SpectralModel
from bayesmap.models.spectral.log_parabola_norm import LogParabolaNormSpectralModel as LogParabolaNormSpectralModel
from bayesmap.models.spectral.piecewise_norm import PiecewiseNormSpectralModel as PiecewiseNormSpectralModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel as PowerLawSpectralModel
from bayesmap.models.spectral.power_law_2 import PowerLaw2SpectralModel as PowerLaw2SpectralModel
from bayesmap.models.spectral.power_law_norm import PowerLawNormSpectralModel as PowerLawNormSpectralModel
from bayesmap.models.spectral.smooth_broken_power_law import (
    SmoothBrokenPowerLawSpectralModel as SmoothBrokenPowerLawSpectralModel,
)
from bayesmap.models.spectral.super_exp_cutoff_3fgl import (
    SuperExpCutoffPowerLaw3FGLSpectralModel as SuperExpCutoffPowerLaw3FGLSpectralModel,
)
from bayesmap.models.spectral.super_exp_cutoff_4fgl import (
    SuperExpCutoffPowerLaw4FGLSpectralModel as SuperExpCutoffPowerLaw4FGLSpectralModel,
)
from bayesmap.models.spectral.super_exp_cutoff_4fgl_dr3 import (
    SuperExpCutoffPowerLaw4FGLDR3SpectralModel as SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
)
from bayesmap.models.spectral.template import TemplateSpectralModel as TemplateSpectralModel

__all__ = [
    "BrokenPowerLawSpectralModel",
    "CompoundSpectralModel",
    "ConstantSpectralModel",
    "EBLAbsorptionNormSpectralModel",
    "ExpCutoffPowerLaw3FGLSpectralModel",
    "ExpCutoffPowerLawNormSpectralModel",
    "ExpCutoffPowerLawSpectralModel",
    "ExpressionSpectralModel",
    "GaussianSpectralModel",
    "LogParabola2SpectralModel",
    "LogParabolaNormSpectralModel",
    "LogParabolaSpectralModel",
    "PiecewiseNormSpectralModel",
    "PowerLaw2SpectralModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "SmoothBrokenPowerLawSpectralModel",
    "SpectralModel",
    "SuperExpCutoffPowerLaw3FGLSpectralModel",
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    "SuperExpCutoffPowerLaw4FGLSpectralModel",
    "TemplateSpectralModel",
    "expression_model",
]
