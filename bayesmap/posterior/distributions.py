"""From a stated prior to a PyMC distribution of the parameter, in the parameter's unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.continuous import HalfStudentTRV
from pymc.distributions.transforms import Interval, _default_transform
from pymc.logprob.utils import ParameterValueError
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable

from bayesmap.errors import PriorError
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior

FLAT_TYPES = ("Flat", "HalfFlat", "Uniform", "UniformPrior")
ENDS = {"LogitNormal": (0.0, 1.0), "VonMisesRV": (-math.pi, math.pi)}
"""Support of distributions for which PyMC has no transform, or (on the circle) one that is not unique."""


def build_distribution(prior: Any, parameter: Parameter, name: str) -> tuple[Any, Any]:
    r"""Return the distribution of a parameter and the transform to an unbounded coordinate.

    The parameter's declared limits cut the prior, which stays normalised:
    :math:`p(x) \propto \pi(x)` for min <= x <= max.  A flat prior with fewer than two limits is improper.

    Parameters
    ----------
    prior : Prior or PyMC distribution
        The latter made with ``pm.Something.dist(...)``, in the parameter's unit.
    parameter : Parameter
        Gives unit, limits and the start value, at which the prior must have support.
    name : str
        Qualified name, for messages.

    Returns
    -------
    distribution : TensorVariable
        Scalar random variable that belongs to no model yet.
    transform : Transform or None
        PyMC's transform.

    Raises
    ------
    PriorError
        BM-PR-001 for something that is no prior; BM-PR-002 units; BM-PR-003 arguments that PyMC refuses; BM-PR-004 no
        support at the start value.
    """
    try:
        if isinstance(prior, Prior):
            check_weight(prior)
            if prior.type in FLAT_TYPES:
                return _flat(prior, parameter, name)
        distribution = _truncated(_distribution(prior, parameter, name), parameter)
        transform = default_transform(distribution)
        _check_support(distribution, parameter, prior, name)
    except (ParameterValueError, TypeError, ValueError, NotImplementedError) as error:
        raise PriorError(
            "BM-PR-003",
            what=f"the prior {_words(prior)} of {name} is refused by PyMC: {error}",
            rule="Arguments must be those of the distribution, and limits need one whose cumulative function is known",
            remedy="Correct the arguments, or choose another distribution",
        ) from error
    return distribution, transform


def default_transform(distribution: Any) -> Any:
    """Return the transform of a distribution to unbounded values, or None: PyMC's, unless that misses the support."""
    op = distribution.owner.op
    kind = type(op).__name__
    if kind in ENDS:
        return Interval(*ENDS[kind])
    if kind == "WaldRV":
        return Interval(lower=float(evaluate(op.dist_params(distribution.owner)[-1])), upper=None)
    return _default_transform(op, distribution)


def exact(value: float) -> Any:
    """Return a number as a float64 constant: PyTensor makes 2.5 a float32, and with it the log-density."""
    return pt.constant(np.float64(value))


def fresh(distribution: Any) -> Any:
    """Return the same distribution with a random generator of its own."""
    return distribution.owner.clone().outputs[distribution.owner.outputs.index(distribution)]


def evaluate(expression: Any) -> np.ndarray:
    """Return the value of an expression of constants, node by node: it is needed once, and compiling takes longer."""
    with np.errstate(over="ignore", divide="ignore"):
        return np.asarray(expression.eval(mode=Mode(linker="py", optimizer=None)))


def support_of(distribution: Any, transform: Any) -> tuple[float, float]:
    """Return the ends of a scalar distribution's support, from its transform."""
    if transform is None:
        return -math.inf, math.inf
    inputs = distribution.owner.inputs
    ends = [float(evaluate(transform.backward(pt.constant(end), *inputs))) for end in (-np.inf, np.inf)]
    return min(ends), max(ends)


def check_weight(prior: Prior) -> None:
    """Refuse a weight where no distribution has it as its power.

    Raises
    ------
    PriorError
        BM-PR-005.
    """
    if prior.weight != 1.0 and prior.type not in ("GaussianPrior", "GeneralizedGaussianPrior", "UniformPrior"):
        raise PriorError(
            "BM-PR-005",
            what=f"the prior {prior} has weight {prior.weight:g}",
            rule="A weight, the power of the density, is known for Gaussian priors only",
            remedy="Leave out the weight, or state a narrower distribution",
        )


def _flat(prior: Prior, parameter: Parameter, name: str) -> tuple[Any, Any]:
    arguments = prior.arguments(parameter.unit)
    own = 0.0 if prior.type == "HalfFlat" else arguments.get("lower", arguments.get("min", -math.inf))
    low = max(own, _or(parameter.min, -math.inf))
    high = min(arguments.get("upper", arguments.get("max", math.inf)), _or(parameter.max, math.inf))
    if math.isfinite(low) and math.isfinite(high):
        distribution = pm.Uniform.dist(exact(low), exact(high))
        _check_support(distribution, parameter, prior, name)
        return distribution, default_transform(distribution)
    if not low <= parameter.value <= high:
        raise _no_support(parameter, prior, name, -math.inf)
    if math.isinf(low) and math.isinf(high):
        return pm.Flat.dist(), None
    return pm.Flat.dist(), Interval(lower=None if math.isinf(low) else low, upper=None if math.isinf(high) else high)


def _or(value: float, default: float) -> float:
    return default if math.isnan(value) else value


def _distribution(prior: Any, parameter: Parameter, name: str) -> Any:
    """Return the distribution as stated, without the parameter's limits."""
    if isinstance(prior, Variable) and prior.owner is not None:
        return prior
    if not isinstance(prior, Prior):
        raise PriorError(
            "BM-PR-001",
            what=f"the prior of {name} is {type(prior).__name__} {str(prior)[:60]}",
            rule="A prior is a bayesmap.Prior or a PyMC distribution without a model",
            remedy='Write for example Prior("Normal", mu=2.5, sigma=0.5), or pm.Normal.dist(2.5, 0.5)',
        )
    arguments = prior.arguments(parameter.unit)
    if prior.type == "GaussianPrior":
        return pm.Normal.dist(exact(arguments["mu"]), exact(arguments["sigma"] / math.sqrt(prior.weight)))
    if prior.type == "GeneralizedGaussianPrior":
        return _generalized_gaussian(arguments, prior.weight)
    if prior.type == "LogUniformPrior":
        low = max(arguments["min"], _or(parameter.min, 0.0))
        return _log_uniform(low, min(arguments["max"], _or(parameter.max, math.inf)))
    return getattr(pm, prior.type).dist(**{key: exact(value) for key, value in arguments.items()})


def _generalized_gaussian(arguments: dict[str, float], weight: float) -> Any:
    r"""Return :math:`p \propto \exp(-|(x - \mu)/(\sqrt2\,\sigma)|^{1/\eta})`, Gammapy's `GeneralizedGaussianPrior`."""
    power = 1.0 / arguments["eta"]
    scale = arguments["sigma"] * math.sqrt(2.0) / weight ** (1.0 / power)

    def logp(value: Any, mu: Any) -> Any:
        norm = math.log(power / (2.0 * scale)) - math.lgamma(1.0 / power)
        return norm - pt.abs((value - mu) / scale) ** power

    def logcdf(value: Any, mu: Any) -> Any:
        inside = pt.gammainc(1.0 / power, pt.abs((value - mu) / scale) ** power)
        return pt.log(0.5 + 0.5 * pt.sign(value - mu) * inside)

    def dist(mu: Any, size: Any) -> Any:
        radius = scale * pm.Gamma.dist(1.0 / power, 1.0, size=size) ** (1.0 / power)
        return mu + radius * (2.0 * pm.Bernoulli.dist(0.5, size=size) - 1.0)

    return pm.CustomDist.dist(
        exact(arguments["mu"]), dist=dist, logp=logp, logcdf=logcdf, class_name="GeneralizedGaussian"
    )


def _log_uniform(low: float, high: float) -> Any:
    r"""Return :math:`p = 1 / (x \ln(b/a))` for a <= x <= b."""
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"a log-uniform prior needs 0 < min < max < infinity, it has {low:g} and {high:g}")

    def logp(value: Any, log_low: Any, log_high: Any) -> Any:
        inside = pt.and_(value >= pt.exp(log_low), value <= pt.exp(log_high))
        return pt.switch(inside, -pt.log(pt.switch(inside, value, 1.0)) - pt.log(log_high - log_low), -np.inf)

    def dist(log_low: Any, log_high: Any, size: Any) -> Any:
        return pt.exp(pm.Uniform.dist(log_low, log_high, size=size))

    ends = (exact(math.log(low)), exact(math.log(high)))
    distribution = pm.CustomDist.dist(*ends, dist=dist, logp=logp, class_name="LogUniform")
    return _with_interval(distribution, low, high)


def _with_interval(distribution: Any, low: float, high: float) -> Any:
    """Register the interval transform for the (one-off) type of a custom distribution."""
    interval = Interval(lower=low, upper=high)
    _default_transform.register(type(distribution.owner.op), lambda op, rv: interval)
    return distribution


def _truncated(distribution: Any, parameter: Parameter) -> Any:
    """Cut a distribution at the parameter's limits, where these lie inside its support."""
    low, high = support_of(distribution, default_transform(distribution))
    if not (parameter.min > low or parameter.max < high):
        return distribution
    # Both ends are stated: from a single one PyMC would take the other to be infinite.
    ends = {"lower": max(low, _or(parameter.min, low)), "upper": min(high, _or(parameter.max, high))}
    if isinstance(distribution.owner.op, HalfStudentTRV):
        # Between the same ends, and unlike the half one it has a cumulative function.
        nu, sigma = distribution.owner.op.dist_params(distribution.owner)
        distribution = pm.StudentT.dist(nu, exact(0.0), sigma=sigma)
    return pm.Truncated.dist(distribution, **{key: exact(end) for key, end in ends.items() if math.isfinite(end)})


def _check_support(distribution: Any, parameter: Parameter, prior: Any, name: str) -> None:
    value = float(evaluate(pm.logp(distribution, pt.constant(parameter.value))))
    if math.isnan(value) or value == -math.inf:
        raise _no_support(parameter, prior, name, value)


def _words(prior: Any) -> str:
    """Return a prior for messages; a distribution of PyMC shows its signature, which says nothing."""
    return str(prior) if isinstance(prior, Prior) else "made with PyMC"


def _no_support(parameter: Parameter, prior: Any, name: str, value: float) -> PriorError:
    start = f"{parameter.value:g} {parameter.unit}".strip()
    return PriorError(
        "BM-PR-004",
        what=f"the prior {_words(prior)} gives the start value {start} of {name} the log-density {value}",
        rule="The start value must lie where its prior has support",
        remedy="Change the start value, or the prior",
    )
