"""Log-prior and log-likelihood of many points in unbounded coordinates at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.distributions import evaluate

CHUNK = 32
"""Points of one call: all calls have this shape, so that one compilation serves them."""

Pair = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def prior_and_likelihood(posterior: CompiledPosterior) -> Pair:
    """Return the function z -> log-prior density of z and log-likelihood of many z, shape (n, size).

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.

    Returns
    -------
    callable
        Both are minus infinity where a prior or the models have no support.
    """
    functions = posterior.functions

    def one(z: jax.Array, constants: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        theta, _, _, slopes, _, _ = functions["change"](z, constants)
        return functions["log_prior"](theta, constants) + jnp.sum(slopes), functions["log_likelihood"](theta, constants)

    many = jax.jit(lambda z, constants: jax.lax.map(lambda point: one(point, constants), z))

    def call(z: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(item) for item in many(z, posterior.constants)])

    def pair(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(z)
        padded = np.concatenate([z, np.repeat(z[-1:], -n % CHUNK, axis=0)]).reshape(-1, CHUNK, z.shape[1])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = np.concatenate(list(pool.map(call, padded)), axis=1)[:, :n]
        # Beyond the range of floats neither has support.
        prior, likelihood = np.where(np.isfinite(found), found, -np.inf)
        return prior, likelihood

    return pair


def forward_many(posterior: CompiledPosterior, theta: np.ndarray) -> np.ndarray:
    """Return z of many theta, shape (n, size)."""
    import pytensor.tensor as pt

    z = np.array(theta, dtype=np.float64)
    for item in posterior.variables.items:
        if item.transform is not None:
            part = theta[:, list(item.indices)] if item.is_vector else theta[:, item.indices[0]]
            value = evaluate(item.transform.forward(pt.constant(part), *item.distribution.owner.inputs))
            z[:, list(item.indices)] = np.reshape(value, (len(theta), -1))
    return z
