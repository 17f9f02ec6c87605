r"""Priors on quantities that follow from the parameters, such as a flux, in place of a prior on one of them.

With F the quantity, x the parameter that the prior stands on, and y the other parameters of the spectrum,

.. math:: p(x \mid y) = p_F(F(x, y))\,\left|\frac{\partial F}{\partial x}\right| ,

the change of variables from (F, y) to (x, y): F has the stated prior whatever the priors of y are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.errors import PriorError
from bayesmap.models.component import did_you_mean
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.units import to_float64

Band = tuple[float, float]
Formula = Callable[[ModuleType, SpectralModel, Mapping[str, Any], str, Band], Any]


@dataclass(frozen=True)
class DerivedQuantity:
    """A quantity F that grows or falls with a parameter x.

    Parameters
    ----------
    unit : str
        Canonical unit of F.
    value, slope : callable
        F, and dF/dx, of (xp, model, canonical values by name, name of x, band).
    inverse : callable
        x of the same with F in the place of x.
    parameters : tuple of str
        Names that x may have; empty for any that F is proportional to.
    in_band : bool
        True if it needs two energies.
    alone : bool
        True if it follows from x alone.
    """

    unit: str
    value: Formula
    slope: Formula
    inverse: Formula
    parameters: tuple[str, ...] = ()
    in_band: bool = True
    alone: bool = False


def _moment(power: float) -> DerivedQuantity:
    r"""Return :math:`F = \int E^p\,dN/dE\,dE`, proportional to x: F = x dF/dx."""

    def value(xp: ModuleType, model: SpectralModel, values: Mapping[str, Any], own: str, band: Band) -> Any:
        low, high = np.array(band[:1]), np.array(band[1:])
        tilted = model.integral(xp, low, high, np.full(1, power), **values)
        return tilted[0] * (band[0] * band[1]) ** (0.5 * power)

    def slope(xp: ModuleType, model: SpectralModel, values: Mapping[str, Any], own: str, band: Band) -> Any:
        return value(xp, model, {**values, own: 1.0}, own, band)

    def inverse(xp: ModuleType, model: SpectralModel, values: Mapping[str, Any], own: str, band: Band) -> Any:
        return values[own] / slope(xp, model, values, own, band)

    return DerivedQuantity("cm-2 s-1" if power == 0.0 else "TeV cm-2 s-1", value, slope, inverse)


def _reciprocal(unit: str, parameters: tuple[str, ...]) -> DerivedQuantity:
    """Return F = 1 / x."""

    def value(xp: ModuleType, model: SpectralModel, values: Mapping[str, Any], own: str, band: Band) -> Any:
        return 1.0 / values[own]

    def slope(xp: ModuleType, model: SpectralModel, values: Mapping[str, Any], own: str, band: Band) -> Any:
        return -1.0 / values[own] ** 2

    return DerivedQuantity(unit, value, slope, value, parameters, in_band=False, alone=True)


DERIVED_QUANTITIES: dict[str, DerivedQuantity] = {
    "flux": _moment(0.0),
    "energy_flux": _moment(1.0),
    "cutoff_energy": _reciprocal("TeV", ("lambda_",)),
}
"""Name -> quantity that a prior may be stated on."""


@dataclass(frozen=True, init=False)
class DerivedPrior:
    """A prior on a quantity that follows from the parameters.

    Parameters
    ----------
    quantity : str
        ``"flux"`` (integral over the energies), ``"energy_flux"`` (integral of energy times the spectrum), both in
        place of the prior on the amplitude; or ``"cutoff_energy"``, in place of that on `lambda_`.
    prior : Prior or PyMC distribution
        Proper; its bare numbers are in `unit`.
    energy_min, energy_max : Quantity or str, optional
        True energies of a flux.
    unit : str, optional
        Unit of the quantity: by default cm-2 s-1, TeV cm-2 s-1 or TeV.

    Raises
    ------
    PriorError
        BM-PR-014 for a quantity that is not known, energies that are missing or run backwards, or a wrong unit.

    Examples
    --------
    >>> from bayesmap.models.prior import Prior
    >>> width = Prior("HalfNormal", sigma="2e-11 cm-2 s-1")
    >>> print(DerivedPrior("flux", width, energy_min="1 TeV", energy_max="10 TeV"))
    flux(1 TeV to 10 TeV) ~ HalfNormal(sigma=2e-11 1 / (s cm2))
    """

    quantity: str
    prior: Any
    band: Band
    unit: str

    def __init__(
        self, quantity: str, prior: Any, *, energy_min: Any = None, energy_max: Any = None, unit: str = ""
    ) -> None:
        if quantity not in DERIVED_QUANTITIES:
            known = tuple(DERIVED_QUANTITIES)
            raise _bad(f"the quantity {quantity!r}", f"Known are {', '.join(known)}", did_you_mean(quantity, known))
        object.__setattr__(self, "quantity", quantity)
        object.__setattr__(self, "prior", prior)
        object.__setattr__(self, "band", _band(quantity, energy_min, energy_max))
        object.__setattr__(self, "unit", unit or self.formula.unit)
        try:
            fits = u.Unit(self.unit).is_equivalent(self.formula.unit)
        except ValueError:
            fits = False
        if not fits:
            raise _bad(f"the unit {unit!r}", f"{quantity} is in {self.formula.unit}", "Give a unit that converts to it")

    @property
    def formula(self) -> DerivedQuantity:
        """The quantity's formulas."""
        return DERIVED_QUANTITIES[self.quantity]

    @property
    def factor(self) -> float:
        """Factor that turns a number in `unit` into one in the canonical unit."""
        return float(u.Unit(self.unit).to(self.formula.unit))

    def __str__(self) -> str:
        """Show it in words."""
        where = f"({self.band[0]:g} TeV to {self.band[1]:g} TeV)" if self.formula.in_band else ""
        return f"{self.quantity}{where} ~ {self.prior}"


def _band(quantity: str, energy_min: Any, energy_max: Any) -> Band:
    given = [item for item in (energy_min, energy_max) if item is not None]
    if not DERIVED_QUANTITIES[quantity].in_band:
        if given:
            raise _bad("energies", f"{quantity} belongs to no energies", "Leave out energy_min and energy_max")
        return (np.nan, np.nan)
    if len(given) < 2:
        raise _bad("fewer than two energies", f"{quantity} is an integral", "Pass energy_min and energy_max")
    low, high = (float(to_float64(u.Quantity(item), "TeV", "energy")) for item in given)
    if not 0.0 < low < high < np.inf:
        raise _bad(f"the energies {energy_min} to {energy_max}", "They are positive and in order", "Correct them")
    return low, high


def _bad(what: str, rule: str, remedy: str) -> PriorError:
    return PriorError("BM-PR-014", what=f"a derived prior was given {what}", rule=rule, remedy=remedy)
