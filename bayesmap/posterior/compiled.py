"""Log-posterior, gradient, Hessian, Fisher matrix and predicted counts, compiled once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.forward import Fold
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.jaxify import jaxify
from bayesmap.posterior.likelihood import ObservedCounts


@dataclass(frozen=True)
class CompiledPosterior:
    """Functions of the coordinates theta.

    Parameters
    ----------
    coordinates : Coordinates
        Meaning of theta.
    functions : dict
        Name -> compiled JAX function of theta and the constants.
    constants : tuple
        Arrays that every function takes besides theta.
    """

    coordinates: Coordinates
    functions: dict[str, Callable[..., Any]]
    constants: tuple[Any, ...]

    def log_posterior(self, theta: np.ndarray) -> float:
        """Return the log-posterior density."""
        return float(self._call("log_posterior", theta))

    def log_likelihood(self, theta: np.ndarray) -> float:
        """Return the log-likelihood."""
        return float(self._call("log_likelihood", theta))

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-posterior and its gradient, shape (size,)."""
        value, gradient = self._call("value_and_gradient", theta)
        return float(value), np.asarray(gradient)

    def hessian(self, theta: np.ndarray) -> np.ndarray:
        """Return the Hessian of the log-posterior, shape (size, size), exact (forward over reverse)."""
        matrix = np.asarray(self._call("hessian", theta))
        return 0.5 * (matrix + matrix.T)

    def fisher(self, theta: np.ndarray) -> np.ndarray:
        """Return the expected information of the counts, shape (size, size)."""
        return np.asarray(self._call("fisher", theta))

    def npred(self, theta: np.ndarray) -> np.ndarray:
        """Return predicted counts, shape (n_energy, n_lat, n_lon)."""
        return np.asarray(self._call("npred", theta))

    def components(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return predicted counts of every model by name."""
        return {name: np.asarray(value) for name, value in self._call("components", theta).items()}

    def _call(self, name: str, theta: np.ndarray) -> Any:
        return self.functions[name](jnp.asarray(theta, dtype=jnp.float64), self.constants)


def compile_posterior(fold: Fold, counts: ObservedCounts, coordinates: Coordinates) -> CompiledPosterior:
    """Build and compile the functions; XLA compiles each at its first call.

    Parameters
    ----------
    fold : Fold
        Forward model.
    counts : ObservedCounts
        Data.
    coordinates : Coordinates
        Coordinates.
    """
    theta = pt.tensor("theta", dtype="float64", shape=(coordinates.size,))
    parameters = coordinates.graph(theta)
    npred = fold.npred(parameters)
    supported = pt.switch(fold.no_support(parameters), -np.inf, 0.0)
    log_likelihood = counts.log_likelihood(npred) + supported
    parts = fold.components(parameters)
    # One graph for all outputs: PyTensor rewrites it once, and XLA drops what a function does not use.
    outputs, constants = jaxify([theta], [log_likelihood, npred, npred * counts.mask, *parts.values()])
    log_posterior = partial(_output, outputs, 0)
    functions = {
        "log_posterior": jax.jit(log_posterior),
        "log_likelihood": jax.jit(log_posterior),
        "value_and_gradient": jax.jit(jax.value_and_grad(log_posterior)),
        "hessian": jax.jit(partial(_hessian, log_posterior)),
        "fisher": jax.jit(partial(_fisher, partial(_output, outputs, 2))),
        "npred": jax.jit(partial(_output, outputs, 1)),
        "components": jax.jit(partial(_named, outputs, tuple(parts))),
    }
    return CompiledPosterior(coordinates, functions, constants)


def _output(function: Callable[..., Any], index: int, theta: Any, constants: Any) -> Any:
    return function(theta, *constants)[index]


def _named(function: Callable[..., Any], names: tuple[str, ...], theta: Any, constants: Any) -> Any:
    return dict(zip(names, function(theta, *constants)[3:], strict=True))


def _columns(function: Callable[..., Any], theta: Any) -> Any:
    """Return the derivative of a function by each coordinate, one after the other.

    Not all at once, as `jax.jacfwd` does: the cubes of one direction stay in the processor's cache, those of ten do
    not.
    """
    return jax.lax.map(lambda direction: jax.jvp(function, (theta,), (direction,))[1], jnp.eye(theta.size))


def _hessian(log_posterior: Callable[..., Any], theta: Any, constants: Any) -> Any:
    """Return the Hessian by forward over reverse differentiation."""
    return _columns(lambda point: jax.grad(log_posterior)(point, constants), theta)


def _fisher(npred: Callable[..., Any], theta: Any, constants: Any) -> Any:
    r"""Return :math:`\sum_q \partial_a\mu_q\,\partial_b\mu_q / \mu_q` over the mask."""
    mu = npred(theta, constants).ravel()
    slopes = _columns(lambda point: npred(point, constants).ravel(), theta)
    return (slopes / jnp.where(mu > 0.0, mu, jnp.inf)) @ slopes.T
