"""A line: a Gaussian in energy."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.quadrature import gather, panels

NARROWEST = 1e-12
"""TeV; a line of this width stands in for narrower ones where a value at a point is asked for."""
PANELS = (-12.0, -8.0, -5.0, -2.5, 0.0, 2.5, 5.0, 8.0, 12.0)
"""Ends of the panels of the integral, in sigma; beyond is 4e-33 of the flux."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


class GaussianSpectralModel(SpectralModel):
    r"""Gaussian line.

    .. math:: \frac{dN}{dE} = \frac{F}{\sqrt{2\pi}\,\sigma}
              \exp\left(-\frac{(E - \bar E)^2}{2\sigma^2}\right)

    Integrals over bins are right for every width, also for a line far narrower than a bin, down to
    :math:`\sigma = 0`. A negative sigma means the same as the positive one.

    Parameters
    ----------
    amplitude : Quantity
        :math:`F`, the flux of the line. Default 1e-12 cm-2 s-1.
    mean : Quantity
        :math:`\bar E`. Default 1 TeV.
    sigma : Quantity
        :math:`\sigma`. Default 2 TeV.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = GaussianSpectralModel(amplitude="4 cm-2 s-1", mean="2 TeV", sigma="0.2 TeV")
    >>> print(f"{model.integral_flux(1 * u.TeV, 10 * u.TeV):.8g}")
    3.9999989 1 / (s cm2)
    """

    tag = ("GaussianSpectralModel", "gauss")
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1")
    mean = Parameter("mean", 1.0, "TeV")
    sigma = Parameter("sigma", 2.0, "TeV")

    @staticmethod
    def evaluate(xp: ModuleType, energy: Any, *, amplitude: Any, mean: Any, sigma: Any) -> Any:
        """Return dN/dE in cm-2 s-1 TeV-1 at `energy` in TeV."""
        width = _width(xp, sigma)
        distance = (energy - mean) / width
        return amplitude / (width * np.sqrt(2.0 * np.pi)) * xp.exp(-0.5 * distance * distance)

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        r"""Integrate over each bin, in the coordinate :math:`t = (E - \bar E)/\sigma` of the line.

        The panels are fixed in t and cut at the ends of the bin, so that nothing depends on how the bin compares with
        the width; a wide bin is divided first, for the power of energy. Fluxes below 4e-33 of the whole are zero.
        """
        mean, sigma = values["mean"], xp.abs(values["sigma"])
        width = _width(xp, values["sigma"])
        lower, upper, owner = panels(np.ravel(energy_min), np.ravel(energy_max), ())
        middle = np.sqrt(np.ravel(energy_min) * np.ravel(energy_max))[owner]
        power = np.ravel(np.broadcast_to(slope, np.shape(energy_min)))[owner]
        ends = np.array(PANELS)
        first, last = (xp.clip(((edge - mean) / width)[..., None], ends[:-1], ends[1:]) for edge in (lower, upper))
        half = 0.5 * (last - first)[..., None]
        t = first[..., None] + half * (1.0 + _NODES)
        low, high, middle, power = (array[..., None, None] for array in (lower, upper, middle, power))
        tilt = (xp.clip(mean + sigma * t, low, high) / middle) ** power
        total = xp.sum(_WEIGHTS * half * xp.exp(-0.5 * t * t) * tilt, axis=(-2, -1))
        return values["amplitude"] / np.sqrt(2.0 * np.pi) * gather(xp, total, owner, np.shape(energy_min))

    def moving_breaks(self, xp: ModuleType, **values: Any) -> tuple[Any, ...]:
        """Return the ends of panels on which the line is smooth; beyond the outer ones is 1e-15 of it."""
        width = _width(xp, values["sigma"])
        return tuple(values["mean"] + width * end for end in (-8.0, -4.0, 0.0, 4.0, 8.0))

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'GaussianSpectralModel'"
        line = {"amplitude": 4.0, "mean": 2.0, "sigma": 0.2}
        return (
            SpectralExample(2.0, 7.978845608028654, source, line),
            SpectralExample(3.0, 2.973439029468601e-05, source, line),
        )


def _width(xp: ModuleType, sigma: Any) -> Any:
    """Return |sigma|, or the narrowest width where that is smaller."""
    wide = xp.abs(sigma)
    return xp.where(wide > NARROWEST, wide, NARROWEST)
