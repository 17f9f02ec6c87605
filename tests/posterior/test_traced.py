"""A graph is turned into a JAX program once; what an output does not need is left out."""

import jax
import jax.numpy as jnp
import pytest

from bayesmap.fold.ops.lazy import assuming
from bayesmap.posterior.branches import compile_branches
from bayesmap.posterior.traced import Traced

X = jnp.array([0.3, -1.2])


def counted():
    """Return a traced function of two outputs and the list of its calls."""
    calls = []

    def function(x, y):
        calls.append(1)
        return jnp.sum(jnp.sin(x) * y), jnp.exp(x)

    return Traced(function), calls


def test_it_is_called_once():
    traced, calls = counted()
    for places in ([0], [1], [0, 1], [0]):
        traced.outputs(places, X, X)
    jax.grad(lambda x: traced.outputs([0], x, X)[0])(X)
    assert len(calls) == 1
    with assuming({"share0": True}):
        traced.outputs([0], X, X)
    assert len(calls) == 2


def test_outputs_and_derivatives_are_those_of_the_function():
    traced, _ = counted()
    value, other = traced.outputs([0, 1], X, 2.0 * X)
    assert value == pytest.approx(float(jnp.sum(jnp.sin(X) * 2.0 * X)), rel=1e-15)
    assert jnp.array_equal(other, jnp.exp(X))
    gradient = jax.grad(lambda x: traced.outputs([0], x, 2.0 * X)[0])(X)
    assert jnp.allclose(gradient, jnp.cos(X) * 2.0 * X, rtol=1e-15)


def test_what_is_not_needed_is_left_out():
    traced, _ = counted()
    program = str(jax.make_jaxpr(lambda x: traced.outputs([0], x, X)[0])(X))
    assert "sin" in program
    assert "exp" not in program


def test_every_choice_of_branches_has_a_program():
    seen = []

    def function(x, constants):
        seen.append(1)
        return x + constants

    call = compile_branches(function, lambda x: jnp.stack([x[0], 1.0 - x[0]]), ["a", "b"])
    for first in (0.0, 0.5, 1.0, 0.0, 0.7):
        assert jnp.array_equal(call(jnp.array([first, 2.0]), 1.0), jnp.array([first + 1.0, 3.0]))
    assert len(seen) == 3
