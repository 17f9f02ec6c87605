"""Where value and gradient spend their time: each source alone, and the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import cases
from benchmarks.evaluation import bare_ffts
from benchmarks.ours import Mine
from benchmarks.record import Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import median_time


def measure(settings: Settings) -> Result:
    """Return the parts of cta_gc, and of the simulated cube with one Gaussian beside the bare FFTs."""
    result = Result()
    dataset, models, _ = cases.reference(settings.folder, "cta_gc")
    mine = Mine(dataset, models, exposure_order="after_psf").spread()
    result.tables.append(_table("Where the time goes: cta_gc", mine, settings))
    models = cases.sources(0, 1, 0.3)
    dataset = cases.simulated(150, 200, models)
    table = _table("Where the time goes: one free Gaussian", Mine(dataset, models).near(), settings)
    ffts, _ = bare_ffts(float(np.max(dataset.psf.rad)))
    table.rows.append(["the limit: two bare FFT pairs", 1e3 * median_time(ffts, 10 * settings.runs), ""])
    result.tables.append(table)
    return result


def _table(title: str, mine: Mine, settings: Settings) -> Table:
    runs = 10 * settings.runs
    whole = median_time(mine.value_and_gradient, runs)
    names = tuple(mine.posterior.components(mine.theta))
    parts = {name: median_time(_of_model(mine, name), runs) for name in names}
    likelihood = median_time(_likelihood(mine), runs)
    rows = [[f"{name}: its counts and their gradient", 1e3 * t, t / whole] for name, t in parts.items()]
    rest = whole - sum(parts.values()) - likelihood
    rows += [
        ["likelihood of given counts, and its gradient", 1e3 * likelihood, likelihood / whole],
        ["the rest (adding up, energy dispersion shared, priors, the call)", 1e3 * rest, rest / whole],
        ["value and gradient", 1e3 * whole, 1.0],
    ]
    text = (
        "Each part is compiled and timed alone; together they may share work, so that the rest, what is left of the "
        "whole, may be less than nothing."
    )
    return Table(title, ["part", "ms", "share"], rows, text)


def _of_model(mine: Mine, name: str) -> Callable[[], Any]:
    """Return an action: the predicted counts of one model, and their gradient times a cube."""
    components, constants = mine.posterior.functions["components"], mine.posterior.constants
    cube = jnp.asarray(np.random.default_rng(3).random(mine.posterior.npred(mine.theta).shape))

    @jax.jit
    def both(theta: Any, cube: Any, constants: Any) -> Any:
        return jax.value_and_grad(lambda point: jnp.vdot(cube, components(point, constants)[name]))(theta)

    points = [jnp.asarray(point) for point in mine.points]
    state = {"calls": 0}

    def action() -> Any:
        state["calls"] += 1
        return jax.block_until_ready(both(points[state["calls"] % len(points)], cube, constants))

    return action


def _likelihood(mine: Mine) -> Callable[[], Any]:
    """Return an action: the Poisson likelihood of given predicted counts, and its gradient, logarithms where counts."""
    dataset = mine.map_fit.dataset
    mask, counts = dataset.mask_data, np.where(dataset.mask_data, dataset.counts.data, 0.0)
    where = np.flatnonzero(counts)
    arrays = jnp.asarray(mask.astype(np.float64)), jnp.asarray(where), jnp.asarray(counts.ravel()[where])
    npred = jnp.asarray(mine.posterior.npred(mine.theta))

    @jax.jit
    def both(npred: Any, weights: Any, index: Any, bright: Any) -> Any:
        def value(cube: Any) -> Any:
            return jnp.sum(bright * jnp.log(jnp.take(cube.ravel(), index))) - jnp.sum(cube * weights)

        return jax.value_and_grad(value)(npred)

    return lambda: jax.block_until_ready(both(npred, *arrays))
