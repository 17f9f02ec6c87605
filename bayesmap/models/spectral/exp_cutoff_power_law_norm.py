"""Dimensionless power law with an exponential cut-off."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.exp_cutoff_power_law import cutoff


class ExpCutoffPowerLawNormSpectralModel(SpectralModel):
    r"""Power law with exponential cut-off without unit, a correction factor.

    .. math:: f(E) = N \left(\frac{E}{E_0}\right)^{-\Gamma} \exp\left(-(\lambda E)^\alpha\right)

    Parameters
    ----------
    index : float
        :math:`\Gamma`. Default 0.
    norm : float
        :math:`N`. Default 1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    lambda_ : Quantity
        :math:`\lambda`, one over the cut-off energy. Default 0.1 TeV-1.
    alpha : float
        :math:`\alpha`, frozen. Default 1.

    Examples
    --------
    >>> import astropy.units as u
    >>> print(f"{ExpCutoffPowerLawNormSpectralModel(index=1.6, norm=4)(2 * u.TeV):.5g}")
    1.0803
    """

    tag = ("ExpCutoffPowerLawNormSpectralModel", "ecpl-norm")
    is_norm = True
    index = Parameter("index", 0.0)
    norm = Parameter("norm", 1.0)
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    lambda_ = Parameter("lambda_", 0.1, "TeV-1")
    alpha = Parameter("alpha", 1.0, frozen=True)

    @staticmethod
    def evaluate(
        xp: ModuleType, energy: Any, *, index: Any, norm: Any, reference: Any, lambda_: Any, alpha: Any
    ) -> Any:
        """Return the factor at `energy` in TeV."""
        return norm * (energy / reference) ** (-index) * cutoff(xp, energy * lambda_, alpha)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'norm-ecpl'"
        return (SpectralExample(2.0, 1.080321705479446, source, {"index": 1.6, "norm": 4.0}),)
