"""Bayesian 3-D analysis of gamma-ray sky maps.

Every public name is loaded when it is first asked for: ``import bayesmap`` alone imports no PyMC, JAX or ArviZ.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesmap.checks.calibration_file import read_calibration, write_calibration
    from bayesmap.dataset import MapDataset, SpectrumDatasetOnOff
    from bayesmap.errors import (
        BayesmapError,
        BayesmapInputError,
        BayesmapIOError,
        ConfigError,
        FitStateError,
        GeometryError,
        ModelError,
        PriorError,
        ProblemList,
        ResponseError,
        UnitsError,
    )
    from bayesmap.fit import MapFit, simulate
    from bayesmap.fit.calibrate import calibrate
    from bayesmap.fit.choice import calibrate_comparison
    from bayesmap.fit.compare import compare
    from bayesmap.fit.coverage import interval_coverage
    from bayesmap.fit.evidence import bayes_factor, log_evidence, source_significance
    from bayesmap.fit.flux_points import flux_points
    from bayesmap.fit.limits import prior_sensitivity
    from bayesmap.io.covariance import ParameterCovariance
    from bayesmap.io.datasets import read_datasets, write_datasets
    from bayesmap.io.fermi import read_fermi, read_fermi_diffuse, read_fermi_isotropic
    from bayesmap.io.gammapy import read_dataset, write_dataset
    from bayesmap.io.ogip import read_ogip
    from bayesmap.io.spectrum import read_spectrum, write_spectrum
    from bayesmap.io.xml import read_models_xml
    from bayesmap.io.xml_writer import write_models_xml
    from bayesmap.io.yaml import read_covariance, read_models, write_models
    from bayesmap.irf.edisp import EnergyDispersion
    from bayesmap.irf.edisp_map import EDispKernelMap
    from bayesmap.irf.psf import PSFKernel, RadialPSF
    from bayesmap.irf.psf_map import PSFMap
    from bayesmap.maps.axis import MapAxis
    from bayesmap.maps.geometry import WcsGeom
    from bayesmap.maps.map import WcsNDMap
    from bayesmap.models import (
        BackgroundModel,
        BrokenPowerLawSpectralModel,
        CompoundSpectralModel,
        ConstantSpatialModel,
        ConstantSpectralModel,
        DiskSpatialModel,
        EBLAbsorptionNormSpectralModel,
        ExpCutoffPowerLaw3FGLSpectralModel,
        ExpCutoffPowerLawNormSpectralModel,
        ExpCutoffPowerLawSpectralModel,
        ExpressionSpectralModel,
        FoVBackgroundModel,
        GaussianProcessNormSpatialModel,
        GaussianProcessSpatialModel,
        GaussianSpatialModel,
        GaussianSpectralModel,
        GeneralizedGaussianSpatialModel,
        LogParabola2SpectralModel,
        LogParabolaNormSpectralModel,
        LogParabolaSpectralModel,
        Models,
        OverdispersionModel,
        Parameter,
        PiecewiseNormSpatialModel,
        PiecewiseNormSpectralModel,
        PointSpatialModel,
        PoolModel,
        PowerLaw2SpectralModel,
        PowerLawNormSpectralModel,
        PowerLawSpectralModel,
        ResponseModel,
        Shell2SpatialModel,
        ShellSpatialModel,
        SkyModel,
        SmoothBrokenPowerLawSpectralModel,
        SuperExpCutoffPowerLaw3FGLSpectralModel,
        SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
        SuperExpCutoffPowerLaw4FGLSpectralModel,
        TemplateSpatialModel,
        TemplateSpectralModel,
        expression_model,
    )
    from bayesmap.models.derived_prior import DerivedPrior
    from bayesmap.models.joint_prior import MultivariatePrior
    from bayesmap.models.prior import Prior
    from bayesmap.posterior.preflight import preflight
    from bayesmap.report.write import write_report
    from bayesmap.results.derived import energy_flux, integral_flux, luminosity
    from bayesmap.results.ds9 import write_regions
    from bayesmap.results.flux_points import FluxPoints
    from bayesmap.results.limits import lower_limit, upper_limit
    from bayesmap.results.peak import peak_energy
    from bayesmap.results.position import (
        extension_region,
        position_contour,
        position_ellipse,
        profile_region,
        region_table,
    )
    from bayesmap.results.posterior import verdict_of
    from bayesmap.results.store import load_posterior, save_posterior
    from bayesmap.results.summary import summarise

# Where each public name lives; the imports above tell type checkers the same, and a test compares the two.
_HOMES = {
    "bayesmap.checks.calibration_file": ("read_calibration", "write_calibration"),
    "bayesmap.dataset": ("MapDataset", "SpectrumDatasetOnOff"),
    "bayesmap.errors": (
        "BayesmapError",
        "BayesmapInputError",
        "BayesmapIOError",
        "ConfigError",
        "FitStateError",
        "GeometryError",
        "ModelError",
        "PriorError",
        "ProblemList",
        "ResponseError",
        "UnitsError",
    ),
    "bayesmap.fit": ("MapFit", "simulate"),
    "bayesmap.fit.calibrate": ("calibrate",),
    "bayesmap.fit.choice": ("calibrate_comparison",),
    "bayesmap.fit.compare": ("compare",),
    "bayesmap.fit.coverage": ("interval_coverage",),
    "bayesmap.fit.evidence": ("bayes_factor", "log_evidence", "source_significance"),
    "bayesmap.fit.flux_points": ("flux_points",),
    "bayesmap.fit.limits": ("prior_sensitivity",),
    "bayesmap.io.covariance": ("ParameterCovariance",),
    "bayesmap.io.datasets": ("read_datasets", "write_datasets"),
    "bayesmap.io.fermi": ("read_fermi", "read_fermi_diffuse", "read_fermi_isotropic"),
    "bayesmap.io.gammapy": ("read_dataset", "write_dataset"),
    "bayesmap.io.ogip": ("read_ogip",),
    "bayesmap.io.spectrum": ("read_spectrum", "write_spectrum"),
    "bayesmap.io.xml": ("read_models_xml",),
    "bayesmap.io.xml_writer": ("write_models_xml",),
    "bayesmap.io.yaml": ("read_covariance", "read_models", "write_models"),
    "bayesmap.irf.edisp": ("EnergyDispersion",),
    "bayesmap.irf.edisp_map": ("EDispKernelMap",),
    "bayesmap.irf.psf": ("PSFKernel", "RadialPSF"),
    "bayesmap.irf.psf_map": ("PSFMap",),
    "bayesmap.maps.axis": ("MapAxis",),
    "bayesmap.maps.geometry": ("WcsGeom",),
    "bayesmap.maps.map": ("WcsNDMap",),
    "bayesmap.models": (
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
    ),
    "bayesmap.models.derived_prior": ("DerivedPrior",),
    "bayesmap.models.joint_prior": ("MultivariatePrior",),
    "bayesmap.models.prior": ("Prior",),
    "bayesmap.posterior.preflight": ("preflight",),
    "bayesmap.report.write": ("write_report",),
    "bayesmap.results.derived": ("energy_flux", "integral_flux", "luminosity"),
    "bayesmap.results.ds9": ("write_regions",),
    "bayesmap.results.flux_points": ("FluxPoints",),
    "bayesmap.results.limits": ("lower_limit", "upper_limit"),
    "bayesmap.results.peak": ("peak_energy",),
    "bayesmap.results.position": (
        "extension_region",
        "position_contour",
        "position_ellipse",
        "profile_region",
        "region_table",
    ),
    "bayesmap.results.posterior": ("verdict_of",),
    "bayesmap.results.store": ("load_posterior", "save_posterior"),
    "bayesmap.results.summary": ("summarise",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BackgroundModel",
    "BayesmapError",
    "BayesmapIOError",
    "BayesmapInputError",
    "BrokenPowerLawSpectralModel",
    "CompoundSpectralModel",
    "ConfigError",
    "ConstantSpatialModel",
    "ConstantSpectralModel",
    "DerivedPrior",
    "DiskSpatialModel",
    "EBLAbsorptionNormSpectralModel",
    "EDispKernelMap",
    "EnergyDispersion",
    "ExpCutoffPowerLaw3FGLSpectralModel",
    "ExpCutoffPowerLawNormSpectralModel",
    "ExpCutoffPowerLawSpectralModel",
    "ExpressionSpectralModel",
    "FitStateError",
    "FluxPoints",
    "FoVBackgroundModel",
    "GaussianProcessNormSpatialModel",
    "GaussianProcessSpatialModel",
    "GaussianSpatialModel",
    "GaussianSpectralModel",
    "GeneralizedGaussianSpatialModel",
    "GeometryError",
    "LogParabola2SpectralModel",
    "LogParabolaNormSpectralModel",
    "LogParabolaSpectralModel",
    "MapAxis",
    "MapDataset",
    "MapFit",
    "ModelError",
    "Models",
    "MultivariatePrior",
    "OverdispersionModel",
    "PSFKernel",
    "PSFMap",
    "Parameter",
    "ParameterCovariance",
    "PiecewiseNormSpatialModel",
    "PiecewiseNormSpectralModel",
    "PointSpatialModel",
    "PoolModel",
    "PowerLaw2SpectralModel",
    "PowerLawNormSpectralModel",
    "PowerLawSpectralModel",
    "Prior",
    "PriorError",
    "ProblemList",
    "RadialPSF",
    "ResponseError",
    "ResponseModel",
    "Shell2SpatialModel",
    "ShellSpatialModel",
    "SkyModel",
    "SmoothBrokenPowerLawSpectralModel",
    "SpectrumDatasetOnOff",
    "SuperExpCutoffPowerLaw3FGLSpectralModel",
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    "SuperExpCutoffPowerLaw4FGLSpectralModel",
    "TemplateSpatialModel",
    "TemplateSpectralModel",
    "UnitsError",
    "WcsGeom",
    "WcsNDMap",
    "bayes_factor",
    "calibrate",
    "calibrate_comparison",
    "compare",
    "energy_flux",
    "expression_model",
    "extension_region",
    "flux_points",
    "integral_flux",
    "interval_coverage",
    "load_posterior",
    "log_evidence",
    "lower_limit",
    "luminosity",
    "peak_energy",
    "position_contour",
    "position_ellipse",
    "preflight",
    "prior_sensitivity",
    "profile_region",
    "read_calibration",
    "read_covariance",
    "read_dataset",
    "read_datasets",
    "read_fermi",
    "read_fermi_diffuse",
    "read_fermi_isotropic",
    "read_models",
    "read_models_xml",
    "read_ogip",
    "read_spectrum",
    "region_table",
    "save_posterior",
    "simulate",
    "source_significance",
    "summarise",
    "upper_limit",
    "verdict_of",
    "write_calibration",
    "write_dataset",
    "write_datasets",
    "write_models",
    "write_models_xml",
    "write_regions",
    "write_report",
    "write_spectrum",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bayesmap' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted({*globals(), *__all__})
