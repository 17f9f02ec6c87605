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
FLUXES = ("amplitude", "value", "const")
ENERGIES = ("ebreak", "ecut", "mean", "escale", "emin", "emax", "reference")
POSITIONS = ("lon_0", "lat_0")
SIZES = ("sigma", "r_0", "radius", "width")
FIELD = ("scatter", "length")
PARTS = ("model1_", "model2_")
"""In front of a name that both parts of a compound spectrum have."""
LINE = "GaussianSpectralModel"
OF_ONE_MODEL = {
    ("ExpCutoffPowerLawSpectralModel", "alpha"): Prior("LogNormal", mu=0.0, sigma=0.5),
    ("ExpCutoffPowerLawNormSpectralModel", "alpha"): Prior("LogNormal", mu=0.0, sigma=0.5),
    ("ExpCutoffPowerLawNormSpectralModel", "index"): Prior("Normal", mu=0.0, sigma=1.0),
    ("LogParabolaNormSpectralModel", "alpha"): Prior("Normal", mu=0.0, sigma=1.0),
    ("SmoothBrokenPowerLawSpectralModel", "beta"): Prior("LogNormal", mu=0.0, sigma=1.0),
    ("SuperExpCutoffPowerLaw3FGLSpectralModel", "index_2"): Prior("LogNormal", mu=0.0, sigma=0.7),
    ("SuperExpCutoffPowerLaw4FGLSpectralModel", "index_2"): Prior("LogNormal", mu=0.0, sigma=0.7),
    ("SuperExpCutoffPowerLaw4FGLDR3SpectralModel", "index_2"): Prior("Normal", mu=0.7, sigma=0.7),
}
"""Where a name means something else in one model: alpha and index_2 as the power of a cut-off, beta as a softness."""


def default_prior(model: str, parameter: Parameter, map_radius: float) -> Prior:
    """Return the default prior of a parameter, in the parameter's own unit.

    Parameters
    ----------
    model : str
        Class of the spectral or spatial model; in a compound spectrum of the part.
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
    while bare.startswith(PARTS):
        bare = bare[len(PARTS[0]) :]
    parameter = parameter.replace(name=bare)
    if (model, bare) in OF_ONE_MODEL:
        return OF_ONE_MODEL[model, bare]
    if bare in ("norm", "alpha_norm") or bare.startswith("norm_"):
        return Prior("HalfNormal", sigma=2.0)
    if bare in INDICES:
        return Prior("Normal", mu=2.5, sigma=1.5)
    if bare in ENERGIES or (model, bare) == (LINE, "sigma"):
        return _energy(parameter)
    known = _scaled(parameter, map_radius)
    return _around_start(parameter) if model == "ExpressionSpectralModel" and known.type == "Flat" else known


def _energy(parameter: Parameter) -> Prior:
    """Return a prior about the start value, a factor of 4.5 wide; half a Gaussian where that is zero."""
    if parameter.value <= 0.0:
        return Prior("HalfNormal", sigma=_scale(parameter))
    return Prior("LogNormal", mu=math.log(parameter.value), sigma=1.5)


def _around_start(parameter: Parameter) -> Prior:
    """Return the prior of a parameter of the user's own formula."""
    return Prior("StudentT", nu=3.0, mu=parameter.value, sigma=_scale(parameter))


def _scaled(parameter: Parameter, map_radius: float) -> Prior:
    if parameter.name in CURVATURES:
        return Prior("Normal", mu=0.0, sigma=1.0)
    if parameter.name in FLUXES:
        return Prior("HalfStudentT", nu=3.0, sigma=_scale(parameter))
    if parameter.name in ("lambda_", "expfactor"):
        # The cut-off may come out slightly negative where there is none: only declared limits are support.
        return Prior("StudentT", nu=3.0, mu=0.0, sigma=_scale(parameter))
    if parameter.name in SIZES:
        return Prior("HalfNormal", sigma=map_radius * _degree(parameter))
    if parameter.name in FIELD:
        return _of_a_field(parameter)
    return _bounded(parameter.name, parameter)


def _of_a_field(parameter: Parameter) -> Prior:
    """Return the prior of a hyperparameter of a correlated field: a length cannot leave the one that its sines hold."""
    if parameter.name == "scatter":
        return Prior("HalfNormal", sigma=0.3)
    return Prior("LogNormal", mu=math.log(parameter.value), sigma=0.3)


def _bounded(bare: str, parameter: Parameter) -> Prior:
    if bare == "redshift":
        return Prior("HalfNormal", sigma=1.0)
    if bare == "e":
        return Prior("Uniform", lower=0.0, upper=min(1.0, _limit(parameter.max, 1.0)))
    if bare == "eta":
        return Prior("Uniform", lower=_limit(parameter.min, 0.0), upper=_limit(parameter.max, 1.0))
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
