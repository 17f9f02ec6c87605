"""Broken power law, integrated exactly on both sides of its break."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.power_law import tilted_piece


class BrokenPowerLawSpectralModel(SpectralModel):
    r"""Broken power law.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_b}\right)^{-\Gamma_1} (E < E_b),\quad
              A \left(\frac{E}{E_b}\right)^{-\Gamma_2} (E \ge E_b)

    Integrals over bins, unlike values at points, are smooth in :math:`E_b`.

    Parameters
    ----------
    index1 : float
        :math:`\Gamma_1`. Default 2.
    index2 : float
        :math:`\Gamma_2`. Default 2.
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    ebreak : Quantity
        :math:`E_b`. Default 1 TeV.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = BrokenPowerLawSpectralModel(index1=1.5, index2=2.5, amplitude="4 cm-2 s-1 TeV-1", ebreak="0.5 TeV")
    >>> print(f"{model(2 * u.TeV):.4g}")
    0.125 1 / (TeV s cm2)
    """

    tag = ("BrokenPowerLawSpectralModel", "bpl")
    index1 = Parameter("index1", 2.0)
    index2 = Parameter("index2", 2.0)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    ebreak = Parameter("ebreak", 1.0, "TeV")

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, index1: Any, index2: Any, amplitude: Any, ebreak: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        index = xp.where(energy < ebreak, index1, index2)
        return amplitude * (energy / ebreak) ** (-index)

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        """Integrate over each bin, analytically: a power law on each side of the break."""
        center = xp.sqrt(energy_min * energy_max)
        split = xp.clip(values["ebreak"], energy_min, energy_max)
        shared = {"amplitude": values["amplitude"], "reference": values["ebreak"]}
        below = tilted_piece(xp, energy_min, split, center, slope, index=values["index1"], **shared)
        return below + tilted_piece(xp, split, energy_max, center, slope, index=values["index2"], **shared)

    def moving_breaks(self, xp: ModuleType, **values: Any) -> tuple[Any, ...]:
        """Return the energy of the break."""
        return (values["ebreak"],)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'bpl'"
        return (SpectralExample(2.0, 0.125, source, {"index1": 1.5, "index2": 2.5, "amplitude": 4.0, "ebreak": 0.5}),)
