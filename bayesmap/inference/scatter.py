"""Start values scattered around the given ones: how far a guess may be off, by the kind of parameter."""

from __future__ import annotations

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.models.default_priors import CURVATURES, ENERGIES, FLUXES, INDICES, PARTS, SIZES
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.priors import pixel_size

REACH = 3.0
"""Positions are scattered over a disk of this many PSF radii (68 per cent)."""
FACTORS = dict.fromkeys(FLUXES, 10.0) | dict.fromkeys((*SIZES, *ENERGIES), 3.0) | {"norm": 2.0}
"""Largest factor up and down, of parameters that are scattered log-uniformly."""
SHIFTS = dict.fromkeys(INDICES, 1.0) | dict.fromkeys(CURVATURES, 0.3)
"""Largest shift up and down, of parameters that are scattered uniformly."""
RELATIVE = 0.5
"""Standard deviation, in units of the start value, of what is none of these and has no prior to draw from."""


def scattered(
    posterior: CompiledPosterior, given: np.ndarray, number: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return start coordinates: the given ones, and others around them, each with support.

    Positions lie in a disk of `REACH` PSF radii; fluxes, sizes and energies are log-uniform, indices uniform around
    the given values (`FACTORS`, `SHIFTS`); all others are draws from their priors where these have an integral. A point
    without support is moved halfway to the given one until it has some.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    given : ndarray
        Start coordinates.
    number : int
        How many, the given ones among them.
    rng : Generator
        Random numbers.
    """
    if number == 1:
        return [given]
    drawn = np.full((number - 1, len(given)), np.nan)
    if any(_needs_prior(posterior, given, i) for i in range(len(given))):
        drawn = posterior.variables.draw(number - 1, rng, improper=True)
    return [given, *(_supported(posterior, given, _around(posterior, given, row, rng)) for row in drawn)]


def _needs_prior(posterior: CompiledPosterior, given: np.ndarray, i: int) -> bool:
    coordinates = posterior.coordinates
    bare = _bare(coordinates.names[i])
    known = bare in SHIFTS or (bare in FACTORS and given[i] != 0.0)
    return i in coordinates.pooled or not (known or i in coordinates.derived)


def _around(posterior: CompiledPosterior, given: np.ndarray, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    theta = np.array(given)
    coordinates = posterior.coordinates
    for i, name in enumerate(coordinates.names):
        theta[i] = drawn[i] if i in coordinates.pooled else _one(_bare(name), given[i], drawn[i], rng)
    radius = search_radius(posterior)
    for i, j in coordinates.moving.values():
        distance, angle = radius * np.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * np.pi)
        theta[i], theta[j] = given[i] + distance * np.cos(angle), given[j] + distance * np.sin(angle)
    return theta


def _one(bare: str, given: float, drawn: float, rng: np.random.Generator) -> float:
    if bare in FACTORS and given != 0.0:
        return float(given * FACTORS[bare] ** rng.uniform(-1.0, 1.0))
    if bare in SHIFTS:
        return float(given + SHIFTS[bare] * rng.uniform(-1.0, 1.0))
    if np.isfinite(drawn):
        return float(drawn)
    return float(given + RELATIVE * (abs(given) or 1.0) * rng.standard_normal())


def _bare(name: str) -> str:
    bare = name.rsplit(".", 1)[1]
    while bare.startswith(PARTS):
        bare = bare[len(PARTS[0]) :]
    return bare


def _supported(posterior: CompiledPosterior, given: np.ndarray, theta: np.ndarray) -> np.ndarray:
    lower, upper = posterior.variables.bounds()
    while not (np.all((theta > lower) & (theta < upper)) and np.isfinite(posterior.value_and_gradient(theta)[0])):
        halfway = 0.5 * (theta + given)
        if np.array_equal(halfway, theta):
            return given
        theta = halfway
    return theta


def search_radius(posterior: CompiledPosterior) -> float:
    """Return `REACH` times the largest of the PSFs' radii in degrees, at least as many pixels."""
    maps = [item.dataset for item in posterior.counts.values() if isinstance(item.dataset, MapDataset)]
    return REACH * max((max(_psf_radius(item), pixel_size(item.counts.geom)) for item in maps), default=0.1)


def _psf_radius(dataset: MapDataset) -> float:
    """Return the median over energy of the radius that holds 68 per cent, zero without a PSF."""
    psf = getattr(dataset.psf, "central", dataset.psf)
    if isinstance(psf, RadialPSF):
        return float(np.median(psf.containment_radius(0.68)))
    if isinstance(psf, PSFKernel):
        planes = psf.data.reshape(len(psf.data), -1)
        enclosed = np.cumsum(-np.sort(-planes, axis=1), axis=1)
        pixels = np.median(np.sum(enclosed < 0.68, axis=1) + 1)
        return float(np.sqrt(pixels / np.pi) * pixel_size(dataset.counts.geom))
    return 0.0
