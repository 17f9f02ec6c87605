"""What every spectral model is: a pure formula dN/dE, its integral over bins, and units at the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent
from bayesmap.models.spectral.quadrature import integrate
from bayesmap.units import FloatArray, to_float64


@dataclass(frozen=True)
class SpectralExample:
    """A point of a spectral model with a value that somebody else computed.

    Parameters
    ----------
    energy : float
        Energy in TeV.
    value : float
        Value there, in the model's `value_unit`.
    source : str
        Where the value is from.
    parameters : dict
        Constructor arguments that differ from the defaults.
    rtol : float
        Relative accuracy of the printed value.
    """

    energy: float
    value: float
    source: str
    parameters: dict[str, Any] = field(default_factory=dict)
    rtol: float = 1e-12


class SpectralModel(ModelComponent):
    """Base of the spectral models.

    A subclass states its parameters (see `ModelComponent`) and `evaluate`; it may replace `integral` by an
    analytic one. `examples` gives points for the law tests.
    """

    kind: ClassVar[str] = "spectral"
    is_norm: bool = False
    """True for a dimensionless factor (used on backgrounds), False for a flux density."""

    @property
    def value_unit(self) -> str:
        """Unit of `evaluate`: cm-2 s-1 TeV-1, or none for a norm model."""
        return "" if self.is_norm else "cm-2 s-1 TeV-1"

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *args: Any, **values: Any) -> Any:
        """Return dN/dE; every subclass has its own formula.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        energy : array or tensor, unit TeV
            Energies.
        *args : never
            Parameters are given by name; this says to type checkers that subclasses name theirs.
        **values : float, array or tensor
            Parameters in canonical units, broadcast against `energy`.

        Returns
        -------
        array or tensor, unit cm-2 s-1 TeV-1 (none for a norm model)
        """
        raise NotImplementedError

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        r"""Integrate the spectrum, tilted by a power of energy, over each bin.

        .. math:: I = \int_{E_1}^{E_2} \frac{dN}{dE}(E) \left(\frac{E}{E_c}\right)^s dE,
                  \quad E_c = \sqrt{E_1 E_2}

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        energy_min, energy_max : array, shape (n_bin,), unit TeV
            Bin edges, numbers.
        slope : array, shape (n_bin,)
            Exponent s, for example the local slope of the exposure; 0 for the plain integral.
        **values : float or scalar tensor
            Parameters in canonical units.

        Returns
        -------
        array or tensor, shape (n_bin,), unit cm-2 s-1 (TeV for a norm model)

        Notes
        -----
        Gauss-Legendre panels in ln E (`bayesmap.models.spectral.quadrature.integrate`) that end at `fixed_breaks`
        and `moving_breaks`; a subclass with a formula replaces this method.
        """
        return integrate(
            lambda energy: self.evaluate(xp, energy, **values),
            xp,
            energy_min,
            energy_max,
            slope,
            self.fixed_breaks,
            self.moving_breaks(xp, **values),
        )

    @property
    def fixed_breaks(self) -> tuple[float, ...]:
        """Energies in TeV where the formula has a kink whatever the parameters are."""
        return ()

    def moving_breaks(self, xp: ModuleType, **values: Any) -> tuple[Any, ...]:
        """Return energies in TeV, numbers or tensors, where panels of the quadrature should end."""
        return ()

    def reco_factor(self, xp: ModuleType, energy: Any, **values: Any) -> Any:
        """Return a factor on the source's predicted counts in bins of reconstructed energy, or None for no factor.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        energy : ndarray, shape (n_reco,), unit TeV
            Centres of the bins.
        **values : float or scalar tensor
            Parameters in canonical units.
        """
        return None

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        raise NotImplementedError

    def __call__(self, energy: u.Quantity) -> u.Quantity:
        """Return dN/dE at `energy`.

        Parameters
        ----------
        energy : Quantity
            Energies, any shape.

        Returns
        -------
        Quantity, shape of `energy`, unit `value_unit`
        """
        value = self.evaluate(np, to_float64(energy, "TeV", "energy"), **self.canonical_values)
        return u.Quantity(value, self.value_unit)

    def integral_flux(self, energy_min: u.Quantity, energy_max: u.Quantity) -> u.Quantity:
        r"""Return :math:`\int dN/dE\,dE` between two energies (or arrays of them), cm-2 s-1."""
        return u.Quantity(self._moment(energy_min, energy_max, 0.0), f"{self.value_unit} TeV")

    def energy_flux(self, energy_min: u.Quantity, energy_max: u.Quantity) -> u.Quantity:
        r"""Return :math:`\int E\,dN/dE\,dE` between two energies (or arrays of them), TeV cm-2 s-1."""
        return u.Quantity(self._moment(energy_min, energy_max, 1.0), f"{self.value_unit} TeV2")

    def _moment(self, energy_min: Any, energy_max: Any, power: float) -> FloatArray:
        """Integrate dN/dE E^power."""
        low, high = to_float64(energy_min, "TeV", "energy_min"), to_float64(energy_max, "TeV", "energy_max")
        if not (np.all(low > 0) and np.all(np.isfinite(high)) and np.all(high >= low)):
            raise ModelError(
                "BM-MO-018",
                what=f"the energy range is {energy_min} to {energy_max}",
                rule="Energies must be above zero and finite, and the range must not run backwards",
                remedy="Exchange or correct the two energies",
            )
        low, high = np.broadcast_arrays(low, high)
        tilted = self.integral(np, low, high, np.full(low.shape, power), **self.canonical_values)
        return tilted * np.sqrt(low * high) ** power

    def __add__(self, other: Any) -> SpectralModel:
        """Add a spectrum, or a constant with its unit."""
        return joined(self, other, "add")

    def __sub__(self, other: Any) -> SpectralModel:
        """Subtract a spectrum, or a constant with its unit."""
        return joined(self, other, "sub")

    def __mul__(self, other: Any) -> SpectralModel:
        """Multiply by a norm model or a number."""
        return joined(self, other, "mul")

    def __rmul__(self, other: Any) -> SpectralModel:
        """Multiply by a number."""
        return joined(self, other, "mul")

    def __truediv__(self, other: Any) -> SpectralModel:
        """Divide by a norm model or a number."""
        return joined(self, other, "truediv")


def joined(one: SpectralModel, other: Any, operator: str) -> SpectralModel:
    """Return the `CompoundSpectralModel` of two operands; see there.

    Parameters
    ----------
    one : SpectralModel
        First operand.
    other : SpectralModel, number or Quantity
        Second operand. A number that multiplies or divides becomes a frozen norm, a Quantity that is added a free
        constant spectrum.
    operator : str
        Name of the operator.
    """
    # The three are made from this base, so that they cannot be imported before it exists.
    from bayesmap.models.spectral.compound import CompoundSpectralModel  # noqa: PLC0415
    from bayesmap.models.spectral.constant import ConstantSpectralModel  # noqa: PLC0415
    from bayesmap.models.spectral.power_law_norm import PowerLawNormSpectralModel  # noqa: PLC0415

    if not isinstance(other, SpectralModel):
        if operator in ("add", "sub"):
            other = ConstantSpectralModel(const=other)
        else:
            norm = PowerLawNormSpectralModel().norm
            other = PowerLawNormSpectralModel(norm=norm.with_value(other).replace(frozen=True))
    return CompoundSpectralModel(one, other, operator)
