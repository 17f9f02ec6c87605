r"""Free parameters as random variables, and the unbounded coordinates z that samplers move in.

theta holds one number per free parameter in its own unit (see `coordinates`); z is PyMC's value vector of the same
length, theta = b(z) entry by entry with PyMC's transforms (log for positive, logit for bounded parameters), and

.. math:: \ln p(z \mid n) = \ln p(\theta(z) \mid n) + \sum_i \ln |b_i'(z_i)| .
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.distributions import evaluate, support_of
from bayesmap.posterior.position import PositionPrior

DEVIATE = ".deviate"
"""End of the name of the variable that stands for a pooled parameter."""


@dataclass(frozen=True)
class Variable:
    """One random variable: a free parameter, or the position of a source.

    Parameters
    ----------
    name : str
        Name in the PyMC model.
    indices : tuple of int
        Entries of theta that it holds.
    distribution : TensorVariable
        Prior, not yet part of a model.
    transform : Transform or None
        PyMC's transform to an unbounded coordinate.
    text : str
        The prior in words.
    unit : str
        Unit of its values.
    position : PositionPrior, optional
        For the position of a source.
    """

    name: str
    indices: tuple[int, ...]
    distribution: Any
    transform: Any
    text: str
    unit: str
    position: PositionPrior | None = None

    def part(self, theta: Any) -> Any:
        """Return its value out of theta (tensor or array): a scalar, or a vector for a position."""
        return theta[self.indices[0]] if self.position is None else theta[list(self.indices)]


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
        terms = [pt.sum(pm.logp(item.distribution, item.part(theta))) for item in self.items]
        return pt.sum(pt.stack(terms)) if terms else pt.constant(0.0)

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
        return pt.stack(theta), pt.stack(slopes)

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
        lower, upper = np.full(self.coordinates.size, -np.inf), np.full(self.coordinates.size, np.inf)
        for item in self.items:
            if item.position is None:
                (i,) = item.indices
                lower[i], upper[i] = support_of(item.distribution, item.transform)
        return lower, upper

    def declare(self, model: pm.Model) -> Any:
        """Register the variables with a PyMC model and return theta as a tensor of them.

        Longitude and latitude of moving sources, and pooled parameters, join as deterministic variables.
        """
        theta: list[Any] = [None] * self.coordinates.size
        for item in self.items:
            fresh = item.distribution.owner.clone().outputs[item.distribution.owner.outputs.index(item.distribution)]
            dims = None if item.position is None else ("offset",)
            variable = model.register_rv(fresh, item.name, dims=dims, transform=item.transform, default_transform=None)
            for k, i in enumerate(item.indices):
                theta[i] = variable if item.position is None else variable[k]
            if item.position is not None:
                for bare, value in zip(("lon_0", "lat_0"), item.position.lon_lat(variable), strict=True):
                    pm.Deterministic(f"{item.name.removesuffix('position')}{bare}", value)
        together = pt.stack(theta) if theta else pt.zeros((0,))
        for i, pool in self.coordinates.pooled.items():
            pm.Deterministic(self.coordinates.names[i], pool.values(pt, together, i))
        return together

    def values(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return theta as values of the random variables by name."""
        return {item.name: np.asarray(item.part(theta)) for item in self.items}

    def table(self) -> dict[str, str]:
        """Return the prior of each variable in words, by name."""
        return {item.name: item.text for item in self.items}
