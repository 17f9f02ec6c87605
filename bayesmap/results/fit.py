"""What `optimize` and `covariance` found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bayesmap.models.sky import Models

SAME = 0.01
"""Optima whose -2 ln posterior differs by less are the same in height."""


@dataclass(frozen=True)
class Starts:
    r"""What the searches from several start values found.

    Attributes
    ----------
    log_posteriors : tuple of float
        At the end of each search; the first began at the given values.
    trusted : tuple of bool
        Whether each ended at an optimum with a positive-definite Hessian.
    distances : tuple of float
        Of each end from the best one, in sigma of all parameters together; NaN where the best has no such Hessian.
    seed : int
        Seed of the start values.
    """

    log_posteriors: tuple[float, ...]
    trusted: tuple[bool, ...]
    distances: tuple[float, ...]
    seed: int

    @property
    def losses(self) -> tuple[float, ...]:
        """By how much -2 ln posterior of each is above the best."""
        return tuple(2.0 * (max(self.log_posteriors) - value) for value in self.log_posteriors)

    @property
    def reached(self) -> int:
        """How many ended within 0.01 of the best -2 ln posterior."""
        return sum(loss < SAME for loss in self.losses)

    @property
    def twins(self) -> int:
        """How many ended at another place of the same height, more than a sigma away."""
        return sum(loss < SAME and distance > 1.0 for loss, distance in zip(self.losses, self.distances, strict=True))

    def remarks(self) -> tuple[str, ...]:
        """Return what the user should know."""
        number = len(self.log_posteriors)
        found = [f"{self.reached} of {number} starts reached the best optimum"]
        others = sorted({round(loss, 2) for loss, ok in zip(self.losses, self.trusted, strict=True)
                         if ok and loss >= SAME})  # fmt: skip
        if others:
            heights = ", ".join(f"{loss:.2f}" for loss in others[:5])
            found.append(f"there are other optima, with -2 ln posterior larger by {heights}")
        if self.twins:
            found.append(
                f"{self.twins} starts found an optimum of the same height elsewhere: sources may exchange their names"
            )
        if self.reached == 1 and number > 2:
            found.append("only one start reached it: take more starts")
        return tuple(found)


@dataclass(frozen=True)
class FitResult:
    r"""Best fit.

    Attributes
    ----------
    model : Models
        New models with the best values, and errors where they were worked out.
    success : bool
        The verdict, not the optimiser's flag: True if `reasons` is empty.
    nfev : int
        Evaluations: of value with gradient, and of matrices (Hessians, expected informations), each counted as one.
    total_stat : float
        Cash statistic :math:`2\sum(\mu - n\ln\mu)` at the best values.
    message : str
        One line for people.
    backend, method : str
        Who did it.
    reasons : tuple of str
        Why the fit should not be trusted.
    at_bound : tuple of str
        Parameters that stand at a limit.
    distance : float
        Newton decrement: how far the optimum may still be, in sigma of all parameters together.
    log_posterior : float
        Log-posterior at the best values.
    notes : tuple of str
        What else the user should know.
    matrices : int
        How many of `nfev` were matrices; one costs about as much as two gradients for each free parameter.
    theta : ndarray
        Coordinates of the optimum.
    hessian : ndarray, optional
        Exact Hessian of minus the log-posterior there, which `covariance` takes over.
    starts : Starts, optional
        What the searches from several start values found, where several were asked for.
    """

    model: Models
    success: bool
    nfev: int
    total_stat: float
    message: str
    backend: str
    method: str
    reasons: tuple[str, ...] = ()
    at_bound: tuple[str, ...] = ()
    distance: float = float("nan")
    log_posterior: float = float("nan")
    notes: tuple[str, ...] = ()
    matrices: int = 0
    theta: np.ndarray = field(default_factory=lambda: np.array([]), repr=False, compare=False)
    hessian: np.ndarray | None = field(default=None, repr=False, compare=False)
    starts: Starts | None = None

    def __str__(self) -> str:
        """Show the verdict first, then the parameters."""
        head = "Best fit" if self.success else "NOT TRUSTWORTHY: " + "; ".join(self.reasons)
        lines = [head, f"  total_stat {self.total_stat:.4f}   nfev {self.nfev}   {self.backend} ({self.method})"]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes), repr(self.model.parameters)])


@dataclass(frozen=True)
class CovarianceResult:
    """Covariance of the free parameters at the optimum (Laplace).

    Attributes
    ----------
    model : Models
        New models with errors.
    success : bool
        True if the Hessian is positive definite.
    names : tuple of str
        Free parameters.
    matrix : ndarray, shape (n, n)
        Covariance in the parameters' units; NaN rows for parameters at a limit, and everywhere without success.
    message : str
        One line for people.
    method : str
        How it was worked out.
    nfev : int
        Evaluations made for it: none where the optimum brought its Hessian.
    reasons : tuple of str
        Why it should not be trusted.
    eigenvalues : ndarray
        Of the Hessian of minus log-posterior in units of its diagonal.
    theta : ndarray
        Coordinates of the optimum.
    hessian : ndarray
        Exact Hessian of minus log-posterior in those coordinates.
    matrices : int
        How many of `nfev` were matrices.
    """

    model: Models
    success: bool
    names: tuple[str, ...]
    matrix: np.ndarray
    message: str
    method: str = "laplace"
    nfev: int = 1
    reasons: tuple[str, ...] = ()
    eigenvalues: np.ndarray = field(default_factory=lambda: np.array([]))
    theta: np.ndarray = field(default_factory=lambda: np.array([]))
    hessian: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    matrices: int = 0

    @property
    def errors(self) -> np.ndarray:
        """Standard deviations, shape (n,)."""
        return np.sqrt(np.diag(self.matrix))

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix, shape (n, n)."""
        return self.matrix / np.outer(self.errors, self.errors)

    def __str__(self) -> str:
        """Show the verdict and the errors."""
        head = self.message if self.success else "NOT TRUSTWORTHY: " + "; ".join(self.reasons)
        width = max((len(name) for name in self.names), default=0)
        rows = [f"  {name:<{width}}  {error:.4g}" for name, error in zip(self.names, self.errors, strict=True)]
        return "\n".join([head, *rows])


def merge(best: FitResult, covariance: CovarianceResult) -> FitResult:
    """Return the best fit with the errors and the verdict of the covariance added."""
    reasons = (*best.reasons, *(() if covariance.success else covariance.reasons))
    return replace(
        best,
        model=covariance.model,
        success=not reasons,
        nfev=best.nfev + covariance.nfev,
        message="; ".join(reasons) or best.message,
        method=f"{best.method}; {covariance.method} covariance",
        reasons=reasons,
        notes=(*best.notes, *(covariance.reasons if covariance.success else ())),
        matrices=best.matrices + covariance.matrices,
    )
