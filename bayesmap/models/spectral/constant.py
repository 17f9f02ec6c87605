"""Constant spectrum."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.power_law import power_law_integral


class ConstantSpectralModel(SpectralModel):
    r"""Constant.

    .. math:: \frac{dN}{dE} = k

    Parameters
    ----------
    const : Quantity
        :math:`k`. Default 1e-12 cm-2 s-1 TeV-1.

    Examples
    --------
    >>> import astropy.units as u
    >>> print(f"{ConstantSpectralModel(const='4 cm-2 s-1 TeV-1').integral_flux(1 * u.TeV, 10 * u.TeV):.4g}")
    36 1 / (s cm2)
    """

    tag = ("ConstantSpectralModel", "const")
    const = Parameter("const", 1e-12, "cm-2 s-1 TeV-1")

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, const: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        return const + 0.0 * energy

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        """Integrate over each bin, analytically: a power law of index 0."""
        return power_law_integral(
            xp, energy_min, energy_max, slope, index=0.0, amplitude=values["const"], reference=1.0
        )

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'constant'"
        return (SpectralExample(2.0, 4.0, source, {"const": "4 cm-2 s-1 TeV-1"}),)
