"""A correlated prior on several parameters together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.errors import PriorError
from bayesmap.models.component import did_you_mean

JOINT_TYPES = ("MvNormal", "MvStudentT")
SYMMETRY = 1e-10
"""Largest difference of a correlation from its mirror image: what rounding leaves of a matrix that was inverted."""


@dataclass(frozen=True, init=False)
class MultivariatePrior:
    r"""A correlated prior on several parameters, in the order in which the fit names them.

    .. math:: \ln p(x) = -\tfrac12 q - \tfrac12\ln\det(2\pi C),\qquad q = (x - \mu)^T C^{-1} (x - \mu)

    and for the Student-t distribution in n dimensions

    .. math:: p(x) = \frac{\Gamma((\nu + n)/2)}{\Gamma(\nu/2)\sqrt{\det(\nu\pi C)}}
              \left(1 + \frac{q}{\nu}\right)^{-(\nu + n)/2} .

    Parameters
    ----------
    type : str
        ``"MvNormal"``, or ``"MvStudentT"``, of which C is the scale matrix.
    mu : sequence of float, str or Quantity
        Means; a bare number is in the unit of its parameter.
    cov : array_like, shape (n, n)
        Covariance C, in the units that `mu` has. Instead of `sigma` and `correlation`.
    sigma : sequence of float, str or Quantity
        Standard deviations (of a Student-t distribution: scales); bare numbers are in the unit that `mu` has.
    correlation : array_like, shape (n, n)
        Correlation; none by default.
    nu : float
        Degrees of freedom of the Student-t distribution.

    Raises
    ------
    PriorError
        BM-PR-010 for arguments that are missing, too many or of the wrong length; BM-PR-011 for a covariance that is
        not finite, symmetric and positive definite; BM-PR-002 for a sigma whose unit is not that of its mean.

    Examples
    --------
    >>> mu, sigma = [2.3, "3e-11 cm-2 s-1 TeV-1"], [0.2, 5e-12]
    >>> prior = MultivariatePrior(mu=mu, sigma=sigma, correlation=[[1, 0.6], [0.6, 1]])
    >>> print(prior)
    MvNormal(mu=[2.3, 3e-11 1 / (TeV s cm2)], sigma=[0.2, 5e-12], correlation=[0.6])
    """

    type: str
    mu: tuple[float, ...]
    units: tuple[str, ...]
    cov: tuple[tuple[float, ...], ...]
    nu: float = math.inf

    def __init__(
        self,
        type: str = "MvNormal",
        mu: Iterable[Any] = (),
        cov: Any = None,
        *,
        sigma: Iterable[Any] | None = None,
        correlation: Any = None,
        nu: float | None = None,
    ) -> None:
        means = [u.Quantity(item) for item in mu]
        units = tuple("" if item.unit == u.dimensionless_unscaled else str(item.unit) for item in means)
        _check_choice(type, nu, len(means), both=(cov is None) == (sigma is None))
        matrix = _covariance(cov, units, sigma, correlation)
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "mu", tuple(float(item.value) for item in means))
        object.__setattr__(self, "units", units)
        object.__setattr__(self, "cov", tuple(tuple(map(float, row)) for row in matrix))
        object.__setattr__(self, "nu", math.inf if nu is None else float(nu))
        _check_matrix(self.mu, matrix)

    @classmethod
    def from_covariance(cls, result: Any, names: Iterable[str], *, scale: float = 1.0) -> MultivariatePrior:
        """Return the Gaussian prior that an earlier fit leaves: its best values and their covariance.

        Parameters
        ----------
        result : CovarianceResult
            Of the earlier fit, of other data.
        names : iterable of str
            Qualified names there, in the order in which the new fit names its parameters.
        scale : float
            Factor on all standard deviations, to trust the earlier fit less.

        Raises
        ------
        PriorError
            BM-PR-010 for a name that the result does not have; BM-PR-011 where it has no covariance.
        """
        table = result.model.parameters
        chosen = tuple(names)
        for name in chosen:
            if name not in result.names:
                raise PriorError(
                    "BM-PR-010",
                    what=f"the covariance has no parameter {name!r}",
                    rule=f"Its parameters are {', '.join(result.names)}",
                    remedy=did_you_mean(name, tuple(result.names)),
                )
        index = [result.names.index(name) for name in chosen]
        return cls(
            "MvNormal", [table[name].quantity for name in chosen], scale**2 * result.matrix[np.ix_(index, index)]
        )

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviations (scales), in the units of `mu`, shape (n,)."""
        return np.sqrt(np.diag(np.array(self.cov)))

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix, shape (n, n)."""
        return np.array(self.cov) / np.outer(self.sigma, self.sigma)

    def __str__(self) -> str:
        """Show it as a call, of the correlation the entries below the diagonal."""
        means = ", ".join(
            f"{value:g}{f' {unit}' if unit else ''}" for value, unit in zip(self.mu, self.units, strict=True)
        )
        below = self.correlation[np.tril_indices(len(self.mu), -1)]
        tail = "" if math.isinf(self.nu) else f", nu={self.nu:g}"
        return f"{self.type}(mu=[{means}], sigma=[{_joined(self.sigma)}], correlation=[{_joined(below)}]{tail})"

    def numbers(self, units: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return means, shape (n,), and covariance, shape (n, n), as numbers in other units.

        Raises
        ------
        PriorError
            BM-PR-002 for a unit that does not convert.
        """
        factors = np.array([_factor(own, unit, self) for own, unit in zip(self.units, units, strict=True)])
        return factors * np.array(self.mu), np.outer(factors, factors) * np.array(self.cov)


def _covariance(cov: Any, units: tuple[str, ...], sigma: Iterable[Any] | None, correlation: Any) -> np.ndarray:
    n = len(units)
    if sigma is None:
        if correlation is not None:
            raise _bad_arguments("a correlation without sigma")
        return _square(cov, n, "cov")
    widths = [u.Quantity(item) for item in sigma]
    if len(widths) != n:
        raise _bad_arguments(f"{n} means and {len(widths)} sigmas")
    numbers = np.array([_width(width, unit) for width, unit in zip(widths, units, strict=True)])
    matrix = np.eye(n) if correlation is None else _square(correlation, n, "correlation")
    if not np.allclose(np.diag(matrix), 1.0, rtol=0.0, atol=SYMMETRY) or np.any(numbers <= 0):
        raise _bad_matrix("a correlation whose diagonal is not one, or a sigma that is not above zero")
    return matrix * np.outer(numbers, numbers)


def _width(width: u.Quantity, unit: str) -> float:
    if width.unit == u.dimensionless_unscaled:
        return float(width.value)
    if unit and width.unit.is_equivalent(unit):
        return float(width.to_value(unit))
    raise PriorError(
        "BM-PR-002",
        what=f"sigma is {width}, and its mean is in {unit or 'no unit'}",
        rule="A sigma is a number in the unit of its mean, or has a unit that converts to it",
        remedy="Give mean and sigma in one unit",
    )


def _square(values: Any, n: int, name: str) -> np.ndarray:
    matrix = np.array(values, dtype=np.float64)
    if matrix.shape != (n, n):
        raise _bad_arguments(f"{n} means and {name} of shape {matrix.shape}")
    return matrix


def _check_choice(kind: str, nu: float | None, n: int, *, both: bool) -> None:
    if kind not in JOINT_TYPES:
        raise PriorError(
            "BM-PR-001",
            what=f"unknown joint prior {kind!r}",
            rule=f"Known are {', '.join(JOINT_TYPES)}",
            remedy=did_you_mean(kind, JOINT_TYPES),
        )
    if n < 2:
        raise _bad_arguments(f"{n} means")
    if both:
        raise _bad_arguments("not exactly one of cov and sigma")
    if (nu is None) != (kind == "MvNormal") or (nu is not None and not 0.0 < nu < math.inf):
        raise _bad_arguments(f"nu = {nu}")


def _check_matrix(mu: tuple[float, ...], matrix: np.ndarray) -> None:
    if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(mu)) and np.all(np.diag(matrix) > 0)):
        raise _bad_matrix("entries that are not finite, or variances that are not above zero")
    scale = np.sqrt(np.diag(matrix))
    correlation = matrix / np.outer(scale, scale)
    if np.abs(correlation - correlation.T).max() > SYMMETRY:
        raise _bad_matrix("a covariance that is not symmetric")
    smallest = float(np.linalg.eigvalsh(correlation).min())
    if smallest <= len(mu) * np.finfo(np.float64).eps:
        raise _bad_matrix(f"a correlation whose smallest eigenvalue is {smallest:.3g}")


def _factor(own: str, unit: str, prior: MultivariatePrior) -> float:
    if not own:
        return 1.0
    if u.Unit(own).is_equivalent(unit):
        return float(u.Unit(own).to(unit))
    raise PriorError(
        "BM-PR-002",
        what=f"a mean of the prior {prior} has unit {own!r}, its parameter {unit!r}",
        rule="A mean is a number in the parameter's unit, or has a unit that converts to it",
        remedy="Correct the unit, or the order of the names",
    )


def _joined(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _bad_arguments(what: str) -> PriorError:
    return PriorError(
        "BM-PR-010",
        what=f"a joint prior was given {what}",
        rule="It needs two means or more, and cov or sigma (with a correlation) of that size; MvStudentT needs nu > 0, "
        "MvNormal takes no nu",
        remedy="Write for example MultivariatePrior(mu=[2.3, 1.0], sigma=[0.2, 0.1], correlation=[[1, 0.5], [0.5, 1]])",
    )


def _bad_matrix(what: str) -> PriorError:
    return PriorError(
        "BM-PR-011",
        what=f"a joint prior was given {what}",
        rule="Means are finite, and a covariance is finite, symmetric and positive definite",
        remedy="Correct the matrix",
    )
