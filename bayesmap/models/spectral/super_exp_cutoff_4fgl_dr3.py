"""Super-exponential cut-off of the Fermi catalogue 4FGL-DR3."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel

SERIES_BELOW = 0.3
"""Below this |z| the series of (e^z - 1 - z)/z^2 is used; its first left-out term is then z^12/14! < 1e-17."""


class SuperExpCutoffPowerLaw4FGLDR3SpectralModel(SpectralModel):
    r"""Power law with super-exponential cut-off of the catalogue 4FGL-DR3.

    .. math:: \frac{dN}{dE} = A\, e^{-\Gamma_1 x} \exp\left[-a x^2\, h(b x)\right],\quad
              x = \ln\frac{E}{E_0},\ h(z) = \frac{e^z - 1 - z}{z^2}

    This is the catalogue's :math:`\exp[\frac{a}{b} x + \frac{a}{b^2}(1 - e^{b x})]`, written so that it is smooth
    through b = 0, where it is a log-parabola of curvature a/2.

    Parameters
    ----------
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    expfactor : float
        :math:`a`, the curvature at the reference energy. Default 0.01.
    index_1 : float
        :math:`\Gamma_1`, the local index at the reference energy. Default 1.5.
    index_2 : float
        :math:`b`. Default 2.

    Notes
    -----
    Where :math:`|b x| < 0.01` Gammapy 2.1 uses three terms of the series and is off by up to
    :math:`8 \times 10^{-9} a x^2`.

    Examples
    --------
    >>> import astropy.units as u
    >>> print(f"{SuperExpCutoffPowerLaw4FGLDR3SpectralModel(amplitude='1 cm-2 s-1 TeV-1')(2 * u.TeV):.5g}")
    0.35213 1 / (TeV s cm2)
    """

    tag = ("SuperExpCutoffPowerLaw4FGLDR3SpectralModel", "secpl-4fgl-dr3")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    expfactor = Parameter("expfactor", 1e-2)
    index_1 = Parameter("index_1", 1.5)
    index_2 = Parameter("index_2", 2.0)

    @staticmethod
    def evaluate(
        xp: ModuleType, energy: Any, *, amplitude: Any, reference: Any, expfactor: Any, index_1: Any, index_2: Any
    ) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        x = xp.log(energy / reference)
        return amplitude * xp.exp(-index_1 * x - expfactor * x * x * _second_order(xp, index_2 * x))

    @property
    def e_peak(self) -> u.Quantity:
        r"""Energy of the largest E^2 dN/dE, :math:`E_0 [1 + (2 - \Gamma_1) b/a]^{1/b}`; NaN if nowhere."""
        values = self.canonical_values
        bend, power = values["expfactor"], values["index_2"]
        if bend <= 0.0:
            return u.Quantity(np.nan, "TeV")
        rise = (2.0 - values["index_1"]) / bend
        base = 1.0 + power * rise
        if base <= 0.0:
            return u.Quantity(np.nan, "TeV")
        exponent = np.log(base) / power if power else rise
        return u.Quantity(values["reference"] * np.exp(exponent), "TeV")

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'plsec_4fgl'"
        return (SpectralExample(2.0, 0.35212994, source, {"amplitude": 1.0}, rtol=2e-8),)


def _second_order(xp: ModuleType, z: Any) -> Any:
    """Return (e^z - 1 - z) / z^2, with value and derivatives finite at zero; see `power_law.sinhc`."""
    small = xp.abs(z) < SERIES_BELOW
    safe = xp.where(small, 1.0, z)
    near = xp.where(small, z, 0.0)
    series = 1.0
    for n in range(13, 2, -1):
        series = 1.0 + near / n * series
    return xp.where(small, 0.5 * series, (xp.exp(safe) - 1.0 - safe) / (safe * safe))
