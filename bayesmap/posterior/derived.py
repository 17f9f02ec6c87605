r"""Priors on derived quantities as random variables of the parameter, given the other parameters.

.. math:: \ln p(x \mid y) = \ln p_F(F(x, y)) + \ln\left|\frac{\partial F}{\partial x}\right|

A draw is x(F, y), with F from its prior and y from theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Interval

from bayesmap.errors import PriorError
from bayesmap.models.derived_prior import DerivedPrior
from bayesmap.models.link import names_in
from bayesmap.models.parameter import Parameter, limit_text
from bayesmap.models.prior import Prior
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.distributions import build_distribution, default_transform, exact, fresh, support_of
from bayesmap.posterior.variables import Variable

PROPORTIONAL = 1e-9
"""Relative difference of F(2x) from 2 F(x) up to which F counts as proportional to x."""


@dataclass(frozen=True)
class Conditional:
    """Distribution of a parameter given others, such that a derived quantity has its prior.

    Parameters
    ----------
    coordinates : Coordinates
        Meaning of theta.
    index : int
        Entry of theta that holds the parameter.
    parents : tuple of int
        Entries that the quantity depends on besides.
    prior : DerivedPrior
        As stated.
    stated : TensorVariable
        Distribution of the quantity in the prior's unit.
    """

    coordinates: Coordinates
    index: int
    parents: tuple[int, ...]
    prior: DerivedPrior
    stated: Any

    def distribution(self, theta: Sequence[Any] | Any) -> Any:
        """Return the distribution of the parameter, in its unit, given theta (its own entry is not used)."""
        parents = [pt.as_tensor(theta[i]) for i in self.parents]
        return pm.CustomDist.dist(
            exact(0.0), *parents, dist=self._draw, logp=self._logp, class_name="DerivedPrior", support_point=self._start
        )

    def _start(self, *_: Any) -> Any:
        return pt.constant(np.float64(self.coordinates.start[self.index]))

    def _logp(self, value: Any, _: Any, *parents: Any) -> Any:
        formula, arguments = self.prior.formula, self._arguments(value, parents)
        found = formula.value(pt, *arguments) / self.prior.factor
        slope = formula.slope(pt, *arguments) * (self._parameter.canonical_factor / self.prior.factor)
        return pm.logp(self.stated, found) + pt.log(pt.abs(slope))

    def _draw(self, _: Any, *parents_and_size: Any) -> Any:
        *parents, _size = parents_and_size
        model, values, own, band = self._arguments(exact(1.0), parents)
        drawn = {**values, own: fresh(self.stated) * self.prior.factor}
        return self.prior.formula.inverse(pt, model, drawn, own, band) / self._parameter.canonical_factor

    def _arguments(self, value: Any, parents: Sequence[Any]) -> tuple[SpectralModel, dict[str, Any], str, Any]:
        """Return the arguments of the quantity's formulas: model, values, the parameter's name there, band."""
        theta = [exact(number) for number in self.coordinates.start]
        for i, parent in zip((self.index, *self.parents), (value, *parents), strict=True):
            theta[i] = parent
        source, kind, own = self._name.rsplit(".", 2)
        values = self.coordinates.graph(pt.stack(theta)).of(source, kind)
        return _spectrum(self.coordinates, self._name), values, own, self.prior.band

    @property
    def _name(self) -> str:
        return self.coordinates.names[self.index]

    @property
    def _parameter(self) -> Parameter:
        return self.coordinates.models.parameters[self._name]


def derived_variable(prior: DerivedPrior, name: str, coordinates: Coordinates) -> Variable:
    """Return the random variable of a parameter whose prior is stated on a derived quantity.

    Parameters
    ----------
    prior : DerivedPrior
        As stated.
    name : str
        Qualified name of the parameter.
    coordinates : Coordinates
        Meaning of theta.

    Raises
    ------
    PriorError
        BM-PR-015 for a parameter that the quantity does not follow from, limits, an improper prior, or a start value at
        which it is not known; and see `build_distribution` for the prior.
    """
    _check(prior, name, coordinates)
    parameter, index = coordinates.models.parameters[name], coordinates.names.index(name)
    value = _start_value(prior, name, coordinates)
    stated, _ = build_distribution(
        prior.prior, Parameter(prior.quantity, value, prior.unit), f"the {prior.quantity} of {name}"
    )
    low, _high = support_of(stated, default_transform(stated))
    positive = low >= 0.0
    if not positive and prior.formula.parameters:
        raise _bad(
            prior, name, "may be negative", f"{prior.quantity} is above zero", "State a prior on positive numbers"
        )
    _check_limits(prior, name, parameter, positive=positive)
    parents = () if prior.formula.alone else _parents(name, coordinates)
    conditional = Conditional(coordinates, index, parents, prior, stated)
    transform = Interval(lower=0.0, upper=None) if positive else None
    distribution = conditional.distribution([exact(number) for number in coordinates.start])
    return Variable(name, (index,), distribution, transform, str(prior), parameter.unit, conditional=conditional)


def _check(prior: DerivedPrior, name: str, coordinates: Coordinates) -> None:
    _, kind, own = name.rsplit(".", 2)
    if kind != "spectral" or (prior.formula.parameters and own not in prior.formula.parameters):
        wanted = " or ".join(prior.formula.parameters) or "the amplitude of a spectrum"
        raise _bad(prior, name, f"stands on {own}", f"A prior on {prior.quantity} stands on {wanted}", "Move it there")
    if isinstance(prior.prior, Prior) and prior.prior.type in ("Flat", "HalfFlat"):
        raise _bad(prior, name, "is flat without end", "A prior on a derived quantity is proper", "Use Uniform")
    if _spectrum(coordinates, name).is_norm:
        raise _bad(prior, name, "stands on a norm model", "Fluxes are those of sources", "State a prior on the norm")


def _check_limits(prior: DerivedPrior, name: str, parameter: Parameter, *, positive: bool) -> None:
    implied = positive and parameter.min <= 0.0
    if (not math.isnan(parameter.min) and not implied) or not math.isnan(parameter.max):
        limits = f"has a parameter with the limits [{limit_text(parameter.min, 'g')}, {limit_text(parameter.max, 'g')}]"
        raise _bad(
            prior, name, limits, "Limits would cut the quantity's prior", "Remove them, or limit the prior itself"
        )


def _start_value(prior: DerivedPrior, name: str, coordinates: Coordinates) -> float:
    """Return the quantity at the start values, in the prior's unit; check that its formula holds there."""
    model, own = _spectrum(coordinates, name), name.rsplit(".", 1)[1]
    values = {item.name: item.canonical_value for item in _start_parameters(coordinates, name)}
    with np.errstate(all="ignore"):
        value = (
            float(np.divide(prior.formula.value(np, model, values, own, prior.band), prior.factor))
            if values[own]
            else math.inf
        )
        slope = float(prior.formula.slope(np, model, values, own, prior.band)) if values[own] else math.nan
    if not (math.isfinite(value) and value > 0.0 and math.isfinite(slope) and slope != 0.0):
        reason = f"is not known at the start value {values[own]:g}"
        raise _bad(prior, name, reason, "The start value gives a finite quantity above zero", "Change the start value")
    if not prior.formula.parameters:
        doubled = float(
            prior.formula.value(np, model, {**values, own: 2.0 * values[own]}, own, prior.band) / prior.factor
        )
        if not math.isclose(doubled, 2.0 * value, rel_tol=PROPORTIONAL):
            reason = f"is not proportional to {own}"
            raise _bad(
                prior, name, reason, "A flux prior stands on a factor of the spectrum", "Choose such a parameter"
            )
    return value


def _start_parameters(coordinates: Coordinates, name: str) -> tuple[Parameter, ...]:
    prefix = name.rsplit(".", 1)[0]
    table = coordinates.models.parameters
    return tuple(table[f"{prefix}.{item.name}"] for item in _spectrum(coordinates, name).parameters)


def _spectrum(coordinates: Coordinates, name: str) -> Any:
    source, kind, _ = name.rsplit(".", 2)
    return coordinates.models[source].components[kind]


def _parents(name: str, coordinates: Coordinates) -> tuple[int, ...]:
    """Return the entries of theta that the quantity depends on, without the parameter's own."""
    prefix, own = name.rsplit(".", 1)
    siblings = [f"{prefix}.{item.name}" for item in _start_parameters(coordinates, name) if item.name != own]
    roots = {sibling: _roots(sibling, coordinates) for sibling in siblings}
    index = coordinates.names.index(name)
    followers = [sibling for sibling, found in roots.items() if index in found]
    if followers:
        raise PriorError(
            "BM-PR-016",
            what=f"{', '.join(followers)} {'follow' if len(followers) > 1 else 'follows'} from {name}, which has a "
            "derived prior",
            rule="A derived prior holds for the parameter alone, given the others",
            remedy=f"Remove the link of {' and of '.join(followers)}",
        )
    return tuple(sorted(set().union(*roots.values())))


def _roots(name: str, coordinates: Coordinates) -> set[int]:
    """Return the entries of theta that a parameter's value follows from."""
    parameter = coordinates.models.parameters[name]
    if parameter.link:
        return set().union(*(_roots(other, coordinates) for other in names_in(parameter.link)))
    if name not in coordinates.names:
        return set()
    index = coordinates.names.index(name)
    if index in coordinates.pooled:
        pool = coordinates.pooled[index]
        return {index} | {item for item in (pool.mean, pool.spread) if isinstance(item, int)}
    moving = [pair for pair in coordinates.moving.values() if index in pair]
    return set(moving[0]) if moving else {index}


def _bad(prior: DerivedPrior, name: str, reason: str, rule: str, remedy: str) -> PriorError:
    return PriorError("BM-PR-015", what=f"the prior {prior} of {name} {reason}", rule=rule, remedy=remedy)
