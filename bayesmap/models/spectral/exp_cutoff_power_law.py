"""Power law with an exponential cut-off."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel


class ExpCutoffPowerLawSpectralModel(SpectralModel):
    r"""Power law with exponential cut-off.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma} \exp\left(-(\lambda E)^\alpha\right)

    For :math:`\alpha = 1` it is smooth through :math:`\lambda = 0` and goes on to negative values. For other
    :math:`\alpha` a negative :math:`\lambda E` counts as :math:`-|\lambda E|^\alpha`, which does the same.

    Parameters
    ----------
    index : float
        :math:`\Gamma`. Default 1.5.
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    lambda_ : Quantity
        :math:`\lambda`, one over the cut-off energy. Default 0.1 TeV-1.
    alpha : float
        :math:`\alpha`, frozen. Default 1.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = ExpCutoffPowerLawSpectralModel(index=1.6, amplitude="4e-12 cm-2 s-1 TeV-1")
    >>> print(f"{model(2 * u.TeV):.5g}")
    1.0803e-12 1 / (TeV s cm2)
    """

    tag = ("ExpCutoffPowerLawSpectralModel", "ecpl")
    index = Parameter("index", 1.5)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    lambda_ = Parameter("lambda_", 0.1, "TeV-1")
    alpha = Parameter("alpha", 1.0, frozen=True)

    @staticmethod
    def evaluate(
        xp: ModuleType, energy: Any, *, index: Any, amplitude: Any, reference: Any, lambda_: Any, alpha: Any
    ) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        return amplitude * (energy / reference) ** (-index) * cutoff(xp, energy * lambda_, alpha)

    @property
    def e_peak(self) -> u.Quantity:
        r"""Energy of the largest E^2 dN/dE, :math:`((2 - \Gamma)/\alpha)^{1/\alpha}/\lambda`; NaN if nowhere."""
        values = self.canonical_values
        ratio = (2.0 - values["index"]) / values["alpha"]
        if ratio <= 0 or values["lambda_"] <= 0:
            return u.Quantity(np.nan, "TeV")
        return u.Quantity(ratio ** (1.0 / values["alpha"]) / values["lambda_"], "TeV")

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS"
        amplitude = "4 cm-2 s-1 TeV-1"
        return (
            SpectralExample(2.0, 1.080321705479446, f"{source} 'ecpl'", {"index": 1.6, "amplitude": amplitude}),
            SpectralExample(
                2.0,
                6.23714253e-12,
                "H.E.S.S. Crab, cut off (2006, A&A 457, 899), value in Gammapy 2.1, test_spectral_crab.py 'hess_ecpl'",
                {"index": 2.39, "amplitude": "3.76e-11 cm-2 s-1 TeV-1", "lambda_": 1.0 / 14.3},
                rtol=1e-8,
            ),
            SpectralExample(
                2.0,
                0.871694294554192,
                f"{source} 'ecpl', alpha 0.8",
                {"index": 1.8, "amplitude": amplitude, "alpha": 0.8},
            ),
        )


def cutoff(xp: ModuleType, x: Any, alpha: Any) -> Any:
    r"""Return :math:`\exp(-x\,|x|^{\alpha - 1})`, with value and derivatives finite at zero.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    x : float, array or tensor
        Energy over cut-off energy.
    alpha : float, array or tensor
        Power of the cut-off.

    Notes
    -----
    At x = 0 the derivative is -1 for alpha = 1 and 0 else; below alpha = 1, where it has no limit, 0 too.
    """
    none = xp.abs(x) <= 0.0
    at_none = xp.where(xp.abs(alpha - 1.0) > 0.0, 0.0, 1.0)
    factor = xp.where(none, at_none, xp.abs(xp.where(none, 1.0, x)) ** (alpha - 1.0))
    return xp.exp(-x * factor)
