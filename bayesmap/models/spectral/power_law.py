"""Power law, and the analytic integral of a power law that its norm variant shares."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel

SERIES_BELOW = 0.1
"""Below this |z| the series of sinh(z)/z is used; its first left-out term is then z^10/11! < 3e-18."""


class PowerLawSpectralModel(SpectralModel):
    r"""Power law.

    .. math:: \frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma}

    Parameters
    ----------
    index : float
        :math:`\Gamma`. Default 2.
    amplitude : Quantity
        :math:`A`. Default 1e-12 cm-2 s-1 TeV-1.
    reference : Quantity
        :math:`E_0`, frozen. Default 1 TeV.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = PowerLawSpectralModel(index=2, amplitude="4e-12 cm-2 s-1 TeV-1")
    >>> print(f"{model.integral_flux(1 * u.TeV, 10 * u.TeV):.4g}")
    3.6e-12 1 / (s cm2)
    """

    tag = ("PowerLawSpectralModel", "pl")
    index = Parameter("index", 2.0)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, index: Any, amplitude: Any, reference: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        return amplitude * (energy / reference) ** (-index)

    @classmethod
    def integral(cls, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        """Integrate over each bin, analytically; see `power_law_integral`."""
        return power_law_integral(
            xp,
            energy_min,
            energy_max,
            slope,
            index=values["index"],
            amplitude=values["amplitude"],
            reference=values["reference"],
        )

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS"
        amplitude = "4 cm-2 s-1 TeV-1"
        return (
            SpectralExample(2.0, 1.0, f"{source} 'powerlaw'", {"index": 2.0, "amplitude": amplitude}),
            SpectralExample(2.0, 1.0, f"{source} 'powerlaw_index1'", {"index": 1.0, "amplitude": "2 cm-2 s-1 TeV-1"}),
            SpectralExample(
                2.0,
                5.57327158e-12,
                "H.E.S.S. Crab power law (2006, A&A 457, 899), value in Gammapy 2.1, test_spectral_crab.py 'hess_pl'",
                {"index": 2.63, "amplitude": "3.45e-11 cm-2 s-1 TeV-1"},
                rtol=1e-8,
            ),
        )


def power_law_integral(
    xp: ModuleType,
    energy_min: Any,
    energy_max: Any,
    slope: Any,
    *,
    index: Any,
    amplitude: Any,
    reference: Any,
) -> Any:
    r"""Integrate a power law, tilted by a power of energy, over each bin.

    .. math::
        \int_{E_1}^{E_2} A \left(\frac{E}{E_0}\right)^{-\Gamma} \left(\frac{E}{E_c}\right)^s dE
        = A \left(\frac{E_c}{E_0}\right)^{-\Gamma} E_c\, u\, \mathrm{sinhc}\frac{p u}{2},
        \quad E_c = \sqrt{E_1 E_2},\ u = \ln\frac{E_2}{E_1},\ p = 1 - \Gamma + s

    which is smooth through :math:`p = 0`, where the usual form is 0/0.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    energy_min, energy_max : array, shape (n_bin,), unit TeV
        Bin edges.
    slope : array, shape (n_bin,)
        Exponent s.
    index, amplitude, reference : float, array or tensor
        Parameters in canonical units.

    Returns
    -------
    array or tensor, shape (n_bin,), unit of `amplitude` times TeV
    """
    center = xp.sqrt(energy_min * energy_max)
    width = xp.log(energy_max / energy_min)
    exponent = 1.0 - index + slope
    at_center = amplitude * (center / reference) ** (-index)
    return at_center * center * width * sinhc(xp, 0.5 * exponent * width)


def tilted_piece(
    xp: ModuleType, low: Any, high: Any, center: Any, slope: Any, *, index: Any, amplitude: Any, reference: Any
) -> Any:
    """Integrate a power law over part of a bin, with the tilt of the whole bin.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    low, high : array or tensor, unit TeV
        Ends of the part; equal ends give zero.
    center : array, unit TeV
        Middle of the bin, where the tilt is one.
    slope, index, amplitude, reference
        See `power_law_integral`.

    Returns
    -------
    array or tensor, unit of `amplitude` times TeV
    """
    piece = power_law_integral(xp, low, high, slope, index=index, amplitude=amplitude, reference=reference)
    return piece * (xp.sqrt(low * high) / center) ** slope


def sinhc(xp: ModuleType, z: Any) -> Any:
    r"""Return :math:`\sinh(z)/z`, with value and derivatives finite at zero.

    Parameters
    ----------
    xp : module
        `numpy` or `pytensor.tensor`.
    z : array or tensor
        Argument.

    Notes
    -----
    Near zero the Taylor series is used. The other branch then gets a harmless argument, because the gradient
    of a branch that is not taken still enters as 0 times its value.
    """
    small = xp.abs(z) < SERIES_BELOW
    safe = xp.where(small, 1.0, z)
    square = z * z
    series = 1.0 + square / 6.0 * (1.0 + square / 20.0 * (1.0 + square / 42.0 * (1.0 + square / 72.0)))
    return xp.where(small, series, xp.sinh(safe) / safe)
