r"""Other modes of a posterior, which chains around the best fit do not see.

Where a source could explain an excess that the best fit leaves, the search for the optimum begins anew, and from a few
points around the best fit.  What a mode m holds follows from its Laplace approximation,

.. math:: \ln Z_m = \ln p(\theta_m, n) - \tfrac12 \ln\det H_m + \mathrm{const}, \qquad
          \mathrm{share}_m = Z_m / (Z_m + Z_{\mathrm{best}})

with H minus the Hessian of the log-posterior.  A mode that predicts the same counts is the best fit with the names of
its sources exchanged, and none of its own.

References
----------
MacKay 2003, Information Theory, Inference, and Learning Algorithms, section 27 (Laplace's method).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.special

from bayesmap.dataset import MapDataset
from bayesmap.fold.pixelmap import frame_rotation, tangent_basis, unit_vector
from bayesmap.inference.newton import NewtonState, minimise
from bayesmap.inference.scatter import scattered
from bayesmap.posterior.compiled import CompiledPosterior

PEAKS = 3
"""Excesses of each map that sources are tried at."""
SEARCHES, SCATTERED = 2, 1
"""Searches from the most probable of these places, and from points around the best fit."""
SMOOTHING = 3
"""Pixels along a side of the square over which residuals are summed."""
FARTHER = 3.0
"""Standard deviations from the best fit from which on an optimum is another one."""
SAME_COUNTS = 1.0
"""Chi-square between two predictions below which no data could tell them apart."""
SMALLEST_SHARE = 0.01
TOLERANCE, MAX_ITERATIONS = 1e-2, 60


@dataclass(frozen=True)
class Mode:
    """Another mode.

    Parameters
    ----------
    theta : ndarray, shape (size,)
        Its optimum.
    share : float
        Of what it and the best fit hold together, by their Laplace approximations.
    text : str
        Where it is, in words.
    """

    theta: np.ndarray
    share: float
    text: str

    def __str__(self) -> str:
        """Return the remark for a verdict."""
        return (
            f"another optimum, {self.text}, holds {self.share:.0%} of what it and the best fit hold together "
            "(Laplace); chains around the best fit do not see it: state priors that choose one, or add a source"
        )


def other_modes(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    hessian: np.ndarray,
    *,
    random_seed: int = 0,
) -> tuple[Mode, ...]:
    """Search for modes besides the best fit that hold more than a hundredth of the posterior.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (size,)
        Best fit.
    hessian : ndarray, shape (size, size)
        Of minus the log-posterior there; positive definite.
    random_seed : int
        Seed of the points around the best fit.

    Returns
    -------
    tuple of Mode
        The most probable one first; empty if none was found.
    """
    places = sorted(_at_excesses(posterior, theta), key=partial(_value, posterior), reverse=True)[:SEARCHES]
    around = scattered(posterior, theta, 1 + SCATTERED, np.random.default_rng(random_seed))[1:]
    best = _log_laplace(_value(posterior, theta), hessian)
    found: list[Mode] = []
    for start in (*places, *around):
        end, message = minimise(
            posterior, start, posterior.variables.bounds(), tolerance=TOLERANCE, max_iterations=MAX_ITERATIONS
        )
        if message or not _is_another(posterior, end, [theta, *(mode.theta for mode in found)], hessian):
            continue
        share = float(scipy.special.expit(_log_laplace(-end.value, end.curvature) - best))
        if share > SMALLEST_SHARE:
            found.append(Mode(end.theta, share, _where(posterior, theta, end.theta, hessian)))
    return tuple(sorted(found, key=lambda mode: -mode.share))


def modes_json(posterior: CompiledPosterior, theta: np.ndarray, hessian: np.ndarray) -> str:
    """Return the remarks on `other_modes` as a JSON list, for an attribute of a stored result."""
    return json.dumps([str(mode) for mode in other_modes(posterior, theta, hessian)])


def _value(posterior: CompiledPosterior, theta: np.ndarray) -> float:
    """Return the log-posterior from the function that the search for the best fit has compiled."""
    return posterior.value_and_gradient(theta)[0]


def _log_laplace(log_posterior: float, hessian: np.ndarray) -> float:
    return log_posterior - 0.5 * float(np.linalg.slogdet(hessian)[1])


def _is_another(posterior: CompiledPosterior, end: NewtonState, known: list[np.ndarray], hessian: np.ndarray) -> bool:
    """Return True for an optimum inside the limits that is far from those known, and predicts other counts."""
    if not (end.exact and end.free.all()):
        return False
    npred = _all_npred(posterior, end.theta)
    for theta in known:
        shift = end.theta - theta
        if shift @ hessian @ shift < FARTHER**2 or _distance(npred, _all_npred(posterior, theta)) < SAME_COUNTS:
            return False
    return True


def _distance(one: np.ndarray, two: np.ndarray) -> float:
    """Return chi-squared of the difference of two predictions, in units of the variance of their mean."""
    moved = one != two  # one of them at least is not zero there
    return float(np.sum(2.0 * (one[moved] - two[moved]) ** 2 / (one[moved] + two[moved])))


def _all_npred(posterior: CompiledPosterior, theta: np.ndarray) -> np.ndarray:
    return np.concatenate([posterior.of(name).npred(theta).ravel() for name in posterior.counts])


def _where(posterior: CompiledPosterior, best: np.ndarray, theta: np.ndarray, hessian: np.ndarray) -> str:
    """Return the parameters that differ most, with their values."""
    coordinates = posterior.coordinates
    order = np.argsort(-np.abs(theta - best) * np.sqrt(np.diag(hessian)))[:3]
    values, table = coordinates.to_values(theta), coordinates.models.parameters
    shown = [coordinates.names[i] for i in sorted(order)]
    return ", ".join(f"{name} {values[name]:.5g} {table[name].unit}".rstrip() for name in shown)


def _at_excesses(posterior: CompiledPosterior, theta: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the best fit with one source moved to one of the largest excesses of a map, where that has support."""
    lower, upper = posterior.variables.bounds()
    for name, item in posterior.counts.items():
        if not (posterior.coordinates.moving and isinstance(item.dataset, MapDataset)):
            continue
        directions = _excesses(item.dataset, posterior.of(name).npred(theta))
        for source, pair in posterior.coordinates.moving.items():
            for direction in directions:
                moved = _moved(posterior, theta, source, pair, direction, item.dataset.counts.geom.frame)
                inside = np.all((moved > lower) & (moved < upper))
                if inside and np.isfinite(_value(posterior, moved)):
                    yield moved


def _excesses(dataset: MapDataset, npred: np.ndarray) -> np.ndarray:
    """Return unit vectors, in the frame of the map, of the largest local excesses over a prediction."""
    counts, expected = (np.where(dataset.mask_data, cube, 0.0).sum(axis=0) for cube in (dataset.counts.data, npred))
    # Outside the map nothing is added. Sums of terms, not running sums, whose rounding may fall below zero.
    square = np.ones((SMOOTHING, SMOOTHING))
    sums = [scipy.ndimage.convolve(image, square, mode="constant") for image in (counts, expected)]
    level = np.divide(sums[0] - sums[1], np.sqrt(sums[1]), out=np.zeros_like(counts), where=sums[1] > 0)
    tops = np.flatnonzero((level == scipy.ndimage.maximum_filter(level, 2 * SMOOTHING + 1)) & (level > 0))
    chosen = tops[np.argsort(-level.ravel()[tops])][:PEAKS]
    lon, lat = dataset.counts.geom.to_image().pixel_centers()
    return np.asarray(unit_vector(np, lon.ravel()[chosen], lat.ravel()[chosen]).T)


def _moved(
    posterior: CompiledPosterior, theta: np.ndarray, source: str, pair: tuple[int, int], direction: np.ndarray,
    frame: str,
) -> np.ndarray:  # fmt: skip
    """Return coordinates with a source in another direction, given in another frame."""
    spatial: Any = posterior.coordinates.models[source].components["spatial"]
    components = tangent_basis(*spatial.position) @ frame_rotation(frame, spatial.frame) @ direction
    moved = np.array(theta)
    # Behind the tangent plane there are no offsets: the caller finds no support.
    moved[list(pair)] = np.rad2deg(components[1:] / components[0]) if components[0] > 0.0 else np.nan
    return moved
