"""The optimiser on plain functions: what it counts, limits, saddles, and what cannot be told apart from round-off."""

import numpy as np
import pytest

from bayesmap.inference.newton import NewtonState, _learned, minimise

UNLIMITED = (np.full(2, -np.inf), np.full(2, np.inf))


class Function:
    """Log-density from a function of JAX, its information that of a fixed matrix; counts its calls."""

    def __init__(self, function, information):
        import jax

        jax.config.update("jax_enable_x64", True)
        self.parts = [jax.jit(item) for item in (jax.value_and_grad(function), jax.hessian(function))]
        self.information, self.calls = np.asarray(information, float), {"value": 0, "hessian": 0, "fisher": 0}

    def value_and_gradient(self, point):
        self.calls["value"] += 1
        value, gradient = self.parts[0](point)
        return float(value), np.asarray(gradient)

    def hessian(self, point):
        self.calls["hessian"] += 1
        return np.asarray(self.parts[1](point))

    def fisher(self, point):
        self.calls["fisher"] += 1
        return self.information


def find(function, start, bounds=UNLIMITED, **options):
    return minimise(function, np.array(start), bounds, **({"tolerance": 1e-6, "max_iterations": 200} | options))


def test_a_parabola_with_a_wrong_information_costs_one_hessian():
    matrix = np.array([[4.0, 1.0], [1.0, 2.0]])
    function = Function(lambda x: -0.5 * x @ matrix @ x + 1e3, [[3.0, 0.0], [0.0, 3.0]])
    state, message = find(function, [3.0, -2.0])
    assert message == ""
    assert state.exact
    assert state.theta == pytest.approx([0.0, 0.0], abs=1e-6)
    assert state.hessian == pytest.approx(matrix, rel=1e-12)
    assert function.calls["hessian"] == 1
    assert (state.nfev, state.matrices) == (sum(function.calls.values()), function.calls["hessian"] + 1)


def test_a_curved_valley_is_followed():
    function = Function(lambda x: -100.0 * (x[1] - x[0] ** 2) ** 2 - (1.0 - x[0]) ** 2, np.diag([10.0, 200.0]))
    state, message = find(function, [-1.2, 1.0])
    assert (message, state.exact) == ("", True)
    assert state.theta == pytest.approx([1.0, 1.0], abs=1e-6)


def test_a_known_hessian_is_not_worked_out_again():
    matrix = np.array([[4.0, 1.0], [1.0, 2.0]])
    function = Function(lambda x: -0.5 * x @ matrix @ x, np.eye(2))
    state, _ = find(function, [0.0, 0.0], hessian=matrix)
    assert state.exact
    assert function.calls == {"value": 1, "hessian": 0, "fisher": 0}


def test_a_parameter_is_held_where_the_function_falls_outwards():
    function = Function(lambda x: -0.5 * (x[0] + 1.0) ** 2 - 0.5 * (x[1] - 2.0) ** 2, np.eye(2))
    state, message = find(function, [5.0, 5.0], (np.array([0.0, -np.inf]), np.full(2, np.inf)))
    assert message == ""
    assert state.theta == pytest.approx([0.0, 2.0], abs=1e-6)
    assert state.free.tolist() == [False, True]


def test_one_bold_step_does_not_put_out_a_source():
    """From far away the amplitude of a misplaced source falls first; at zero nothing would move it."""

    def density(x):
        import jax.numpy as jnp

        grid = jnp.linspace(-5.0, 5.0, 201)
        model = x[0] * jnp.exp(-0.5 * (grid - x[1]) ** 2) + 0.1
        data = 5.0 * jnp.exp(-0.5 * grid**2) + 0.1
        return jnp.sum(data * jnp.log(model) - model)

    function = Function(density, np.diag([8.0, 400.0]))
    state, message = find(function, [20.0, 2.2], (np.array([0.0, -np.inf]), np.full(2, np.inf)))
    assert (message, state.exact) == ("", True)
    assert state.theta == pytest.approx([5.0, 0.0], abs=1e-5)


def test_a_saddle_is_left():
    function = Function(lambda x: x[0] ** 2 - x[0] ** 4 - x[1] ** 2, np.eye(2))
    state, message = find(function, [0.0, 1.0])
    assert (message, state.exact) == ("", True)
    assert np.abs(state.theta) == pytest.approx([np.sqrt(0.5), 0.0], abs=1e-6)


def test_a_direction_that_nothing_constrains_is_told():
    function = Function(lambda x: -((x[0] - 1.0) ** 2), [[2.0, 0.0], [0.0, 0.0]])
    state, message = find(function, [3.0, 0.0])
    assert message == ""
    assert not state.exact
    assert state.theta[0] == pytest.approx(1.0, abs=1e-6)


def test_too_few_steps_are_told_with_the_hessian_there():
    function = Function(lambda x: -100.0 * (x[1] - x[0] ** 2) ** 2 - (1.0 - x[0]) ** 2, np.diag([10.0, 200.0]))
    state, message = find(function, [-1.2, 1.0], max_iterations=2)
    assert message == "not converged after 2 steps"
    assert state.hessian is not None


def test_a_step_off_the_support_is_refused():
    function = Function(lambda x: np.inf * 0.0 + x[0], np.eye(2))

    def value_and_gradient(point):
        inside = point[0] < 2.0
        value = -0.5 * (point[0] - 1.9) ** 2 - 0.5 * point[1] ** 2 if inside else -np.inf
        return value, np.array([1.9 - point[0], -point[1]])

    function.value_and_gradient = value_and_gradient
    function.hessian = lambda point: -np.eye(2)
    function.information = np.diag([0.2, 1.0])
    state, message = find(function, [0.0, 1.0])
    assert message == ""
    assert state.theta == pytest.approx([1.9, 0.0], abs=1e-6)


def test_an_update_keeps_the_matrix_positive_definite_and_takes_the_secant():
    rng = np.random.default_rng(3)
    matrix = np.diag([1.0, 4.0, 9.0])
    delta = rng.standard_normal(3)
    change = np.array([2.0, 5.0, 7.0]) * delta
    assert _learned(matrix, delta, change) @ delta == pytest.approx(change, rel=1e-12)
    assert np.all(np.linalg.eigvalsh(_learned(matrix, delta, -change)) > 0)


def test_a_matrix_that_is_not_positive_definite_has_no_distance():
    state = NewtonState(np.zeros(2), 0.0, np.ones(2), np.zeros((2, 2)), np.ones(2), np.ones(2, bool), 1, 0)
    assert state.decrement == np.inf
