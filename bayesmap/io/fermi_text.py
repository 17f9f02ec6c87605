"""Spectra in text files: the isotropic background of the Fermi-LAT, and any table of energy and flux."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from astropy import units as u

from bayesmap.errors import BayesmapIOError

MAX_ROWS = 100_000
MAX_BYTES = 20_000_000


def read_spectrum_table(path: str | PathLike[str], unit: str = "cm-2 s-1 MeV-1") -> tuple[u.Quantity, u.Quantity]:
    """Read a table of energies in MeV and flux densities.

    Parameters
    ----------
    path : str or path-like
        Text with two columns or more, of which the first two are used; lines that begin with ``#`` are left out.
    unit : str
        Unit of the second column.

    Returns
    -------
    energy, values : Quantity, shape (n,)
        In MeV and `unit`.

    Raises
    ------
    BayesmapIOError
        BM-IO-042 if it is no such table, or the energies do not increase.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")  # noqa: TRY301 - one message for all
        lines = [line.split("#")[0].split() for line in text.decode("utf-8").splitlines()]
        rows = np.array([[float(number) for number in line[:2]] for line in lines if line], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise _no_table(path, str(error)) from error
    if rows.ndim != 2 or rows.shape[1] != 2 or not 2 <= len(rows) <= MAX_ROWS:
        raise _no_table(path, f"it has the shape {rows.shape}")
    energy, values = rows.T
    bad = ~np.isfinite(rows).all(axis=1) | (values < 0) | (np.diff(energy, prepend=0.0) <= 0)
    if bad.any():
        raise _no_table(path, f"row {int(np.argmax(bad)) + 1} holds {energy[bad][0]:g} {values[bad][0]:g}")
    return u.Quantity(energy, "MeV"), u.Quantity(values, unit)


def _no_table(path: Path, why: str) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-IO-042",
        what=f"{path.name} is no table of a spectrum: {' '.join(why.split())[:150]}",
        rule="It must have 2 to 100,000 rows of energy (MeV, increasing) and flux density (not negative)",
        remedy="Name the right file, or correct it",
    )
