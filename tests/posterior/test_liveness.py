"""Intermediate memory read off a program that is not compiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from bayesmap.posterior import jax_setup
from bayesmap.posterior.liveness import count_operations, largest_live

jax_setup.set_up()

SIZE = 1000
CUBE = 8 * SIZE


def program(function, *arguments):
    return jax.make_jaxpr(function)(*arguments).jaxpr


def test_a_chain_of_sums_holds_two_arrays_at_a_time():
    found = program(lambda x: jnp.cumsum(jnp.cumsum(jnp.cumsum(x))), jnp.zeros(SIZE))
    assert 2 * CUBE <= largest_live(found) <= 3 * CUBE


def test_a_chain_element_by_element_is_worked_out_in_one_pass():
    found = program(lambda x: jax.lax.sin(jax.lax.cos(jax.lax.sin(x))), jnp.zeros(SIZE))
    assert largest_live(found) == CUBE
    assert largest_live(program(lambda x: jnp.sum(jax.lax.sin(jax.lax.cos(x))), jnp.zeros(SIZE))) < CUBE


def test_what_a_fused_operation_reads_stays():
    def function(x):
        first, second = jnp.cumsum(x), jnp.cumsum(-x)
        early = jax.lax.sin(first)
        return early + jnp.cumsum(second)

    assert largest_live(program(function, jnp.zeros(SIZE))) >= 3 * CUBE


def test_what_is_read_later_stays():
    def tower(x):
        kept = [jnp.cumsum(x + float(k)) for k in range(4)]
        return sum(jnp.vdot(item, item) for item in kept)

    assert largest_live(program(tower, jnp.zeros(SIZE))) >= 4 * CUBE


def test_inputs_are_not_counted():
    assert largest_live(program(lambda x: x[0], jnp.zeros((SIZE, 3)))) < CUBE


def test_a_branch_counts_as_its_largest_case_and_a_loop_as_one_pass():
    def large(x):
        return jnp.sum(jnp.cumsum(jnp.outer(x, x), axis=0))

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
