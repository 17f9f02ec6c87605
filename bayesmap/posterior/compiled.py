"""Log-posterior, gradient, Hessian, Fisher matrix and predicted counts, compiled once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.counted import CountedFold, build_counted
from bayesmap.fold.forward import Fold
from bayesmap.fold.ops.lazy import lazy_shares
from bayesmap.fold.spectrum import SpectrumFold
from bayesmap.posterior.branches import compile_branches
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.jaxify import jaxify
from bayesmap.posterior.likelihood import ObservedCounts
from bayesmap.posterior.on_off import ObservedOnOff
from bayesmap.posterior.traced import Traced
from bayesmap.posterior.variables import Variables

OF_A_DATASET = ("npred", "components", "spread")
"""Functions that each dataset has."""
FIRST_OF_DATASETS = 6
"""Outputs of the graph before those of the datasets: log-likelihood, log-prior, theta and its slopes by z, the shares
of images that may be left out, and whether the models can be evaluated."""
SHARES, SUPPORTED = 4, 5


@dataclass(frozen=True)
class CompiledPosterior:
    """Functions of the coordinates theta, and of the unbounded coordinates z.

    Parameters
    ----------
    variables : Variables
        Free parameters with their priors.
    functions : dict
        Name -> compiled JAX function of theta and the constants.
    constants : tuple
        Arrays that every function takes besides theta.
    constant_names : tuple of str
        Name of each.
    counts : dict
        Dataset name -> its counts.
    counted : dict
        Dataset name -> its forward model at the bins with counts; of maps.
    """

    variables: Variables
    functions: dict[str, Callable[..., Any]]
    constants: tuple[Any, ...]
    constant_names: tuple[str, ...]
    counts: Mapping[str, ObservedCounts | ObservedOnOff]
    counted: Mapping[str, CountedFold]

    def of(self, dataset: str) -> CompiledPosterior:
        """Return the same posterior, whose predicted counts are those of one dataset."""
        chosen = {name: self.functions[f"{dataset}/{name}"] for name in OF_A_DATASET}
        return dataclasses.replace(self, functions=self.functions | chosen, counts={dataset: self.counts[dataset]})

    def pointwise(self, theta: np.ndarray) -> np.ndarray:
        """Return the log-likelihood of each selected bin, shape (n_bin,)."""
        (counts,) = self.counts.values()
        return counts.pointwise(self.npred(theta), self.spread(theta))

    def spread(self, theta: np.ndarray) -> float:
        """Return the overdispersion of the counts; zero where they are Poisson."""
        return float(self._call("spread", theta))

    def draw(self, theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return random counts of every bin, shape of `npred`."""
        (counts,) = self.counts.values()
        return counts.draw(rng, self.npred(theta), self.spread(theta))

    @property
    def coordinates(self) -> Coordinates:
        """Meaning of theta."""
        return self.variables.coordinates

    def log_posterior(self, theta: np.ndarray) -> float:
        """Return the log-posterior density: log-likelihood plus log-prior of theta."""
        return float(self._call("log_posterior", theta))

    def log_likelihood(self, theta: np.ndarray) -> float:
        """Return the log-likelihood."""
        return float(self._call("log_likelihood", theta))

    def log_prior(self, theta: np.ndarray) -> float:
        """Return the log-prior density of theta."""
        return float(self._call("log_prior", theta))

    def supported(self, theta: np.ndarray) -> bool:
        """Return True where the models can be evaluated: each source on its maps, and inside its cut-out.

        The log-likelihood may be minus infinity there: where no counts are predicted in a bin that has some.
        """
        return bool(self._call("supported", theta))

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-posterior and its gradient, shape (size,)."""
        value, gradient = self._call("value_and_gradient", theta)
        return float(value), np.asarray(gradient)

    def prior_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-prior density of theta and its gradient, shape (size,)."""
        value, gradient = self._call("prior_and_gradient", theta)
        return float(value), np.asarray(gradient)

    def prior_hessian(self, theta: np.ndarray) -> np.ndarray:
        """Return the Hessian of the log-prior, shape (size, size)."""
        return np.asarray(self._call("prior_hessian", theta))

    def hessian(self, theta: np.ndarray) -> np.ndarray:
        """Return the Hessian of the log-posterior, shape (size, size), exact (forward over reverse)."""
        matrix = np.asarray(self._call("hessian", theta))
        return 0.5 * (matrix + matrix.T)

    def fisher(self, theta: np.ndarray) -> np.ndarray:
        """Return the expected information of the counts, shape (size, size)."""
        return np.asarray(self._call("fisher", theta))

    def npred(self, theta: np.ndarray) -> np.ndarray:
        """Return predicted counts, shape (n_energy, n_lat, n_lon); of several datasets, see `of`."""
        return np.asarray(self._call("npred", theta))

    def components(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return predicted counts of every model by name."""
        return {name: np.asarray(value) for name, value in self._call("components", theta).items()}

    def change(self, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return theta(z) and, entry by entry, b', b'', s = ln b', s' and s'' (see `variables`)."""
        return tuple(np.asarray(item) for item in self._call("change", z))

    def to_theta(self, z: np.ndarray) -> np.ndarray:
        """Return theta of many z, shape (..., size)."""
        flat = self._call("many_theta", z.reshape(-1, z.shape[-1]))
        return np.asarray(flat).reshape(z.shape)

    def whitened(self, origin: np.ndarray, root: np.ndarray) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        r"""Return the function w -> value and gradient of :math:`\ln p(z = z_0 + L w)`.

        Parameters
        ----------
        origin : ndarray, shape (size,)
            z_0.
        root : ndarray, shape (size, size)
            L, for instance the Cholesky factor of a covariance.
        """
        function, constants = self.functions["whitened"], self.constants
        place = jax.device_put((np.asarray(origin), np.asarray(root)))

        def evaluate(w: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = function(w, place, constants)
            return float(value), np.asarray(gradient)

        return evaluate

    def traceable_whitened(self, origin: np.ndarray, root: np.ndarray) -> Callable[[Any], Any]:
        """Return the function w -> value of `whitened` for use inside other JAX functions."""
        function, constants = self.functions["unbounded"], self.constants
        return lambda w: function(jnp.asarray(origin) + jnp.asarray(root) @ w, constants)

    def with_counts(self, *counts: ObservedCounts | ObservedOnOff) -> CompiledPosterior:
        """Return the same functions for other counts; they are compiled again only where the arrays' shapes change."""
        fresh = {name: value for item in counts for name, value in item.values().items()}
        for item in counts:
            if isinstance(item, ObservedCounts):
                weights = fresh[item.weights.name]
                fresh |= self.counted[item.dataset.name].values(item.blocks, weights)
        constants = tuple(
            jax.device_put(np.asarray(fresh[name])) if name in fresh else value
            for name, value in zip(self.constant_names, self.constants, strict=True)
        )
        changed = {item.dataset.name: item for item in counts}
        return dataclasses.replace(self, constants=constants, counts=dict(self.counts) | changed)

    def _call(self, name: str, theta: np.ndarray) -> Any:
        return self.functions[name](jnp.asarray(theta, dtype=jnp.float64), self.constants)


@dataclass(frozen=True)
class Observation:
    """One dataset of a fit.

    Parameters
    ----------
    fold : Fold or SpectrumFold
        Forward model.
    counts : ObservedCounts or ObservedOnOff
        Data.
    """

    fold: Fold | SpectrumFold
    counts: ObservedCounts | ObservedOnOff


def compile_posterior(observations: Sequence[Observation], variables: Variables) -> CompiledPosterior:
    """Build and compile the functions; XLA compiles each at its first call.

    Parameters
    ----------
    observations : sequence of Observation
        The datasets, whose likelihoods multiply.
    variables : Variables
        Free parameters with their priors.
    """
    theta = pt.tensor("theta", dtype="float64", shape=(variables.coordinates.size,))
    parameters = variables.coordinates.graph(theta)
    log_likelihood: Any = pt.constant(0.0)
    supported: Any = pt.constant(1.0)
    wanted: list[Any] = []
    places: dict[str, tuple[int, tuple[str, ...]]] = {}
    counted: dict[str, CountedFold] = {}
    lazy: dict[str, Any] = {}
    for item in observations:
        name, prediction = item.counts.dataset.name, item.fold.predict(parameters, batched=True)
        if isinstance(item.counts, ObservedCounts):
            counted[name] = build_counted(item.fold, item.counts.blocks, item.counts.weights)  # type: ignore[arg-type]
            value = item.counts.log_likelihood(counted[name].predict(prediction), parameters)
        else:
            value = item.counts.log_likelihood(prediction.npred, parameters)
        log_likelihood = log_likelihood + value + pt.switch(prediction.no_support, -np.inf, 0.0)
        supported = pt.switch(prediction.no_support, 0.0, supported)
        places[name] = (FIRST_OF_DATASETS + len(wanted), tuple(prediction.components))
        wanted += [prediction.npred, prediction.npred * item.counts.weights, item.counts.spread(parameters)]
        wanted += prediction.components.values()
        lazy |= prediction.shares
    lazy |= lazy_shares([log_likelihood])
    shares = pt.stack(list(lazy.values())) if lazy else pt.zeros((0,))
    # One graph for all outputs: PyTensor rewrites it once, and XLA drops what a function does not use.
    function, constants, names = jaxify(
        [theta], [log_likelihood, variables.log_prior(theta), *variables.backward(theta), shares, supported, *wanted]
    )
    outputs = Traced(function)
    functions = _functions(outputs, [place for place, _ in places.values()], list(lazy), constants)
    for name, (place, models) in places.items():
        functions |= {f"{name}/{key}": item for key, item in _of_dataset(outputs, place, models).items()}
    counts = {item.counts.dataset.name: item.counts for item in observations}
    compiled = CompiledPosterior(variables, functions, constants, names, counts, counted)
    return compiled.of(next(iter(counts))) if len(counts) == 1 else compiled


def _of_dataset(outputs: Traced, place: int, parts: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
    """Return the compiled functions of one dataset, whose outputs begin at a place."""
    return {
        "npred": jax.jit(partial(_output, outputs, place)),
        "spread": jax.jit(partial(_output, outputs, place + 2)),
        "components": jax.jit(partial(_named, outputs, place + 3, parts)),
    }


def _functions(
    outputs: Traced, places: Sequence[int], lazy: Sequence[str], constants: tuple[Any, ...]
) -> dict[str, Callable[..., Any]]:
    """Return the compiled functions of the whole posterior by name.

    The shares of images depend on theta alone: the constants given here stand in for those of any counts.
    """
    shares = partial(_output, outputs, SHARES)

    def branches(function: Callable[..., Any], theta: Callable[..., Any]) -> Callable[..., Any]:
        return compile_branches(function, lambda *given: shares(theta(*given), constants), lazy)

    def first(theta: Any) -> Any:
        return theta

    def whitened(w: Any, place: Any) -> Any:
        return backward(place[0] + place[1] @ w, constants)[0]

    log_posterior = partial(_log_posterior, outputs)
    backward = partial(_backward, outputs)
    unbounded = partial(_unbounded, outputs)
    return {
        "log_posterior": jax.jit(log_posterior),
        "log_likelihood": jax.jit(partial(_output, outputs, 0)),
        "log_prior": jax.jit(partial(_output, outputs, 1)),
        "supported": jax.jit(partial(_output, outputs, SUPPORTED)),
        "prior_and_gradient": jax.jit(jax.value_and_grad(partial(_output, outputs, 1))),
        "prior_hessian": jax.jit(jax.hessian(partial(_output, outputs, 1))),
        "value_and_gradient": branches(jax.value_and_grad(log_posterior), first),
        "hessian": branches(partial(_hessian, log_posterior), first),
        "fisher": branches(partial(_fisher, partial(_weighted, outputs, tuple(place + 1 for place in places))), first),
        "change": jax.jit(partial(_change, backward)),
        "many_theta": jax.jit(lambda z, constants: jax.lax.map(lambda one: backward(one, constants)[0], z)),
        "unbounded": unbounded,
        "whitened": branches(jax.value_and_grad(partial(_whitened, unbounded)), whitened),
    }


def _output(function: Traced, index: int, theta: Any, constants: Any) -> Any:
    return function.outputs([index], theta, *constants)[0]


def _weighted(function: Traced, places: tuple[int, ...], theta: Any, constants: Any) -> Any:
    """Return predicted counts times weights of all datasets as one vector."""
    return jnp.concatenate([item.ravel() for item in function.outputs(places, theta, *constants)])


def _log_posterior(function: Traced, theta: Any, constants: Any) -> Any:
    likelihood, prior = function.outputs([0, 1], theta, *constants)
    return likelihood + prior


def _backward(function: Traced, z: Any, constants: Any) -> Any:
    return tuple(function.outputs([2, 3], z, *constants))


def _unbounded(function: Traced, z: Any, constants: Any) -> Any:
    """Return the log-density of z."""
    theta, slopes = _backward(function, z, constants)
    return _log_posterior(function, theta, constants) + jnp.sum(slopes)


def _whitened(unbounded: Callable[..., Any], w: Any, place: Any, constants: Any) -> Any:
    origin, root = place
    return unbounded(origin + root @ w, constants)


def _change(backward: Callable[..., Any], z: Any, constants: Any) -> Any:
    """Return theta, b', b'', s, s', s'': the change of coordinates acts entry by entry, so one direction tells all."""
    ones = jnp.ones_like(z)

    def slopes(z: Any) -> Any:
        return jax.jvp(lambda point: backward(point, constants), (z,), (ones,))

    ((theta, s), (first, s_first)), (_, (second, s_second)) = jax.jvp(slopes, (z,), (ones,))
    return theta, first, second, s, s_first, s_second


def _named(function: Traced, place: int, names: tuple[str, ...], theta: Any, constants: Any) -> Any:
    found = function.outputs(range(place, place + len(names)), theta, *constants)
    return dict(zip(names, found, strict=True))


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
    mu = npred(theta, constants)
    # Scaled one by one: of many bins two arrays of slopes would be the largest there are.
    scale = jnp.where(mu > 0.0, mu, jnp.inf) ** -0.5
    slopes = _columns(lambda point: scale * npred(point, constants), theta)
    return slopes @ slopes.T
