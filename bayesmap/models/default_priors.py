"""Documented weakly informative priors, for parameters that come without one.

They keep the sampler in the physical range and pull a measured parameter by a few hundredths of its error at most.
Scales are taken from the start value, so a start value within a factor of ten or so of the truth is all they ask for;
`docs/priors.md` has the table.
"""

from __future__ import annotations

import math

from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior

INDICES = ("index", "index_1", "index_2", "index1", "index2", "alpha")
CURVATURES = ("beta", "tilt")
FLUXES = ("amplitude", "value")
POSITIONS = ("lon_0", "lat_0")
SIZES = ("sigma", "r_0", "radius", "width")
OF_ONE_MODEL = {("ExpCutoffPowerLawSpectralModel", "alpha"): Prior("LogNormal", mu=0.0, sigma=0.5)}
"""Where a name means something else in one model: there alpha is the power of the cut-off."""


def default_prior(model: str, parameter: Parameter, map_radius: float) -> Prior:
    """Return the default prior of a parameter, in the parameter's own unit.

    Parameters
    ----------
    model : str
        Class of the spectral or spatial model.
    parameter : Parameter
        At its start value.
    map_radius : float, unit deg
        Half the diagonal of the map, the scale of sizes.

    Returns
    -------
    Prior
        `Prior("Flat")` for positions, which get a prior on the sphere, and for what is not in the table.

    Examples
    --------
    >>> print(default_prior("PowerLawSpectralModel", Parameter("index", 2.0), 3.0))
    Normal(mu=2.5, sigma=1.5)
    """
    bare = parameter.name
    if (model, bare) in OF_ONE_MODEL:
        return OF_ONE_MODEL[model, bare]
    if bare == "norm":
        return Prior("HalfNormal", sigma=2.0)
    if bare in INDICES:
        return Prior("Normal", mu=2.5, sigma=1.5)
    if bare in CURVATURES:
        return Prior("Normal", mu=0.0, sigma=1.0)
    return _scaled(parameter, map_radius)


def _scaled(parameter: Parameter, map_radius: float) -> Prior:
    if parameter.name in FLUXES:
        return Prior("HalfStudentT", nu=3.0, sigma=_scale(parameter))
    if parameter.name == "lambda_":
        # 1 / E_cut may come out slightly negative where there is no cut-off: only declared limits are support.
        return Prior("StudentT", nu=3.0, mu=0.0, sigma=_scale(parameter))
    if parameter.name in SIZES:
        return Prior("HalfNormal", sigma=map_radius * _degree(parameter))
    return _bounded(parameter.name, parameter)


def _bounded(bare: str, parameter: Parameter) -> Prior:
    if bare == "e":
        return Prior("Uniform", lower=0.0, upper=min(1.0, _limit(parameter.max, 1.0)))
    if bare == "edge_width":
        return Prior("Uniform", lower=0.0, upper=_limit(parameter.max, 1.0))
    if bare == "phi":
        half_turn = 90.0 * _degree(parameter)
        return Prior("Uniform", lower=parameter.value - half_turn, upper=parameter.value + half_turn)
    return Prior("Flat")


def _limit(value: float, default: float) -> float:
    return default if math.isnan(value) else value


def _scale(parameter: Parameter) -> float:
    """Return five times the start value; one canonical unit where that is zero."""
    return 5.0 * abs(parameter.value) or 1.0 / parameter.canonical_factor


def _degree(parameter: Parameter) -> float:
    """Return one degree in the parameter's unit."""
    return 1.0 / parameter.canonical_factor
