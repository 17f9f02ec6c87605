"""Dimensionless log-parabola."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Self

import numpy as np

from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.units import to_float64


class LogParabolaNormSpectralModel(SpectralModel):
    r"""Log-parabola without unit, a correction factor.

    .. math:: f(E) = N \left(\frac{E}{E_0}\right)^{-\alpha - \beta \ln(E/E_0)}

    Parameters
    ----------
    norm : float
        :math:`N`. Default 1.
    reference : Quantity
        :math:`E_0`, frozen. Default 10 TeV.
    alpha : float
        :math:`\alpha`. Default 0.
    beta : float
        :math:`\beta`. Default 0.

    Examples
    --------
    >>> import astropy.units as u
    >>> float(LogParabolaNormSpectralModel(norm=4, alpha=2, reference="1 TeV")(2 * u.TeV).round(12))
    1.0
    """

    tag = ("LogParabolaNormSpectralModel", "lp-norm")
    is_norm = True
    norm = Parameter("norm", 1.0)
    reference = Parameter("reference", 10.0, "TeV", frozen=True)
    alpha = Parameter("alpha", 0.0)
    beta = Parameter("beta", 0.0)

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, norm: Any, reference: Any, alpha: Any, beta: Any) -> Any:
        """Return the factor at `energy` in TeV."""
        log_ratio = xp.log(energy / reference)
        return norm * xp.exp(-log_ratio * (alpha + beta * log_ratio))

    @classmethod
    def from_log10(cls, *, beta: ParameterLike, **values: ParameterLike) -> Self:
        r"""Return the model for a curvature given with :math:`\log_{10}`; see `LogParabolaSpectralModel.from_log10`."""
        return cls(beta=float(to_float64(beta, "", "beta")) / np.log(10.0), **values)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'norm-logpar'"
        parameters = {"alpha": 2.3, "beta": 0.5, "norm": 4.0, "reference": "1 TeV"}
        return (SpectralExample(2.0, 0.6387956571420305, source, parameters),)
