"""Log-parabola: a power law whose index runs with the logarithm of energy."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Self

import astropy.units as u
import numpy as np

from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.units import to_float64


class LogParabolaSpectralModel(SpectralModel):
    r"""Log-parabola, with the natural logarithm.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\alpha - \beta \ln(E/E_0)}

    Parameters
    ----------
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 10 TeV.
    alpha : float
        :math:`\alpha`, the index at :math:`E_0`. Default 2.
    beta : float
        :math:`\beta`, the curvature. Default 1; literature with :math:`\log_{10}` gives it times ln 10.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = LogParabolaSpectralModel(alpha=2.3, beta=0.5, reference="1 TeV")
    >>> print(f"{model(2 * u.TeV):.5g}")
    1.597e-13 1 / (TeV s cm2)
    """

    tag = ("LogParabolaSpectralModel", "lp")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 10.0, "TeV", frozen=True)
    alpha = Parameter("alpha", 2.0)
    beta = Parameter("beta", 1.0)

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, amplitude: Any, reference: Any, alpha: Any, beta: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        log_ratio = xp.log(energy / reference)
        return amplitude * xp.exp(-log_ratio * (alpha + beta * log_ratio))

    @classmethod
    def from_log10(cls, *, beta: ParameterLike, **values: ParameterLike) -> Self:
        r"""Return the model for a curvature given with :math:`\log_{10}`, as much of the literature does.

        Parameters
        ----------
        beta : float
            Curvature b in :math:`(E/E_0)^{-\alpha - b \log_{10}(E/E_0)}`.
        **values : float, str, Quantity or Parameter
            The other parameters.

        Examples
        --------
        >>> float(round(LogParabolaSpectralModel.from_log10(beta=0.24).beta.value, 6))
        0.104231
        """
        return cls(beta=float(to_float64(beta, "", "beta")) / np.log(10.0), **values)

    @property
    def e_peak(self) -> u.Quantity:
        r"""Energy where :math:`E^2 dN/dE` is largest, :math:`E_0 e^{(2 - \alpha)/2\beta}`; NaN if nowhere."""
        values = self.canonical_values
        if values["beta"] <= 0:
            return u.Quantity(np.nan, "TeV")
        exponent = (2.0 - values["alpha"]) / (2.0 * values["beta"])
        return u.Quantity(values["reference"] * np.exp(exponent), "TeV")

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'logpar'"
        parameters = {"alpha": 2.3, "beta": 0.5, "amplitude": "4 cm-2 s-1 TeV-1", "reference": "1 TeV"}
        crab = {"alpha": 2.47, "beta": 0.24 / np.log(10), "amplitude": "3.23e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}
        magic = "MAGIC Crab (2015, JHEAp 5-6, 30), value in Gammapy 2.1, test_spectral_crab.py 'magic_lp'"
        return (
            SpectralExample(2.0, 0.6387956571420305, source, parameters),
            SpectralExample(2.0, 5.5451060834144166e-12, magic, crab),
        )
