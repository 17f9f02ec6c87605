"""Power law whose amplitude is the flux in an energy range."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.power_law import power_law_integral, sinhc


class PowerLaw2SpectralModel(SpectralModel):
    r"""Power law with the integral flux as amplitude.

    .. math:: \frac{dN}{dE} = F \, E^{-\Gamma} \Big/ \int_{E_\mathrm{min}}^{E_\mathrm{max}} E'^{-\Gamma} dE'

    Smooth through :math:`\Gamma = 1`, where the usual form is 0/0.

    Parameters
    ----------
    amplitude : Quantity
        :math:`F`, the flux between `emin` and `emax`. Default 1e-12 cm-2 s-1.
    index : float
        :math:`\Gamma`. Default 2.
    emin, emax : Quantity
        Energy range of the flux, frozen. Default 0.1 TeV and 100 TeV.

    Raises
    ------
    ModelError
        BM-MO-030 if `emin` is not above zero and below `emax`.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = PowerLaw2SpectralModel(amplitude="3e-12 cm-2 s-1", index=1, emin="1 TeV", emax="10 TeV")
    >>> print(f"{model.integral_flux(1 * u.TeV, 10 * u.TeV):.4g}")
    3e-12 1 / (s cm2)
    """

    tag = ("PowerLaw2SpectralModel", "pl-2")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1")
    index = Parameter("index", 2.0)
    emin = Parameter("emin", 0.1, "TeV", frozen=True)
    emax = Parameter("emax", 100.0, "TeV", frozen=True)

    def check(self) -> None:
        """Check that the energy range is one."""
        low, high = self.emin.canonical_value, self.emax.canonical_value
        if not 0.0 < low < high:
            raise ModelError(
                "BM-MO-030",
                what=f"PowerLaw2SpectralModel has emin {self.emin.quantity} and emax {self.emax.quantity}",
                rule="The energy range of the flux must have 0 < emin < emax",
                remedy="Correct the two energies",
            )

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, amplitude: Any, index: Any, emin: Any, emax: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        density, middle = _at_middle(xp, amplitude, index, emin, emax)
        return density * (energy / middle) ** (-index)

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        """Integrate over each bin, analytically; see `power_law_integral`."""
        density, middle = _at_middle(xp, **values)
        return power_law_integral(
            xp, energy_min, energy_max, slope, index=values["index"], amplitude=density, reference=middle
        )

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'powerlaw2'"
        flux = {"amplitude": 2.9227116204223784, "index": 2.3, "emin": 1.0, "emax": 10.0}
        return (SpectralExample(2.0, 4.0 * 2.0**-2.3, source, flux),)


def _at_middle(xp: ModuleType, amplitude: Any, index: Any, emin: Any, emax: Any) -> tuple[Any, Any]:
    """Return dN/dE at the logarithmic middle of the range, and that energy."""
    middle = xp.sqrt(emin * emax)
    width = xp.log(emax / emin)
    return amplitude / (middle * width * sinhc(xp, 0.5 * (1.0 - index) * width)), middle
