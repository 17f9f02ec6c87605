"""Value and gradient beside Gammapy's value, beside the bare FFTs, and of frozen beside free shapes."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from benchmarks import cases
from benchmarks.gammapy_peer import Peer
from benchmarks.ours import Mine
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import median_time

CUBE = (150, 200)
REFERENCE = ("cta_gc", "fermi_crab_plpos", "hess_crab_gauss")


def measure(settings: Settings) -> Result:
    """Return the figures of single evaluations."""
    result = Result()
    table = Table("Value and gradient, all parameters changed", ["data", "bayesmap, ms", "Gammapy, value, ms", "ratio"])
    for case in REFERENCE[:1] if settings.quick else REFERENCE:
        dataset, models, record = cases.reference(settings.folder, case)
        mine = Mine(dataset, models, exposure_order="after_psf").spread()
        peer = Peer.of_reference(settings.folder, record)
        ours = median_time(mine.value_and_gradient, 20 * settings.runs)
        theirs = median_time(peer.value, 4 * settings.runs)
        table.rows.append([case, 1e3 * ours, 1e3 * theirs, ours / theirs])
        what = f"{case}: value + gradient / Gammapy's value, all parameters changed"
        result.figures.append(Figure(what, ours / theirs, "<= 0.2"))
    result.tables.append(table)
    _against_ffts(settings, result)
    return result


def _against_ffts(settings: Settings, result: Result) -> None:
    models = cases.sources(0, 1, 0.3)
    dataset = cases.simulated(*CUBE, models)
    free = Mine(dataset, models).near()
    frozen = Mine(dataset, cases.frozen_shapes(models)).near()
    ffts, shape = bare_ffts(float(np.max(dataset.psf.rad)))
    # One after the other in turn, so that a busy machine slows all alike.
    rounds = [
        [median_time(action, 10) for action in (free.value_and_gradient, frozen.value_and_gradient, ffts)]
        for _ in range(settings.runs)
    ]
    one, fixed, bare = np.median(rounds, axis=0).tolist()
    size = f"{cases.N_RECO} x {CUBE[0]} x {CUBE[1]} bins, {cases.N_TRUE} true energies"
    text = f"A simulated cube of {size}, a Gaussian of 10 pixels, position, size and spectrum free, and a background."
    rows = [
        ["value and gradient, free shape", 1e3 * one],
        [f"the FFTs alone: {cases.N_TRUE} planes of {shape[0]} x {shape[1]}, two pairs", 1e3 * bare],
        ["value and gradient, frozen shape", 1e3 * fixed],
    ]
    result.tables.append(Table("Beside the limit, and with frozen shapes", ["what", "ms"], rows, text))
    result.figures.append(Figure("one free Gaussian: value + gradient / two bare FFT pairs", one / bare, "<= 1.5"))
    result.figures.append(Figure("frozen / free shape, value + gradient", fixed / one, "<= 0.05"))


def bare_ffts(radius: float) -> tuple[Callable[[], object], tuple[int, int]]:
    """Return an action that makes two pairs of real FFTs of the cube's planes with the smallest linear padding, in JAX.

    Parameters
    ----------
    radius : float, unit deg
        Where the PSF ends: the padding is this far, beyond which what wraps around lies outside the map.
    """
    margin = int(np.ceil(radius / cases.PIXEL))
    n_lat, n_lon = (int(scipy.fft.next_fast_len(n + margin, real=True)) for n in CUBE)
    transform = jnp.full((n_lat, n_lon // 2 + 1), 0.9)

    @jax.jit
    def pairs(image: jax.Array) -> jax.Array:
        for _ in range(2):
            image = jnp.fft.irfft2(jnp.fft.rfft2(image) * transform, s=(n_lat, n_lon))
        return image

    image = jnp.asarray(np.random.default_rng(2).random((cases.N_TRUE, n_lat, n_lon)))
    return lambda: pairs(image).block_until_ready(), (n_lat, n_lon)
