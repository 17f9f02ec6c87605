"""What every spectral model is: a pure formula dN/dE, its integral over bins, and units at the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent
from bayesmap.units import FloatArray, to_float64

N_NODES = 32
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(N_NODES)


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
    is_norm: ClassVar[bool] = False
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

    @classmethod
    def integral(cls, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        r"""Integrate the spectrum, tilted by a power of energy, over each bin.

        .. math:: I = \int_{E_1}^{E_2} \frac{dN}{dE}(E) \left(\frac{E}{E_c}\right)^s dE,
                  \quad E_c = \sqrt{E_1 E_2}

        with Gauss-Legendre nodes in :math:`\ln E`.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        energy_min, energy_max : array, shape (n_bin,), unit TeV
            Bin edges.
        slope : array, shape (n_bin,)
            Exponent s, for example the local slope of the exposure; 0 for the plain integral.
        **values : float or scalar tensor
            Parameters in canonical units.

        Returns
        -------
        array or tensor, shape (n_bin,), unit cm-2 s-1 (TeV for a norm model)

        Notes
        -----
        32 nodes a bin. Largest relative error of 150 random log-parabolas and cut-off power laws with slopes from -4
        to 4: 3e-14 in bins of up to a decade, 3e-9 in two decades, 9e-6 in three. A bin that begins so far beyond
        the cut-off that the flux has fallen by e^-30 is integrated worse than that.
        """
        half = 0.5 * xp.log(energy_max / energy_min)
        log_ratio = half[..., None] * _NODES
        energy = xp.sqrt(energy_min * energy_max)[..., None] * xp.exp(log_ratio)
        weights = _WEIGHTS * half[..., None] * xp.exp(slope[..., None] * log_ratio) * energy
        return xp.sum(weights * cls.evaluate(xp, energy, **values), axis=-1)

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
        """Integrate dN/dE E^power, in pieces of a decade at most."""
        low, high = to_float64(energy_min, "TeV", "energy_min"), to_float64(energy_max, "TeV", "energy_max")
        if not (np.all(low > 0) and np.all(np.isfinite(high)) and np.all(high >= low)):
            raise ModelError(
                "BM-MO-018",
                what=f"the energy range is {energy_min} to {energy_max}",
                rule="Energies must be above zero and finite, and the range must not run backwards",
                remedy="Exchange or correct the two energies",
            )
        ratio = high / low
        n_pieces = max(1, int(np.ceil(np.log10(ratio.max()))))
        fraction = np.linspace(0.0, 1.0, n_pieces + 1).reshape(-1, *(1,) * ratio.ndim)
        edges = low * ratio**fraction
        pieces = self.integral(np, edges[:-1], edges[1:], np.full_like(edges[1:], power), **self.canonical_values)
        return np.sum(pieces * np.sqrt(edges[:-1] * edges[1:]) ** power, axis=0)
