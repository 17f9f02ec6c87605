r"""Free parameters as random variables, and the unbounded coordinates z that samplers move in.

theta holds one number per free parameter in its own unit (see `coordinates`); z is PyMC's value vector of the same
length, theta = b(z) entry by entry with PyMC's transforms (log for positive, logit for bounded parameters), and

.. math:: \ln p(z \mid n) = \ln p(\theta(z) \mid n) + \sum_i \ln |b_i'(z_i)| .
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesmap.errors import PriorError
from bayesmap.models.link import model_of
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.distributions import evaluate, fresh, support_of
from bayesmap.posterior.graph_digest import graph_digest
from bayesmap.posterior.position import PositionPrior

DEVIATE = ".deviate"
"""End of the name of the variable that stands for a pooled parameter."""


class Given(Protocol):
    """What a prior that depends on other parameters has to offer (see `derived`)."""

    @property
    def parents(self) -> tuple[int, ...]:
        """Entries of theta that it depends on."""

    def distribution(self, theta: Any) -> Any:
        """Return the distribution, given theta."""


@dataclass(frozen=True)
class Variable:
    """One random variable: a free parameter, several with a common prior, or the position of a source.

    Parameters
    ----------
    name : str
        Name in the PyMC model.
    indices : tuple of int
        Entries of theta that it holds.
    distribution : TensorVariable
        Prior, not yet part of a model; where it depends on other parameters, that at their start values.
    transform : Transform or None
        PyMC's transform to an unbounded coordinate.
    text : str
        The prior in words.
    unit : str
        Unit of its values.
    position : PositionPrior, optional
        For the position of a source.
    conditional : Given, optional
        Prior that depends on other parameters.
    """

    name: str
    indices: tuple[int, ...]
    distribution: Any
    transform: Any
    text: str
    unit: str
    position: PositionPrior | None = None
    conditional: Given | None = None

    @property
    def is_vector(self) -> bool:
        """True for a position, or parameters with a common prior."""
        return len(self.indices) > 1

    def part(self, theta: Any) -> Any:
        """Return its value out of theta (tensor or array): a scalar or a vector."""
        return theta[list(self.indices)] if self.is_vector else theta[self.indices[0]]

    @property
    def is_proper(self) -> bool:
        """True if the prior has an integral, so that it can be drawn from."""
        flat = type(self.distribution.owner.op).__name__ in ("FlatRV", "HalfFlatRV")
        return not flat and (self.position is None or self.position.is_proper)

    def given(self, theta: Any) -> Any:
        """Return its distribution, given the other parameters."""
        return self.distribution if self.conditional is None else self.conditional.distribution(theta)


@dataclass(frozen=True)
class Variables:
    """All free parameters of a fit.

    Parameters
    ----------
    coordinates : Coordinates
        Meaning of theta.
    items : tuple of Variable
        Random variables; together they hold each entry of theta once.
    chosen : dict
        Stated prior of each free parameter by qualified name.
    """

    coordinates: Coordinates
    items: tuple[Variable, ...]
    chosen: Mapping[str, Any]

    def log_prior(self, theta: Any) -> Any:
        """Return the log-prior density of theta as a scalar tensor."""
        terms = [pt.sum(pm.logp(item.given(theta), item.part(theta))) for item in self.items]
        return pt.sum(pt.stack(terms)) if terms else pt.constant(0.0)

    def log_prior_of(self, source: str, theta: np.ndarray) -> float:
        """Return the log-prior density, a number, of the variables that hold parameters of one model."""
        names = self.coordinates.names
        items = [item for item in self.items if any(model_of(names[i]) == source for i in item.indices)]
        point = pt.constant(np.asarray(theta, dtype=np.float64))
        return float(sum(evaluate(pt.sum(pm.logp(item.given(point), item.part(point)))) for item in items))

    def backward(self, z: Any) -> tuple[Any, Any]:
        """Return theta and the logarithms of its slopes by z, two tensors of shape (size,)."""
        theta, slopes = [z[i] for i in range(self.coordinates.size)], [pt.constant(0.0)] * self.coordinates.size
        for item in self.items:
            if item.transform is not None:
                inputs = item.distribution.owner.inputs
                value = pt.atleast_1d(item.transform.backward(item.part(z), *inputs))
                for k, i in enumerate(item.indices):
                    theta[i] = value[k]
                # That of a position is a constant for both its entries.
                slopes[item.indices[0]] = item.transform.log_jac_det(item.part(z), *inputs)
        return (pt.stack(theta), pt.stack(slopes)) if theta else (pt.zeros((0,)), pt.zeros((0,)))

    def forward(self, theta: np.ndarray) -> np.ndarray:
        """Return z of theta; infinite for a parameter at the end of its support."""
        z = np.array(theta, dtype=np.float64)
        for item in self.items:
            if item.transform is not None:
                value = pt.constant(np.asarray(item.part(theta), dtype=np.float64))
                z[list(item.indices)] = evaluate(item.transform.forward(value, *item.distribution.owner.inputs))
        return z

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper end of the support of each entry of theta."""
        return self._bounds

    @cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        lower, upper = np.full(self.coordinates.size, -np.inf), np.full(self.coordinates.size, np.inf)
        for item in self.items:
            if not item.is_vector:
                (i,) = item.indices
                lower[i], upper[i] = support_of(item.distribution, item.transform)
        lower.flags.writeable = upper.flags.writeable = False
        return lower, upper

    def declare(self, model: pm.Model) -> Any:
        """Register the variables with a PyMC model and return theta as a tensor of them.

        Longitude and latitude of moving sources, and pooled parameters, join as deterministic variables.
        """
        theta: list[Any] = [None] * self.coordinates.size
        for item in self.in_order():
            own = fresh(item.distribution) if item.conditional is None else item.given(theta)
            dims = None if item.position is None else ("offset",)
            variable = model.register_rv(own, item.name, dims=dims, transform=item.transform, default_transform=None)
            for k, i in enumerate(item.indices):
                theta[i] = variable[k] if item.is_vector else variable
            for name, value in self._deterministic(item, variable):
                pm.Deterministic(name, value)
        together = pt.stack(theta) if theta else pt.zeros((0,))
        for i, pool in self.coordinates.pooled.items():
            pm.Deterministic(self.coordinates.names[i], pool.values(pt, together, i))
        return together

    def _deterministic(self, item: Variable, variable: Any) -> list[tuple[str, Any]]:
        """Return name and tensor of the parameters that a vector stands for."""
        if item.position is not None:
            source = item.name.removesuffix("position")
            return [(f"{source}{bare}", value) for bare, value in
                    zip(("lon_0", "lat_0"), item.position.lon_lat(variable), strict=True)]  # fmt: skip
        return [(self.coordinates.names[i], variable[k]) for k, i in enumerate(item.indices)] if item.is_vector else []

    def in_order(self) -> tuple[Variable, ...]:
        """Return the variables, each after those that its prior depends on.

        Raises
        ------
        PriorError
            BM-PR-016 where priors depend on each other in a circle.
        """
        done: list[Variable] = []
        left = list(self.items)
        while left:
            known = {i for item in done for i in item.indices}
            ready = [item for item in left if item.conditional is None or known >= set(item.conditional.parents)]
            if not ready:
                raise PriorError(
                    "BM-PR-016",
                    what=f"the priors of {', '.join(item.name for item in left)} depend on each other",
                    rule="Derived priors follow one another",
                    remedy="State the prior of one of them on the parameter itself",
                )
            done += ready
            known.update(i for item in ready for i in item.indices)
            left = [item for item in left if not known.issuperset(item.indices)]
        return tuple(done)

    def draw(self, draws: int, random_seed: int | np.random.Generator, *, improper: bool = False) -> np.ndarray:
        """Return draws of theta from the priors, shape (draws, size).

        Parameters
        ----------
        draws : int
            How many.
        random_seed : int or Generator
            Seed.
        improper : bool
            True to fill entries without a proper prior, and those that depend on them, with NaN.

        Raises
        ------
        NotImplementedError
            Of PyMC, for a prior without an integral.
        """
        theta: list[Any] = [None] * self.coordinates.size
        variables = {}
        for item in self.in_order():
            unknown = improper and not item.is_proper
            variable = pt.full((len(item.indices),), np.nan).squeeze() if unknown else item.given(theta)
            variables[item.name] = variable
            for k, i in enumerate(item.indices):
                theta[i] = variable[k] if item.is_vector else variable
        found = pm.draw([variables[item.name] for item in self.items], draws=draws, random_seed=random_seed)
        values = np.empty((draws, self.coordinates.size))
        for item, drawn in zip(self.items, found, strict=True):
            values[:, list(item.indices)] = np.reshape(drawn, (draws, -1))
        return values

    def values(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return theta as values of the random variables by name."""
        return {item.name: np.asarray(item.part(theta)) for item in self.items}

    def digest(self) -> str:
        """Return the SHA-256 of the log-prior density: of its formula, with every number in full."""
        theta = pt.vector("theta", shape=(self.coordinates.size,))
        return graph_digest(self.log_prior(theta), theta)

    def table(self) -> dict[str, str]:
        """Return the prior of each variable in words, by name."""
        return {item.name: item.text for item in self.items}
