"""Power law that turns into another one smoothly."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel


class SmoothBrokenPowerLawSpectralModel(SpectralModel):
    r"""Smoothly broken power law.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma_1}
              \left[1 + \left(\frac{E}{E_b}\right)^{|\Gamma_2 - \Gamma_1| / \beta}\right]^{-s\beta},
              \quad s = \mathrm{sign}(\Gamma_2 - \Gamma_1)

    With equal indices s is 1: the value :math:`2^{-\beta}` of the power law is the limit from :math:`\Gamma_2 >
    \Gamma_1`. The limit from the other side is :math:`2^\beta`; the form has this jump, start with the
    indices in order.

    Parameters
    ----------
    index1 : float
        :math:`\Gamma_1`, far below the break. Default 2.
    index2 : float
        :math:`\Gamma_2`, far above the break. Default 2.
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    ebreak : Quantity
        :math:`E_b`. Default 1 TeV.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.
    beta : float
        :math:`\beta`, the softness of the break, frozen. Default 1.

    Raises
    ------
    ModelError
        BM-MO-030 if `beta` is not above zero.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = SmoothBrokenPowerLawSpectralModel(index1=1.5, index2=2.5, amplitude="4 cm-2 s-1 TeV-1", ebreak=0.5)
    >>> print(f"{model(2 * u.TeV):.4g}")
    0.2828 1 / (TeV s cm2)
    """

    tag = ("SmoothBrokenPowerLawSpectralModel", "sbpl")
    index1 = Parameter("index1", 2.0)
    index2 = Parameter("index2", 2.0)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    ebreak = Parameter("ebreak", 1.0, "TeV")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    beta = Parameter("beta", 1.0, frozen=True)

    def check(self) -> None:
        """Check that the break has a width."""
        if self.beta.value <= 0.0:
            raise ModelError(
                "BM-MO-030",
                what=f"SmoothBrokenPowerLawSpectralModel has beta {self.beta.value!r}",
                rule="The softness of the break must be above zero",
                remedy="Use BrokenPowerLawSpectralModel for a sharp break",
            )

    @staticmethod
    def evaluate(
        xp: ModuleType,
        energy: Any,
        *,
        index1: Any,
        index2: Any,
        amplitude: Any,
        ebreak: Any,
        reference: Any,
        beta: Any,
    ) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        sign = xp.where(index2 >= index1, 1.0, -1.0)
        steps = sign * (index2 - index1) / beta * xp.log(energy / ebreak)
        return amplitude * (energy / reference) ** (-index1) * xp.exp(-sign * beta * _softplus(xp, steps))

    def moving_breaks(self, xp: ModuleType, **values: Any) -> tuple[Any, ...]:
        """Return the break, and the energies where the turn is nearly done."""
        width = values["beta"] / (xp.abs(values["index2"] - values["index1"]) + values["beta"])
        reach = xp.exp(4.0 * width)
        return values["ebreak"] / reach, values["ebreak"], values["ebreak"] * reach

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS"
        soft = {"index1": 1.5, "index2": 2.5, "amplitude": 4.0, "ebreak": 0.5}
        hard = {"index1": 2.5, "index2": 1.5, "amplitude": 4.0, "ebreak": 0.5}
        return (
            SpectralExample(2.0, 0.28284271247461906, f"{source} 'sbpl'", soft),
            SpectralExample(2.0, 3.5355339059327378, f"{source} 'sbpl-hard'", hard),
        )


def _softplus(xp: ModuleType, x: Any) -> Any:
    """Return ln(1 + e^x); each branch gets an argument that cannot overflow."""
    below = xp.log1p(xp.exp(xp.minimum(x, 0.0)))
    above = x + xp.log1p(xp.exp(-xp.maximum(x, 0.0)))
    return xp.where(x < 0.0, below, above)
