"""Log-parabola whose curvature starts at an energy of its own."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Self

import astropy.units as u
import numpy as np

from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.units import to_float64


class LogParabola2SpectralModel(SpectralModel):
    r"""Log-parabola with a second reference energy for the curvature.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\alpha - \beta \ln(E/E_s)}

    Parameters
    ----------
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 10 TeV.
    alpha : float
        :math:`\alpha`. Default 2.
    beta : float
        :math:`\beta`, the curvature. Default 1.
    escale : Quantity
        :math:`E_s`, frozen. Default 1 TeV.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = LogParabola2SpectralModel(alpha=2.3, beta=0.5, reference="1 TeV")
    >>> print(f"{model(2 * u.TeV):.5g}")
    1.597e-13 1 / (TeV s cm2)
    """

    tag = ("LogParabola2SpectralModel", "lp2")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 10.0, "TeV", frozen=True)
    alpha = Parameter("alpha", 2.0)
    beta = Parameter("beta", 1.0)
    escale = Parameter("escale", 1.0, "TeV", frozen=True)

    @staticmethod
    def evaluate(
        xp: ModuleType, energy: Any, *, amplitude: Any, reference: Any, alpha: Any, beta: Any, escale: Any
    ) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        index = alpha + beta * xp.log(energy / escale)
        return amplitude * xp.exp(-index * xp.log(energy / reference))

    @classmethod
    def from_log10(cls, *, beta: ParameterLike, **values: ParameterLike) -> Self:
        r"""Return the model for a curvature given with :math:`\log_{10}`; see `LogParabolaSpectralModel.from_log10`."""
        return cls(beta=float(to_float64(beta, "", "beta")) / np.log(10.0), **values)

    @property
    def e_peak(self) -> u.Quantity:
        r"""Energy of the largest E^2 dN/dE, :math:`\sqrt{E_0 E_s}\, e^{(2 - \alpha)/2\beta}`; NaN if nowhere.

        Gammapy 2.1 gives :math:`E_s e^{(2 - \alpha)/2\beta}`, which is right only where :math:`E_s = E_0`.
        """
        values = self.canonical_values
        if values["beta"] <= 0:
            return u.Quantity(np.nan, "TeV")
        exponent = (2.0 - values["alpha"]) / (2.0 * values["beta"])
        return u.Quantity(np.sqrt(values["reference"] * values["escale"]) * np.exp(exponent), "TeV")

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'logpar', where E_s = E_0"
        parameters = {"alpha": 2.3, "beta": 0.5, "amplitude": 4.0, "reference": "1 TeV"}
        return (SpectralExample(2.0, 0.6387956571420305, source, parameters),)
