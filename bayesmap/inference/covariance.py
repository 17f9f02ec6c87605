"""Covariance at the optimum from the exact Hessian (Laplace approximation)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesmap.inference.newton import is_positive_definite
from bayesmap.inference.optimize import with_errors
from bayesmap.models.link import link_order, slopes
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import CovarianceResult

LARGEST_CONDITION = 1e8
LARGEST_CORRELATION = 0.99


def laplace(
    posterior: CompiledPosterior, models: Models, theta: np.ndarray, known: np.ndarray | None = None
) -> CovarianceResult:
    r"""Return the covariance :math:`J H^{-1} J^T`.

    H is the Hessian of minus the log-posterior in the coordinates theta, J the derivative of the named values.
    Parameters at a limit have no symmetric error: their rows are NaN, and the others are conditional on them.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    models : Models
        With the best values.
    theta : ndarray
        Coordinates of the optimum.
    known : ndarray, optional
        H there, where the search for the optimum has it.
    """
    hessian = -posterior.hessian(theta) if known is None else known
    free = free_of_limits(posterior, theta)
    inner = hessian[np.ix_(free, free)]
    diagonal = np.diag(inner)
    positive = bool(np.all(diagonal > 0)) and is_positive_definite(inner, diagonal)
    inverse = None
    if positive:
        root = np.sqrt(diagonal)
        inverse = np.linalg.inv(inner / np.outer(root, root)) / np.outer(root, root)
    eigenvalues, remarks = _spectrum(inner, tuple(np.array(posterior.coordinates.names)[free]))
    found = covariance_of(posterior, models, theta, inverse)
    return replace(
        found,
        message="Hessian positive definite" if positive else "Hessian not positive definite",
        nfev=int(known is None),
        matrices=int(known is None),
        reasons=(*found.reasons, *remarks),
        eigenvalues=eigenvalues,
        hessian=hessian,
    )


def free_of_limits(posterior: CompiledPosterior, theta: np.ndarray) -> np.ndarray:
    """Return which parameters do not stand at a limit."""
    lower, upper = posterior.variables.bounds()
    return (theta > lower) & (theta < upper)


def covariance_of(
    posterior: CompiledPosterior, models: Models, theta: np.ndarray, inverse: np.ndarray | None
) -> CovarianceResult:
    """Return the result of a covariance of the parameters that do not stand at a limit.

    Parameters
    ----------
    posterior : CompiledPosterior
        Meaning of theta.
    models : Models
        With the best values.
    theta : ndarray
        Coordinates of the optimum.
    inverse : ndarray, optional
        Covariance of the free coordinates; None where there is none.
    """
    coordinates, free = posterior.coordinates, free_of_limits(posterior, theta)
    names = np.array(coordinates.names)
    matrix = np.full((len(names), len(names)), np.nan)
    if inverse is not None:
        jacobian = coordinates.jacobian(theta)[np.ix_(free, free)]
        matrix[np.ix_(free, free)] = jacobian @ inverse @ jacobian.T
    linked = linked_errors(models, coordinates.names, matrix)
    return CovarianceResult(
        model=with_errors(models, coordinates.names, np.sqrt(np.diag(matrix))).with_errors(linked),
        success=inverse is not None,
        names=coordinates.names,
        matrix=matrix,
        message="",
        reasons=tuple(f"{name} is at its limit: no symmetric error" for name in names[~free]),
        theta=theta,
    )


def linked_errors(models: Models, names: tuple[str, ...], matrix: np.ndarray) -> dict[str, float]:
    """Return the errors of linked parameters, to first order, from the covariance of the free ones."""
    table = models.parameters
    rows = dict(zip(names, np.eye(len(names)), strict=True))
    linked = link_order(table)
    for name in linked:
        parts = [slope * rows[other] for other, slope in slopes(name, table).items() if other in rows]
        if parts:
            rows[name] = np.sum(parts, axis=0)
    # A parameter without an error must not spread its NaN to those that do not depend on it.
    found = {}
    for name in linked:
        if name in rows:
            used = rows[name] != 0.0
            found[name] = float(np.sqrt(rows[name][used] @ matrix[np.ix_(used, used)] @ rows[name][used]))
    return found


def _spectrum(hessian: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """Return the eigenvalues of the Hessian in units of its diagonal, and remarks that name what is degenerate."""
    diagonal = np.diag(hessian)
    flat = [name for name, entry in zip(names, diagonal, strict=True) if not entry > 0]
    if not names:
        return np.array([]), []
    if flat:
        return np.array([]), [f"the posterior does not curve down in {', '.join(flat)}"]
    root = np.sqrt(diagonal)
    scaled = hessian / np.outer(root, root)
    values, vectors = np.linalg.eigh(scaled)
    remarks = []
    direction = _direction(vectors[:, 0], names)
    if values[0] <= 0:
        remarks.append(f"the Hessian has eigenvalue {values[0]:.3g} along {direction}")
    elif values[-1] / values[0] > LARGEST_CONDITION:
        remarks.append(f"the data hardly constrain {direction} (condition number {values[-1] / values[0]:.2g})")
    else:
        remarks += _correlations(scaled, names)
    return values, remarks


def _correlations(scaled: np.ndarray, names: tuple[str, ...]) -> list[str]:
    inverse = np.linalg.inv(scaled)
    root = np.sqrt(np.diag(inverse))
    correlation = inverse / np.outer(root, root)
    pairs = np.argwhere(np.triu(np.abs(correlation) > LARGEST_CORRELATION, k=1))
    return [f"{names[i]} and {names[j]} are correlated by {correlation[i, j]:.4f}" for i, j in pairs]


def _direction(vector: np.ndarray, names: tuple[str, ...]) -> str:
    """Return the largest components of a direction, by name."""
    order = np.argsort(-np.abs(vector))[:3]
    return " ".join(f"{vector[i]:+.2f} {names[i]}" for i in order if abs(vector[i]) > 0.1)
