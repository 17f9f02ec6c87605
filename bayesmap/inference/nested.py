"""Evidence by nested sampling with UltraNest (optional extra ``ultranest``): no optimum, no approximation.

References
----------
Buchner 2021, JOSS 6, 3001 (UltraNest); Buchner 2016, Stat. Comput. 26, 383 (its regions).
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.inference.batch import prior_and_likelihood
from bayesmap.inference.cube import prior_cube
from bayesmap.inference.evidence import prior_share
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.evidence import Evidence, coarse

REMAIN = 1e-3
"""Share of the evidence that may be left in the live points."""
NOWHERE = -1e100
"""Log-likelihood where there is no support; it falls on from there, since UltraNest wants no plateau."""

Progress = Callable[[int, int], None]


def nested_evidence(
    posterior: CompiledPosterior, theta: np.ndarray, live_points: int, seed: int, progress: Progress | None = None
) -> Evidence:
    """Return the evidence of a posterior with at least one free parameter.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions, with proper priors.
    theta : ndarray, shape (size,)
        Where the spectra stand while the support of the prior is counted.
    live_points : int
        Live points, at least.
    seed : int
        Seed; UltraNest draws from NumPy's global state, which is as before afterwards.
    progress : callable, optional
        Called with thousandths of the evidence that are known, and 1000.

    Raises
    ------
    BayesmapInputError
        BM-CK-013 where UltraNest is not installed.
    FitStateError
        BM-FT-067 if hardly any draw of the prior has support.
    """
    nested_sampler = load_ultranest()
    share, share_error = prior_share(posterior, theta, seed)
    names = [f"z{i}" for i in range(len(posterior.coordinates.names))]
    transform, log_likelihood = _functions(posterior, seed)
    with _quiet(), _seeded(seed):
        sampler = nested_sampler(
            names, log_likelihood, transform, derived_param_names=["ln_q"], vectorized=True, log_dir=None
        )
        found = sampler.run(
            frac_remain=REMAIN, min_num_live_points=live_points, show_status=False, viz_callback=_shown(progress)
        )
    width = math.hypot(float(found["logzerr"]), share_error)
    return Evidence(
        log_z=float(found["logz"]) - math.log(share),
        error=width,
        pareto_k=math.nan,
        effective_size=float(found["ess"]),
        draws=int(found["ncall"]),
        seed=seed,
        prior_share=share,
        reasons=(*coarse(width), *_doubts(found)),
        method="ultranest",
    )


def load_ultranest() -> Any:
    """Return UltraNest's sampler.

    Raises
    ------
    BayesmapInputError
        BM-CK-013 where it is not installed.
    """
    try:
        from ultranest import ReactiveNestedSampler
    except ImportError as error:
        raise BayesmapInputError(
            "BM-CK-013",
            what="UltraNest is not installed",
            rule="method='ultranest' needs it",
            remedy="Install the extra: pip install 'bayesmap[ultranest]', or use method='smc'",
        ) from error
    return ReactiveNestedSampler


def _functions(posterior: CompiledPosterior, seed: int) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """Return UltraNest's transform, from the cube to z and ln q, and the log-likelihood of these."""
    cube, pair = prior_cube(posterior, seed), prior_and_likelihood(posterior)
    edge = np.finfo(np.float64).eps

    def transform(points: np.ndarray) -> np.ndarray:
        # Faces of the cube, which have no volume, lie at infinity: the last number beside them stands for them.
        z, density = cube.z(np.clip(points, edge, 1.0 - edge))
        return np.column_stack([z, density])

    def log_likelihood(points: np.ndarray) -> np.ndarray:
        z, density = points[:, :-1], points[:, -1]
        prior, likelihood = pair(z)
        value = likelihood + prior - density
        return np.where(np.isfinite(value), value, NOWHERE * (1.0 + np.log1p(np.sum(z * z, axis=1))))

    return transform, log_likelihood


def _doubts(found: dict[str, Any]) -> tuple[str, ...]:
    if found.get("insertion_order_MWW_test", {}).get("converged", True):
        return ()
    return ("UltraNest's test of the order of insertion failed: pass a larger draws",)


def _shown(progress: Progress | None) -> Any:
    if progress is None:
        return False

    def show(info: dict[str, Any], **_: Any) -> None:
        remaining = info.get("logz_remain", math.inf) - info.get("logz", 0.0)
        progress(round(1000.0 / (1.0 + math.exp(min(remaining, 700.0)))), 1000)

    return lambda points, info, **rest: show(info, **rest)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep UltraNest's remarks off the terminal."""
    # Where it finds a handler it adds none of its own, which prints.
    logger, silent = logging.getLogger("ultranest"), logging.NullHandler()
    logger.addHandler(silent)
    try:
        yield
    finally:
        logger.removeHandler(silent)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed NumPy's global state, and restore it."""
    before = np.random.get_state()  # noqa: NPY002 - UltraNest draws from it
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
