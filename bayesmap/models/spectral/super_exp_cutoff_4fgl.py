"""Super-exponential cut-off of the Fermi catalogue 4FGL."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel

MEV = 1e6
"""MeV in a TeV: the exponential factor is a number for energies in MeV."""


class SuperExpCutoffPowerLaw4FGLSpectralModel(SpectralModel):
    r"""Power law with super-exponential cut-off of the catalogues 4FGL and 4FGL-DR2.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma_1}
              \exp\left[a \left(E_0^{\Gamma_2} - E^{\Gamma_2}\right)\right],\quad E \text{ in MeV}

    Parameters
    ----------
    amplitude : Quantity
        :math:`A`, the value at the reference energy. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    expfactor : float
        :math:`a`, a plain number that stands for MeV to the power of :math:`-\Gamma_2`. Default 1e-14.
    index_1 : float
        :math:`\Gamma_1`. Default 1.5.
    index_2 : float
        :math:`\Gamma_2`. Default 2.

    Examples
    --------
    >>> import astropy.units as u
    >>> print(f"{SuperExpCutoffPowerLaw4FGLSpectralModel(amplitude='1 cm-2 s-1 TeV-1')(2 * u.TeV):.5g}")
    0.3431 1 / (TeV s cm2)
    """

    tag = ("SuperExpCutoffPowerLaw4FGLSpectralModel", "secpl-4fgl")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    expfactor = Parameter("expfactor", 1e-14)
    index_1 = Parameter("index_1", 1.5)
    index_2 = Parameter("index_2", 2.0)

    @staticmethod
    def evaluate(
        xp: ModuleType, energy: Any, *, amplitude: Any, reference: Any, expfactor: Any, index_1: Any, index_2: Any
    ) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        exponent = expfactor * ((reference * MEV) ** index_2 - (energy * MEV) ** index_2)
        return amplitude * (energy / reference) ** (-index_1) * xp.exp(exponent)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'plsec_4fgl_dr1'"
        return (SpectralExample(2.0, 0.3431043087721737, source, {"amplitude": 1.0}),)
