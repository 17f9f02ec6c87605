"""Flux points as tables in the layout of gamma-astro-data-formats (GADF), which Gammapy reads.

References
----------
https://gamma-astro-data-formats.readthedocs.io, "Flux points" (SED_TYPE dnde, flux, eflux, e2dnde, likelihood).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import QTable, Table

from bayesmap.errors import BayesmapInputError
from bayesmap.files import refuse_existing, write_whole
from bayesmap.fits.hdu import write_fits

SED_TYPES = ("likelihood", "dnde", "flux", "eflux", "e2dnde")
REFERENCES = ("dnde", "flux", "eflux", "e2dnde")
ERRORS = ("err", "errn", "errp", "ul")
PER_DATASET = ("counts", "npred", "npred_excess")
HDU = "FLUXPOINTS"


def sed_table(points: Any, sed_type: str) -> QTable:
    """Return flux points as a table; see `bayesmap.results.flux_points.FluxPoints.to_table`.

    Parameters
    ----------
    points : FluxPoints
        Points.
    sed_type : str
        One of `SED_TYPES`.
    """
    check_word("sed_type", sed_type, SED_TYPES)
    table = QTable()
    for name in ("e_ref", "e_min", "e_max"):
        table[name] = getattr(points, name)
    kind = "norm" if sed_type == "likelihood" else sed_type
    if kind == "norm":
        for name in REFERENCES:
            table[f"ref_{name}"] = points.reference_value(name)
    for part in ("", *ERRORS):
        table[f"{kind}_{part}" if part else kind] = points.value(kind, part)
    table["ts"], table["sqrt_ts"], table["stat"] = points.ts, points.sqrt_ts, points.stat
    table["stat_null"] = points.stat + points.ts
    for name in PER_DATASET:
        table[name] = getattr(points, name)
    table["datasets"] = np.tile(points.datasets, (len(points), 1))
    table["is_ul"], table["success"] = points.is_ul, np.full(len(points), points.success)
    table.meta.update(_meta(points, sed_type))
    return table


def _meta(points: Any, sed_type: str) -> dict[str, Any]:
    return {
        "SED_TYPE": sed_type,
        "UL_CONF": points.ul_mass,
        "OBJECT": points.source,
        "METHOD": points.method,
        "n_sigma": 1,
        "sqrt_ts_threshold_ul": 2,
    }


def write_sed(table: QTable, path: Path, *, overwrite: bool) -> Path:
    """Write a table; see `bayesmap.results.flux_points.FluxPoints.write`."""
    if path.name.endswith((".fits", ".fits.gz")):
        plain = Table(table)
        plain.meta = {key: value for key, value in table.meta.items() if key.isupper()}  # as keywords of a header
        write_fits(fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(plain, name=HDU)]), path, overwrite=overwrite)
        return path
    if path.suffix != ".ecsv":
        raise BayesmapInputError(
            "BM-FT-064",
            what=f"the file is to be called {path.name!r}",
            rule="The ending says the format: .fits, .fits.gz or .ecsv",
            remedy="Choose one of these endings",
        )
    if not overwrite:
        refuse_existing([path])
    text = io.StringIO()
    Table(table).write(text, format="ascii.ecsv")
    write_whole(path, text.getvalue())
    return path


def check_word(what: str, word: Any, known: tuple[str, ...]) -> None:
    """Refuse a word that is not known.

    Raises
    ------
    BayesmapInputError
        BM-FT-064.
    """
    if word not in known:
        raise BayesmapInputError(
            "BM-FT-064",
            what=f"{what} is {word!r}",
            rule=f"It must be one of {', '.join(map(repr, known))}",
            remedy="Use one of these words",
        )
