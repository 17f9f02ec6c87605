"""How the instrument spreads energies."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from bayesmap.errors import BayesmapError, ResponseError
from bayesmap.fits.hdu import read_fits, write_fits
from bayesmap.fits.rmf import RmfRecord, read_rmf, rmf_hdus
from bayesmap.maps.axis import MapAxis
from bayesmap.units import BoolArray, FloatArray, to_float64

ROW_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class EnergyDispersion:
    """Probability that an event of a true-energy bin is reconstructed in each energy bin.

    Rows sum to at most 1: what is missing was reconstructed outside the reconstructed axis. Nothing is ever
    renormalised.

    Parameters
    ----------
    axis_true : MapAxis
        True energy.
    axis : MapAxis
        Reconstructed energy.
    data : array_like, shape (n_true, n_reco)
        Probabilities.
    notes : tuple of str
        What the reader of a result should know.

    Raises
    ------
    ResponseError
        If the shape does not fit the axes (BM-IR-005).
    """

    axis_true: MapAxis
    axis: MapAxis
    data: FloatArray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        data = to_float64(self.data, "", "edisp")
        if data.shape != (self.axis_true.nbin, self.axis.nbin):
            raise ResponseError(
                "BM-IR-005",
                what=f"the energy dispersion has shape {data.shape}",
                rule=f"Expected is (true, reconstructed) = {(self.axis_true.nbin, self.axis.nbin)}",
                remedy="Transpose it, or correct the axes",
            )
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "notes", tuple(self.notes))

    @classmethod
    def from_diagonal(cls, axis_true: MapAxis, axis: MapAxis) -> EnergyDispersion:
        """Make the matrix of a perfect energy measurement: overlap of the bins, as a fraction of the true bin.

        Linear in energy, as Gammapy does it: events are taken to be spread evenly over a true bin.

        Parameters
        ----------
        axis_true, axis : MapAxis
            True and reconstructed energy.

        Returns
        -------
        EnergyDispersion
        """
        true, reco = axis_true.edges, axis.edges
        low = np.maximum(true[:-1, np.newaxis], reco[np.newaxis, :-1])
        high = np.minimum(true[1:, np.newaxis], reco[np.newaxis, 1:])
        overlap = np.where(high > low, high - low, 0.0)
        return cls(axis_true, axis, overlap / np.diff(true)[:, np.newaxis])

    @classmethod
    def read(cls, path: str | PathLike[str]) -> EnergyDispersion:
        """Read an OGIP redistribution matrix (MATRIX and EBOUNDS).

        Parameters
        ----------
        path : str or path-like
            FITS file, plain or gzip. The first channel is the TLMIN of F_CHAN.

        Returns
        -------
        EnergyDispersion

        Raises
        ------
        BayesmapIOError
            If the file is damaged or is no such matrix (BM-IO-001 to 007, 011).
        """
        record = read_rmf(read_fits(path))
        axis_true = MapAxis.from_edges(record.energy_true, name="energy_true", unit=record.unit_true)
        axis = MapAxis.from_edges(record.energy, name="energy", unit=record.unit)
        return cls(axis_true, axis, record.matrix)

    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the matrix in the OGIP layout.

        Parameters
        ----------
        path : str or path-like
            Packed if it ends in ``.gz``.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        record = RmfRecord(self.axis_true.edges, self.axis_true.unit, self.axis.edges, self.axis.unit, self.data)
        write_fits(rmf_hdus(record), path, overwrite=overwrite)

    @property
    def is_diagonal(self) -> bool:
        """Whether this is the perfect measurement of `from_diagonal`, within 1e-6."""
        return bool(np.allclose(self.data, self.from_diagonal(self.axis_true, self.axis).data, rtol=0, atol=1e-6))

    def problems(self, used: BoolArray | None = None) -> tuple[BayesmapError, ...]:
        """Return what breaks the law of an energy dispersion, as errors that were not raised.

        Parameters
        ----------
        used : ndarray of bool, shape (n_true,), optional
            True energies that the instrument sees: a row of zeros is no problem elsewhere.

        Returns
        -------
        tuple of BayesmapError
        """
        sums = self.data.sum(axis=1)
        wrong = ~np.isfinite(self.data).all(axis=1) | (self.data < 0).any(axis=1) | ~(sums <= 1.0 + ROW_TOLERANCE)
        found = []
        if wrong.any():
            found.append(self._row_problem("BM-IR-001", wrong, "is not a probability", sums))
        empty = (self.data == 0).all(axis=1) & self._in_range()
        if used is not None:
            empty &= used
        if empty.any():
            found.append(self._row_problem("BM-IR-002", empty, "is all zero", sums))
        return tuple(found)

    def _in_range(self) -> BoolArray:
        """Select the true energies between the ends of the reconstructed axis, or between rows that are not empty."""
        center = self.axis_true.center
        inside = (center > self.axis.edges[0]) & (center < self.axis.edges[-1])
        filled = np.flatnonzero((self.data != 0).any(axis=1))
        if len(filled):
            inside[filled[0] : filled[-1]] = True
        return inside

    def _row_problem(self, code: str, rows: BoolArray, what: str, sums: FloatArray) -> BayesmapError:
        places = ", ".join(
            f"{n} ({self.axis_true.center[n]:.4g} {self.axis_true.unit}, sum {sums[n]:.5g})"
            for n in np.flatnonzero(rows)[:3]
        )
        return ResponseError(
            code,
            what=f"the energy dispersion {what} in {rows.sum()} of {len(rows)} true-energy rows (first: {places})",
            rule="Entries are not negative, a row sums to between 0 and 1.001, and no row is zero inside the range "
            "of the reconstructed energies",
            remedy="Make the matrix again; it is never renormalised",
        )
