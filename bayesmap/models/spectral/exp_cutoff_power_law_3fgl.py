"""Power law with an exponential cut-off, as in the Fermi catalogue 3FGL."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel


class ExpCutoffPowerLaw3FGLSpectralModel(SpectralModel):
    r"""Power law with exponential cut-off of the catalogue 3FGL.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma} \exp\left(\frac{E_0 - E}{E_c}\right)

    Parameters
    ----------
    index : float
        :math:`\Gamma`. Default 1.5.
    amplitude : Quantity
        :math:`A`, the value at the reference energy. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    ecut : Quantity
        :math:`E_c`. Default 10 TeV.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = ExpCutoffPowerLaw3FGLSpectralModel(index=2.3, amplitude="4 cm-2 s-1 TeV-1")
    >>> print(f"{model(2 * u.TeV):.5g}")
    0.73496 1 / (TeV s cm2)
    """

    tag = ("ExpCutoffPowerLaw3FGLSpectralModel", "ecpl-3fgl")
    index = Parameter("index", 1.5)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    ecut = Parameter("ecut", 10.0, "TeV")

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, index: Any, amplitude: Any, reference: Any, ecut: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        return amplitude * (energy / reference) ** (-index) * xp.exp((reference - energy) / ecut)

    @property
    def e_peak(self) -> u.Quantity:
        r"""Energy of the largest E^2 dN/dE, :math:`(2 - \Gamma) E_c`; NaN if nowhere."""
        values = self.canonical_values
        peak = (2.0 - values["index"]) * values["ecut"]
        return u.Quantity(peak if peak > 0.0 and values["ecut"] > 0.0 else np.nan, "TeV")

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'ecpl_3fgl'"
        return (SpectralExample(2.0, 0.7349563611124971, source, {"index": 2.3, "amplitude": 4.0}),)
