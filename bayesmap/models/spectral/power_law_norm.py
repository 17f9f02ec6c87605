"""Dimensionless power law: the factor on a background."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.power_law import power_law_integral


class PowerLawNormSpectralModel(SpectralModel):
    r"""Power law without unit, the correction factor of a background.

    .. math:: f(E) = N \left(\frac{E}{E_0}\right)^{-\tau}

    Parameters
    ----------
    tilt : float
        :math:`\tau`, frozen. Default 0.
    norm : float
        :math:`N`. Default 1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.

    Examples
    --------
    >>> import astropy.units as u
    >>> float(PowerLawNormSpectralModel(norm=4, tilt=2)(2 * u.TeV))
    1.0
    """

    tag = ("PowerLawNormSpectralModel", "pl-norm")
    is_norm = True
    tilt = Parameter("tilt", 0.0, frozen=True)
    norm = Parameter("norm", 1.0)
    reference = Parameter("reference", 1.0, "TeV", frozen=True)

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, tilt: Any, norm: Any, reference: Any) -> Any:
        """Return the factor at `energy` in TeV."""
        return norm * (energy / reference) ** (-tilt)

    @classmethod
    def integral(cls, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        """Integrate over each bin, analytically, in TeV; see `power_law_integral`."""
        return power_law_integral(
            xp,
            energy_min,
            energy_max,
            slope,
            index=values["tilt"],
            amplitude=values["norm"],
            reference=values["reference"],
        )

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'norm-powerlaw'"
        return (
            SpectralExample(2.0, 1.0, source, {"norm": 4.0, "tilt": 2.0}),
            SpectralExample(
                0.55,
                2.254e-7 / 1e-7,
                "Gammapy 0.10, cube/tests/test_models.py test_background_model, first bin over map value",
                {"norm": 2.0, "tilt": 0.2},
                rtol=1e-3,
            ),
        )
