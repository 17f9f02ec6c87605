r"""Quantities that follow from a posterior draw by draw: integral flux, energy flux, luminosity.

.. math:: F = \int_{E_1}^{E_2} \frac{dN}{dE}\,dE, \qquad
          G = \int_{E_1}^{E_2} E\,\frac{dN}{dE}\,dE, \qquad L = 4\pi d^2\, G
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.models.fluxes import check_flux
from bayesmap.models.sky import Models, SkyModel
from bayesmap.results.intervals import Interval, interval, mass_in_one_dimension
from bayesmap.results.spectral_draws import sky_model, spectral_draws
from bayesmap.units import FloatArray, to_float64

SAMPLE_DIMS = ("chain", "draw")


@dataclass(frozen=True)
class Derived:
    """A quantity that follows from the parameters, in every draw.

    Parameters
    ----------
    name : str
        What it is, such as ``"crab.energy_flux"``.
    best : Quantity
        Of the models that were passed, as a rule the best fit.
    draws : DataArray, dimensions (chain, draw)
        Of each draw, with its ``unit`` among the attributes.
    """

    name: str
    best: u.Quantity
    draws: xr.DataArray

    @property
    def unit(self) -> str:
        """Unit of the draws."""
        return str(self.draws.attrs["unit"])

    @property
    def median(self) -> u.Quantity:
        """Median of the draws."""
        return u.Quantity(float(self.draws.median()), self.unit)

    @property
    def tree(self) -> xr.DataTree:
        """The draws as a posterior of this quantity alone."""
        return xr.DataTree.from_dict({"posterior": xr.Dataset({self.name: self.draws})})

    def interval(self, *, sigma: float = 1.0, kind: str = "eti") -> Interval:
        """Return a credible interval with Monte Carlo errors; see `bayesmap.results.intervals.interval`."""
        return interval(self.tree, self.name, sigma=sigma, kind=kind)

    def __str__(self) -> str:
        """Show best value and one-sigma interval."""
        tail = 0.5 * (1.0 - mass_in_one_dimension(1.0))
        lower, upper = (float(self.draws.quantile(end)) for end in (tail, 1.0 - tail))
        return f"{self.name}: best {self.best:.4g}, median {self.median:.4g} [{lower:.4g}, {upper:.4g}]"


def derived(name: str, best: Any, draws: FloatArray, unit: str, tree: xr.DataTree) -> Derived:
    """Return the record of a quantity.

    Parameters
    ----------
    name : str
        Its name.
    best : float
        Value at the best fit, in `unit`.
    draws : ndarray, shape (n_draw,)
        Values, chains one after the other.
    unit : str
        Unit of both.
    tree : xarray.DataTree
        Posterior, for the number of chains.
    """
    return Derived(name, u.Quantity(float(best), unit), in_chains(draws, unit, tree))


def in_chains(draws: FloatArray, unit: str, tree: xr.DataTree) -> xr.DataArray:
    """Return draws, chains one after the other, with dimensions (chain, draw) and their unit."""
    posterior = tree["posterior"]
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    return xr.DataArray(np.reshape(draws, shape), dims=SAMPLE_DIMS, attrs={"unit": unit})


def integral_flux(
    tree: xr.DataTree, models: Models, source: str, energy_min: u.Quantity, energy_max: u.Quantity
) -> Derived:
    """Return the photon flux of a source between two energies, cm-2 s-1.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    models : Models
        Best fit: gives the value to compare with, and those of frozen parameters.
    source : str
        Name of a source.
    energy_min, energy_max : Quantity
        Band.

    Returns
    -------
    Derived
        By the integral of the spectral model, exact to rounding. Of a template source that does not integrate to one,
        of the spectral factor.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-009 for a background, or a band that is none; BM-FT-050 for a source whose template holds the flux.
    """
    return _moment(tree, models, source, (energy_min, energy_max), 0.0)


def energy_flux(
    tree: xr.DataTree, models: Models, source: str, energy_min: u.Quantity, energy_max: u.Quantity
) -> Derived:
    """Return the energy flux of a source between two energies, TeV cm-2 s-1; arguments as of `integral_flux`."""
    return _moment(tree, models, source, (energy_min, energy_max), 1.0)


def luminosity(
    tree: xr.DataTree,
    models: Models,
    source: str,
    energy_min: u.Quantity,
    energy_max: u.Quantity,
    distance: u.Quantity,
) -> Derived:
    """Return the luminosity of a source in a band of observed energies, erg s-1, if it shines alike in all directions.

    Parameters
    ----------
    tree, models, source, energy_min, energy_max
        As of `integral_flux`.
    distance : Quantity
        Distance, for a far source the luminosity distance.

    Raises
    ------
    BayesmapInputError
        BM-FT-056 for a distance that is not above zero; else as of `integral_flux`.
    """
    length = float(to_float64(distance, "cm", "distance"))
    if not 0.0 < length < np.inf:
        raise BayesmapInputError(
            "BM-FT-056",
            what=f"the distance is {distance}",
            rule="It is one finite length above zero",
            remedy="Write for example 2 * u.kpc",
        )
    flux = energy_flux(tree, models, source, energy_min, energy_max)
    factor = 4.0 * np.pi * length**2 * u.Unit("TeV").to("erg")
    draws = flux.draws.values.ravel() * factor
    return derived(f"{source}.luminosity", flux.best.to_value("TeV cm-2 s-1") * factor, draws, "erg s-1", tree)


def flux_model(models: Models, source: str) -> SkyModel:
    """Return a source whose spectrum is a flux.

    Raises
    ------
    ModelError, BayesmapInputError
        See `integral_flux`.
    """
    model = sky_model(models, source)
    check_flux(model)
    return model


def band_edges(energy_min: u.Quantity, energy_max: u.Quantity) -> tuple[float, float]:
    """Return both ends of a band in TeV.

    Raises
    ------
    BayesmapInputError
        BM-FT-009 if they are not above zero, finite and in order.
    """
    low, high = (float(to_float64(end, "TeV", name)) for end, name in ((energy_min, "energy_min"),
                                                                       (energy_max, "energy_max")))  # fmt: skip
    if not 0.0 < low < high < np.inf:
        raise BayesmapInputError(
            "BM-FT-009",
            what=f"the band is {energy_min} to {energy_max}",
            rule="Its energies are finite, above zero and in order",
            remedy="Correct them",
        )
    return low, high


def integrals(model: SkyModel, low: float, high: float, power: float) -> Callable[[dict[str, Any]], float]:
    """Return the function of spectral parameters that integrates E^power dN/dE between two energies in TeV."""
    ends, slope, scale = (np.array([low]), np.array([high])), np.array([power]), np.sqrt(low * high) ** power
    spectrum = model.spectral_model

    def integral(values: dict[str, Any]) -> float:
        return float(np.ravel(spectrum.integral(np, *ends, slope, **values))[0]) * float(scale)

    return integral


def _moment(tree: xr.DataTree, models: Models, source: str, band: tuple[Any, Any], power: float) -> Derived:
    model = flux_model(models, source)
    integral = integrals(model, *band_edges(*band), power)
    draws = spectral_draws(tree, models, source)
    # One draw at a time: the quadratures of models without a formula spread over energies of their own.
    values = np.array([integral(dict(zip(draws, one, strict=True))) for one in zip(*draws.values(), strict=True)])
    name, unit = ("energy_flux", "TeV cm-2 s-1") if power else ("integral_flux", "cm-2 s-1")
    return derived(f"{source}.{name}", integral(model.spectral_model.canonical_values), values, unit, tree)
