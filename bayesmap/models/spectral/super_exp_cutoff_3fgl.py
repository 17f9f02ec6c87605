"""Super-exponential cut-off of the Fermi catalogue 3FGL."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel


class SuperExpCutoffPowerLaw3FGLSpectralModel(SpectralModel):
    r"""Power law with super-exponential cut-off of the catalogue 3FGL.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma_1}
              \exp\left[\left(\frac{E_0}{E_c}\right)^{\Gamma_2} - \left(\frac{E}{E_c}\right)^{\Gamma_2}\right]

    Parameters
    ----------
    amplitude : Quantity
        :math:`A`, the value at the reference energy. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    ecut : Quantity
        :math:`E_c`. Default 10 TeV.
    index_1 : float
        :math:`\Gamma_1`. Default 1.5.
    index_2 : float
        :math:`\Gamma_2`. Default 2.

    Examples
    --------
    >>> import astropy.units as u
    >>> print(f"{SuperExpCutoffPowerLaw3FGLSpectralModel()(1 * u.TeV):.4g}")
    1e-12 1 / (TeV s cm2)
    """

    tag = ("SuperExpCutoffPowerLaw3FGLSpectralModel", "secpl-3fgl")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    ecut = Parameter("ecut", 10.0, "TeV")
    index_1 = Parameter("index_1", 1.5)
    index_2 = Parameter("index_2", 2.0)

    @staticmethod
    def evaluate(
        xp: ModuleType, energy: Any, *, amplitude: Any, reference: Any, ecut: Any, index_1: Any, index_2: Any
    ) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        exponent = (reference / ecut) ** index_2 - (energy / ecut) ** index_2
        return amplitude * (energy / reference) ** (-index_1) * xp.exp(exponent)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        return (
            SpectralExample(
                2.0,
                0.3431043087721737,
                "the formula at the point of Gammapy 2.1, test_spectral.py, TEST_MODELS 'plsec_4fgl_dr1', E_c = 10 TeV",
                {"amplitude": 1.0},
            ),
        )
