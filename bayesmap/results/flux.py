"""Spectra of sources from the draws: dN/dE with credible bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.models.sky import Models
from bayesmap.results.intervals import check_sigma, mass_in_one_dimension
from bayesmap.results.spectral_draws import sky_model, spectral_draws
from bayesmap.units import to_float64

POINTS = 60
"""Energies of a band unless told otherwise."""


@dataclass(frozen=True)
class FluxBand:
    """Spectrum of one source with pointwise credible bands.

    Parameters
    ----------
    source : str
        Name of the source.
    energy : Quantity, shape (n,), unit TeV
        True energies.
    best : Quantity, shape (n,), unit cm-2 s-1 TeV-1
        dN/dE of the models that were passed, as a rule the best fit.
    median : Quantity, shape (n,), unit cm-2 s-1 TeV-1
        Median over the draws.
    masses : tuple of float
        Probability of each band, at each energy for itself.
    lower, upper : tuple of Quantity, shape (n,), unit cm-2 s-1 TeV-1
        Ends of each band; equal probability lies beyond either end.
    """

    source: str
    energy: u.Quantity
    best: u.Quantity
    median: u.Quantity
    masses: tuple[float, ...]
    lower: tuple[u.Quantity, ...]
    upper: tuple[u.Quantity, ...]


def log_energies(low: u.Quantity, high: u.Quantity, number: int = POINTS) -> u.Quantity:
    """Return energies at equal logarithmic distances, both ends included.

    Parameters
    ----------
    low, high : Quantity
        First and last energy.
    number : int
        How many.

    Raises
    ------
    BayesmapInputError
        BM-FT-009 if they are not above zero and in order.

    Examples
    --------
    >>> print(log_energies(100 * u.GeV, 10 * u.TeV, 3))
    [ 0.1  1.  10. ] TeV
    """
    first, last = float(to_float64(low, "TeV", "low")), float(to_float64(high, "TeV", "high"))
    if not (0.0 < first < last < np.inf):
        raise _energy_error(f"the range is {low} to {high}")
    return u.Quantity(np.geomspace(first, last, number), "TeV")


def flux_band(
    tree: xr.DataTree, models: Models, source: str, energy: u.Quantity, *, sigmas: Sequence[float] = (1.0, 2.0)
) -> FluxBand:
    r"""Return dN/dE of a source at energies, with credible bands from all draws.

    The spectrum of every draw is worked out at every energy; the band holds the probability
    :math:`\mathrm{erf}(\sigma/\sqrt2)` at each energy for itself, so that a curve may leave it somewhere.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    models : Models
        Best fit: gives the curve to compare with, and the values of frozen parameters.
    source : str
        Name of a source.
    energy : Quantity, shape (n,)
        True energies, such as `log_energies` gives.
    sigmas : sequence of float
        Sizes of the bands as numbers of standard deviations.

    Returns
    -------
    FluxBand
        Of a template source the spectral factor, which is its flux where the map integrates to one.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-009 for a background, or energies that are not above zero; BM-FT-007 for a sigma that is not.
    """
    for sigma in sigmas:
        check_sigma(sigma)
    model = sky_model(models, source)
    values = to_float64(energy, "TeV", "energy")
    if values.ndim != 1 or not np.all((values > 0.0) & np.isfinite(values)):
        raise _energy_error(f"the energies are {energy}")
    draws = spectral_draws(tree, models, source)
    masses = tuple(mass_in_one_dimension(sigma) for sigma in sigmas)
    tails = [0.5, *(0.5 - 0.5 * mass for mass in masses), *(0.5 + 0.5 * mass for mass in masses)]
    # Energy by energy, so that memory does not grow with their number.
    spectra = (model.spectral_model.evaluate(np, value, **draws) for value in values)
    found = np.array([np.quantile(spectrum, tails) for spectrum in spectra]).T
    unit = model.spectral_model.value_unit
    median, *ends = (u.Quantity(row, unit) for row in found)
    return FluxBand(
        source=source,
        energy=u.Quantity(values, "TeV"),
        best=model.spectral_model(u.Quantity(values, "TeV")),
        median=median,
        masses=masses,
        lower=tuple(ends[: len(masses)]),
        upper=tuple(ends[len(masses) :]),
    )


def _energy_error(what: str) -> BayesmapInputError:
    return BayesmapInputError(
        "BM-FT-009",
        what=what,
        rule="Energies are finite, above zero and, for a range, in order; those of a band stand in one list",
        remedy="Correct them",
    )
