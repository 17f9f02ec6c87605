"""A spectrum with its credible bands as a table: the numbers of a butterfly."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.table import QTable

from bayesmap.errors import BayesmapInputError
from bayesmap.results.flux import FluxBand

UNITS = ("cm-2 s-1 TeV-1", "cm-2 s-1", "erg cm-2 s-1")
"""Units of dN/dE, E dN/dE and E^2 dN/dE unless told otherwise."""


def scaled_flux(flux: u.Quantity, energy: u.Quantity, power: int, unit: str | None = None) -> np.ndarray:
    r"""Return the numbers of :math:`E^p\,dN/dE` in a unit.

    Parameters
    ----------
    flux : Quantity, shape (n,)
        dN/dE.
    energy : Quantity, shape (n,)
        Energies.
    power : int
        p: 0, 1 or 2.
    unit : str, optional
        Unit of the result; by default as in `UNITS`.

    Raises
    ------
    BayesmapInputError
        BM-FT-076 for another power, or a unit that does not go with it.

    Examples
    --------
    >>> flux = u.Quantity([1e-12], "cm-2 s-1 TeV-1")
    >>> float(scaled_flux(flux, u.Quantity([2.0], "TeV"), 2, "TeV cm-2 s-1")[0])
    4e-12
    """
    try:
        return np.asarray((energy**power * flux).to_value(unit_of(power, unit)))
    except (u.UnitConversionError, ValueError) as error:
        raise _unusable(f"E^{power} dN/dE in {unit}", str(error)) from error


def unit_of(power: int, unit: str | None) -> str:
    """Return the unit that is used for a power of the energy; see `scaled_flux`."""
    if power not in range(len(UNITS)):
        raise _unusable(f"power is {power!r}", "0, 1 and 2 are known")
    return UNITS[power] if unit is None else unit


def butterfly_table(band: FluxBand, *, power: int = 0, unit: str | None = None) -> QTable:
    r"""Return a spectrum with its credible bands as a table, one row for each energy.

    Parameters
    ----------
    band : FluxBand
        See `bayesmap.results.flux.flux_band`.
    power : int
        Of the energy that multiplies dN/dE: 0, 1 or 2.
    unit : str, optional
        Unit of the fluxes; by default cm-2 s-1 TeV-1, cm-2 s-1 or erg cm-2 s-1.

    Returns
    -------
    QTable
        Columns ``energy``, ``best``, ``median``, and ``lower_68.27`` and ``upper_68.27`` for a band that holds
        68.27 %; ``meta`` has ``source``, ``quantity`` and ``masses``.

    Raises
    ------
    BayesmapInputError
        BM-FT-076 for another power, or a unit that does not go with it.
    """
    unit = unit_of(power, unit)
    table = QTable({"energy": band.energy})
    columns = {"best": band.best, "median": band.median}
    for mass, lower, upper in zip(band.masses, band.lower, band.upper, strict=True):
        columns |= {f"lower_{100.0 * mass:.4g}": lower, f"upper_{100.0 * mass:.4g}": upper}
    for name, flux in columns.items():
        table[name] = u.Quantity(scaled_flux(flux, band.energy, power, unit), unit)
    quantity = ("dN/dE", "E dN/dE", "E^2 dN/dE")[power]
    table.meta = {"source": band.source, "quantity": quantity, "masses": list(band.masses)}
    return table


def _unusable(what: str, why: str) -> BayesmapInputError:
    return BayesmapInputError(
        "BM-FT-076",
        what=f"{what}: {why}",
        rule=f"A spectrum is shown as dN/dE, E dN/dE or E^2 dN/dE, for example in {', '.join(UNITS)}",
        remedy="Correct power or unit",
    )
