"""Intermediate memory read off a program that is not compiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bayesmap.posterior.liveness import count_operations, largest_live

SIZE = 1000
CUBE = 8 * SIZE


def program(function, *arguments):
    return jax.make_jaxpr(function)(*arguments).jaxpr


def test_a_chain_holds_two_arrays_at_a_time():
    def chain(x):
        for _ in range(5):
            x = jnp.sin(x)
        return x

    # jnp.sin is a function of its own: its result stands inside and outside
    assert largest_live(program(jax.lax.sin, jnp.zeros(SIZE))) == CUBE
    found = program(lambda x: jax.lax.sin(jax.lax.cos(jax.lax.sin(x))), jnp.zeros(SIZE))
    assert largest_live(found) == 2 * CUBE
    assert largest_live(program(chain, jnp.zeros(SIZE))) <= 3 * CUBE


def test_what_is_read_later_stays():
    def tower(x):
        kept = [jax.lax.sin(x + float(k)) for k in range(4)]
        return sum(jnp.vdot(item, item) for item in kept)

    assert largest_live(program(tower, jnp.zeros(SIZE))) >= 4 * CUBE


def test_inputs_are_not_counted():
    assert largest_live(program(lambda x: x[0], jnp.zeros((SIZE, 3)))) < CUBE


def test_a_branch_counts_as_its_largest_case_and_a_loop_as_one_pass():
    def large(x):
        return jnp.sum(jnp.outer(x, x))

    def branched(x):
        return jax.lax.cond(x[0] > 0, large, jnp.sum, x)

    def looped(x):
        return jax.lax.map(lambda factor: large(factor * x), jnp.arange(10.0))

    matrix = 8 * SIZE**2
    assert matrix <= largest_live(program(branched, jnp.zeros(SIZE))) < 2.1 * matrix
    assert matrix <= largest_live(program(looped, jnp.zeros(SIZE))) < 3.1 * matrix


def test_operations_inside_are_counted():
    flat = program(lambda x: jax.lax.sin(jax.lax.cos(x)), 1.0)
    nested = program(lambda x: jax.lax.cond(x > 0, jax.lax.sin, jax.lax.cos, x), 1.0)
    assert count_operations(flat) == 2
    assert count_operations(nested) >= 4
