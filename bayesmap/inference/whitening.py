r"""Coordinates in which the posterior is nearly a standard normal: z = z_0 + L w, with L L^T its Laplace covariance.

z_0 is the mode of the density of z (which has one even where the best fit stands at a limit), and L the Cholesky factor
of the inverse of minus the Hessian there.  It is a change of coordinates only: draws are exact whatever L is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesmap.inference.newton import NewtonState, is_positive_definite, minimise
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.posterior.compiled import CompiledPosterior

TOLERANCE = 1e-2
"""Sigma within which the mode is found: enough for an origin."""
SMALLEST_CURVATURE = 1e-4
"""Where the Hessian is not positive definite, curvatures in units of the diagonal below this one are raised to it."""
EDGE = 0.1
"""By how many standard deviations (of the expected information) a best fit at a limit is moved inside."""


@dataclass(frozen=True)
class Whitening:
    """Origin and root of the whitened coordinates.

    Parameters
    ----------
    origin : ndarray, shape (size,)
        z_0.
    root : ndarray, shape (size, size)
        L.
    notes : tuple of str
        What was not as it should be.
    """

    origin: np.ndarray
    root: np.ndarray
    notes: tuple[str, ...] = ()

    def to_z(self, w: np.ndarray) -> np.ndarray:
        """Return z of many w, shape (..., size); of each the same bits, however many there are.

        A product of matrices is summed in another order for one row than for many.
        """
        z = np.broadcast_to(self.origin, w.shape).copy()
        for k, column in enumerate(self.root.T):
            z += w[..., k, None] * column
        return z


def whiten(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    *,
    progress: Callable[[int, NewtonState], None] | None = None,
    hessian: np.ndarray | None = None,
) -> Whitening:
    """Find the whitened coordinates around a best fit.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (size,)
        Best fit.
    progress : callable, optional
        Called with (iteration, state) of the search for the mode.
    hessian : ndarray, shape (size, size), optional
        Of minus the log-posterior at the best fit, where it is known.
    """
    unbounded, inner = UnboundedPosterior(posterior), inside(posterior, theta)
    start = posterior.variables.forward(inner)
    unlimited = np.full(len(start), np.inf)
    state, message = minimise(
        unbounded,
        start,
        (-unlimited, unlimited),
        tolerance=TOLERANCE,
        max_iterations=50,
        progress=progress,
        hessian=-unbounded.hessian(start, -hessian) if hessian is not None and inner is theta else None,
    )
    notes = [f"the mode in unbounded coordinates was not found ({message})"] if message else []
    curvature = state.hessian if state.hessian is not None else -unbounded.hessian(state.theta)
    diagonal = np.diag(curvature)
    if np.all(diagonal > 0) and is_positive_definite(curvature, diagonal):
        root = _root(curvature, np.sqrt(diagonal))
    else:
        notes.append("the Hessian is not positive definite: whitened by the absolute values of its curvatures")
        root = _absolute_root(curvature, np.sqrt(np.where(np.abs(diagonal) > 0, np.abs(diagonal), 1.0)))
    return Whitening(state.theta, root, tuple(notes))


def inside(posterior: CompiledPosterior, theta: np.ndarray) -> np.ndarray:
    """Return theta with entries at a limit moved inside."""
    lower, upper = posterior.variables.bounds()
    if np.all((theta > lower) & (theta < upper)):
        return theta
    information = np.diag(posterior.fisher(theta))
    start = posterior.coordinates.start
    known = information > 0
    sigma = np.where(known, 1.0 / np.sqrt(np.where(known, information, 1.0)), np.abs(start) + (start == 0))
    step = EDGE * np.minimum(sigma, upper - lower)
    return np.where(theta <= lower, lower + step, np.where(theta >= upper, upper - step, theta))


def _root(curvature: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return L with L L^T the inverse of a positive definite curvature."""
    scaled = curvature / np.outer(scale, scale)
    return np.linalg.cholesky(np.linalg.inv(scaled)) / scale[:, None]


def _absolute_root(curvature: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return L for a curvature that is not positive definite, from the absolute values of its eigenvalues."""
    values, vectors = np.linalg.eigh(curvature / np.outer(scale, scale))
    sizes = np.maximum(np.abs(values), SMALLEST_CURVATURE)
    return vectors / np.sqrt(sizes) / scale[:, None]
