r"""The energy at which a source gives off most: the maximum of :math:`E^2\,dN/dE`, draw by draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
import xarray as xr

from bayesmap.models.sky import Models
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.results.derived import Derived, band_edges, derived, flux_model
from bayesmap.results.spectral_draws import spectral_draws
from bayesmap.units import FloatArray

GRID = 121
"""Energies at which the maximum is looked for before it is refined."""
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
ROUNDS = 40
"""Golden sections: a bracket of two steps of the grid shrinks by 4e-9, below which a maximum is flat to rounding."""


@dataclass(frozen=True)
class PeakEnergy(Derived):
    """Peak energy of a source.

    Parameters
    ----------
    at_min, at_max : float
        Shares of the draws that are largest at the lower and the upper end of the band: their peak lies beyond, and
        their value is that end.
    best_at_edge : bool
        True if so is the best fit.
    """

    at_min: float
    at_max: float
    best_at_edge: bool

    def __str__(self) -> str:
        """Show the interval, and how many draws have their peak beyond the band."""
        edge = f"; {self.at_min:.1%} of the draws peak at or below the band, {self.at_max:.1%} at or above"
        return super().__str__() + (edge if self.at_min or self.at_max or self.best_at_edge else "")


def peak_energy(
    tree: xr.DataTree, models: Models, source: str, energy_min: u.Quantity, energy_max: u.Quantity
) -> PeakEnergy:
    r"""Return the energy in a band at which :math:`E^2\,dN/dE` is largest, in every draw.

    Parameters
    ----------
    tree, models, source
        As of `bayesmap.results.derived.integral_flux`.
    energy_min, energy_max : Quantity
        Band in which the peak is looked for. A power law has none: its draws all stand at an end, which `at_min` and
        `at_max` tell.

    Raises
    ------
    ModelError, BayesmapInputError
        As of `integral_flux`.
    """
    spectrum = flux_model(models, source).spectral_model
    band = band_edges(energy_min, energy_max)
    draws, low, high = _peaks(spectrum, spectral_draws(tree, models, source), band)
    here = {name: np.array([value]) for name, value in spectrum.canonical_values.items()}
    best, *edges = _peaks(spectrum, here, band)
    found = derived(f"{source}.peak_energy", best[0], draws, "TeV", tree)
    return PeakEnergy(
        found.name,
        found.best,
        found.draws,
        at_min=float(low.mean()),
        at_max=float(high.mean()),
        best_at_edge=any(bool(edge[0]) for edge in edges),
    )


def _peaks(
    spectrum: SpectralModel, values: dict[str, Any], band: tuple[float, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the peak in TeV of each draw, and whether it stands at the lower and at the upper end."""
    grid = np.geomspace(*band, GRID)
    heights = np.array([_power(spectrum, energy, values) for energy in grid])
    top = np.argmax(heights, axis=0)
    place = np.log(grid)
    low, high = place[np.maximum(top - 1, 0)], place[np.minimum(top + 1, GRID - 1)]
    for _ in range(ROUNDS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        rising = _power(spectrum, np.exp(left), values) < _power(spectrum, np.exp(right), values)
        low, high = np.where(rising, left, low), np.where(rising, high, right)
    found = np.exp(0.5 * (low + high))
    ends = [_power(spectrum, end, values) >= _power(spectrum, found, values) for end in band]
    peaks = np.where(ends[0] & (top == 0), band[0], np.where(ends[1] & (top == GRID - 1), band[1], found))
    return peaks, peaks == band[0], peaks == band[1]


def _power(spectrum: SpectralModel, energy: Any, values: dict[str, Any]) -> Any:
    """Return E^2 dN/dE of each draw."""
    return energy**2 * spectrum.evaluate(np, energy, **values)
