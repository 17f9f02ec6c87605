"""A prior as a user states it: a distribution by name, its arguments with units, a weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import astropy.units as u

from bayesmap.errors import PriorError
from bayesmap.models.component import did_you_mean

GAMMAPY_PRIORS = {
    "GaussianPrior": {"mu": 0.0, "sigma": 1.0},
    "GeneralizedGaussianPrior": {"mu": 0.0, "sigma": 1.0, "eta": 0.5},
    "UniformPrior": {"min": 0.0, "max": 1.0},
    "LogUniformPrior": {"min": 1e-14, "max": 1e-10},
}
"""Prior types of the Gammapy 2 YAML format, with the arguments and their defaults."""

PYMC_PRIORS = {
    "AsymmetricLaplace": ("kappa", "mu", "b", "q"),
    "Beta": ("alpha", "beta", "mu", "sigma", "nu"),
    "Cauchy": ("alpha", "beta"),
    "ChiSquared": ("nu",),
    "ExGaussian": ("mu", "sigma", "nu"),
    "Exponential": ("lam", "scale"),
    "Flat": (),
    "Gamma": ("alpha", "beta", "mu", "sigma"),
    "Gumbel": ("mu", "beta"),
    "HalfCauchy": ("beta",),
    "HalfFlat": (),
    "HalfNormal": ("sigma", "tau"),
    "HalfStudentT": ("nu", "sigma", "lam"),
    "InverseGamma": ("alpha", "beta", "mu", "sigma"),
    "Kumaraswamy": ("a", "b"),
    "Laplace": ("mu", "b"),
    "LogNormal": ("mu", "sigma", "tau"),
    "Logistic": ("mu", "s"),
    "LogitNormal": ("mu", "sigma", "tau"),
    "Moyal": ("mu", "sigma"),
    "Normal": ("mu", "sigma", "tau"),
    "Pareto": ("alpha", "m"),
    "Rice": ("nu", "sigma", "b"),
    "SkewNormal": ("alpha", "mu", "sigma", "tau"),
    "SkewStudentT": ("a", "b", "mu", "sigma", "lam"),
    "StudentT": ("nu", "mu", "sigma", "lam"),
    "Triangular": ("lower", "upper", "c"),
    "TruncatedNormal": ("mu", "sigma", "tau", "lower", "upper"),
    "Uniform": ("lower", "upper"),
    "VonMises": ("mu", "kappa"),
    "Wald": ("mu", "lam", "phi", "alpha"),
    "Weibull": ("alpha", "beta"),
}
"""PyMC's continuous scalar distributions and the arguments of each."""

PRIOR_TYPES: dict[str, tuple[str, ...]] = {name: tuple(args) for name, args in GAMMAPY_PRIORS.items()} | PYMC_PRIORS
"""Every name a prior may have -> its arguments."""


@dataclass(frozen=True, init=False)
class Prior:
    """A prior on one parameter.

    Parameters
    ----------
    type : str
        A PyMC distribution (``"Normal"``, ``"HalfStudentT"``, ``"Gamma"``, ...) or a prior of Gammapy
        (``"GaussianPrior"``, ``"UniformPrior"``, ``"LogUniformPrior"``, ``"GeneralizedGaussianPrior"``).
    parameters : tuple of (name, value, unit)
        Arguments in the order of a file.
    weight : float
        Factor on the log-probability, as Gammapy has it; other than 1 for Gaussian priors only.
    **values : float, str or Quantity
        Arguments by name; a bare number is in the unit of the parameter that gets the prior.

    Raises
    ------
    PriorError
        BM-PR-001 for a name or argument that is not known.

    Examples
    --------
    >>> print(Prior("Normal", mu=2.5, sigma=0.5))
    Normal(mu=2.5, sigma=0.5)
    >>> print(Prior("HalfNormal", sigma="3e-11 cm-2 s-1 TeV-1"))
    HalfNormal(sigma=3e-11 1 / (TeV s cm2))
    """

    type: str
    parameters: tuple[tuple[str, float, str], ...] = ()
    weight: float = 1.0

    def __init__(
        self, type: str, parameters: tuple[tuple[str, float, str], ...] = (), weight: float = 1.0, **values: Any
    ) -> None:
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "weight", float(weight))
        object.__setattr__(self, "parameters", (*parameters, *(_argument(*item) for item in values.items())))
        self._check()

    def _check(self) -> None:
        if self.type not in PRIOR_TYPES:
            raise _unknown("prior", self.type, tuple(PRIOR_TYPES))
        for name, _, _ in self.parameters:
            if name not in PRIOR_TYPES[self.type]:
                raise _unknown(f"argument of {self.type}", name, PRIOR_TYPES[self.type])

    def __str__(self) -> str:
        """Show it as a call."""
        shown = ", ".join(f"{name}={value:g}{f' {unit}' if unit else ''}" for name, value, unit in self.parameters)
        weight = "" if self.weight == 1.0 else f" x {self.weight:g}"
        return f"{self.type}({shown}){weight}"

    def arguments(self, unit: str) -> dict[str, float]:
        """Return the arguments by name as floats for a parameter in `unit`; Gammapy's defaults filled in.

        Raises
        ------
        PriorError
            BM-PR-002 for an argument whose unit is neither that of the parameter nor its inverse.
        """
        given = {name: _convert(name, value, own, unit, self) for name, value, own in self.parameters}
        return GAMMAPY_PRIORS.get(self.type, {}) | given


def _argument(name: str, value: Any) -> tuple[str, float, str]:
    quantity = u.Quantity(value)
    return name, float(quantity.value), str(quantity.unit) if quantity.unit != u.dimensionless_unscaled else ""


def _convert(name: str, value: float, own: str, unit: str, prior: Prior) -> float:
    if not own:
        return value
    for target in (u.Unit(unit), u.Unit(unit) ** -1):
        if u.Unit(own).is_equivalent(target):
            return float(u.Quantity(value, own).to_value(target))
    raise PriorError(
        "BM-PR-002",
        what=f"{name} of the prior {prior} has unit {own!r}, its parameter {unit!r}",
        rule="An argument is a number in the parameter's unit, or has a unit that converts to it (or to its inverse, "
        "for a rate)",
        remedy="Correct the unit, or leave it out",
    )


def _unknown(noun: str, name: str, known: tuple[str, ...]) -> PriorError:
    return PriorError(
        "BM-PR-001",
        what=f"unknown {noun} {name!r}",
        rule=f"Known are {', '.join(known) or 'none'}",
        remedy=did_you_mean(name, known) if known else "Leave it out",
    )
