"""What single precision would cost and give: the compiled functions with every array cast to float32.

Not an option of bayesmap: a posterior in units of sigma needs ln L to about 0.01, which is what is measured here.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import cases
from benchmarks.ours import Mine
from benchmarks.record import Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import median_time

CASES = ("cta_gc", "fermi_crab_plpos")


def measure(settings: Settings) -> Result:
    """Return errors of differences of ln p and of its whitened gradient, and the speed."""
    errors = ["points lost", "error of ln p", "of its differences", "of the gradient, sigma"]
    text = (
        "Largest errors over points scattered like the posterior. Differences of ln p from its value at the first "
        "point are what a sampler sees; the gradient is in whitened coordinates, where it is of order one. Lost are "
        "points where rounding makes predicted counts negative, which have no support."
    )
    table = Table("Single precision (on this processor)", ["data", *errors, "float64, ms", "float32, ms"], text=text)
    for case in CASES:
        dataset, models, _ = cases.reference(settings.folder, case)
        mine = Mine(dataset, models, exposure_order="after_psf").spread()
        table.rows.append([case, *_compare(mine, settings)])
    return Result(tables=[table])


def _compare(mine: Mine, settings: Settings) -> list[Any]:
    posterior = mine.posterior
    points = mine.points[: 4 * settings.runs]
    short = single(posterior)
    double, found = [posterior.value_and_gradient(point) for point in points], [short(point) for point in points]
    values, others = (np.array([float(item[0]) for item in both]) for both in (double, found))
    finite = np.flatnonzero(np.isfinite(others))
    error = others[finite] - values[finite]
    slopes = np.array([(np.asarray(found[k][1], dtype=float) - double[k][1]) @ mine.root for k in finite])
    slow = median_time(mine.value_and_gradient, 20 * settings.runs)
    quick = median_time(lambda: jax.block_until_ready(short(points[0])), 20 * settings.runs)
    lost = f"{len(points) - len(finite)} of {len(points)}"
    worst = [float(np.abs(item).max()) for item in (error, error - error[0], slopes)]
    return [lost, *worst, 1e3 * slow, 1e3 * quick]


def single(posterior: Any) -> Any:
    """Return value and gradient with all numbers in single precision: JAX traces the function again without 64 bits."""
    with jax.enable_x64(False):
        constants = tuple(jnp.asarray(np.asarray(item)) for item in posterior.constants)

    def short(theta: np.ndarray) -> Any:
        with jax.enable_x64(False):
            return posterior.functions["value_and_gradient"](jnp.asarray(theta), constants)

    return short
