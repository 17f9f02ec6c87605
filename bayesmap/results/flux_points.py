r"""Flux points: norms of a reference spectrum in bands of reconstructed energy, with their joint covariance.

.. math:: \left(\frac{dN}{dE}\right)_k = n_k\,\frac{dN}{dE}\Big|_{ref}(E_k), \qquad
          F_k = n_k \int_k \frac{dN}{dE}\Big|_{ref} dE, \qquad E_k = \sqrt{E_{k,1} E_{k,2}}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import astropy.units as u
import numpy as np
import xarray as xr
from astropy.table import QTable

from bayesmap.models.spectral.base import SpectralModel
from bayesmap.results.sed_table import check_word, sed_table, write_sed

KINDS = {
    "norm": "",
    "dnde": "cm-2 s-1 TeV-1",
    "flux": "cm-2 s-1",
    "eflux": "TeV cm-2 s-1",
    "e2dnde": "TeV cm-2 s-1",
}
"""What a point can be stated as, and its unit."""
PARTS = ("", "err", "errn", "errp", "ul")
FAINT = 2.0
"""A band with a smaller square root of its test statistic is shown as an upper limit."""


@dataclass(frozen=True)
class FluxPoints:
    r"""Norms of a reference spectrum in bands of energy, from one joint posterior.

    Attributes
    ----------
    source : str
        Name of the source.
    reference : SpectralModel
        Spectrum that the norms multiply.
    edges : Quantity, shape (n + 1,), unit TeV
        Ends of the bands of reconstructed energy.
    norm : ndarray, shape (n,)
        Best values, of all parameters together.
    norm_err : ndarray, shape (n,)
        Standard deviations.
    norm_errn, norm_errp : ndarray, shape (n,)
        Distances of `norm` from the ends of the interval that holds 68.3 %: with equal tails, or, where
        `norm` lies beyond an end of that, as it does at zero, the one that begins or ends at `norm`.
    norm_ul : ndarray, shape (n,)
        One-sided upper limits: the norm is below with the probability `ul_mass`. Above zero whatever the counts are.
    covariance : ndarray, shape (n, n)
        Of the norms, all other free parameters being marginalised; NaN for a best value at zero in the Laplace
        approximation.
    ts : ndarray, shape (n,)
        Twice the gain in log-likelihood (with the priors of the nuisances) over a norm of zero in this band, all else
        being optimised again.
    stat : ndarray, shape (n,)
        Cash statistic of the bins of each band at the best values.
    counts, npred, npred_excess : ndarray, shape (n, n_dataset)
        Counts; predicted counts of all models, and of the source, in each band.
    datasets : tuple of str
        Names of the data sets.
    method : str
        ``"laplace"``: best values and the Laplace approximation; ``"nuts"``: draws.
    success : bool
        True if `reasons` is empty.
    reasons : tuple of str
        Why they should not be trusted. A norm at zero is none.
    ul_mass : float
        Probability below an upper limit.
    draws : DataArray, dimensions (chain, draw, band), optional
        Draws of the norms.
    """

    source: str
    reference: SpectralModel
    edges: u.Quantity
    norm: np.ndarray
    norm_err: np.ndarray
    norm_errn: np.ndarray
    norm_errp: np.ndarray
    norm_ul: np.ndarray
    covariance: np.ndarray
    ts: np.ndarray
    stat: np.ndarray
    counts: np.ndarray
    npred: np.ndarray
    npred_excess: np.ndarray
    datasets: tuple[str, ...]
    method: str
    success: bool
    reasons: tuple[str, ...] = ()
    ul_mass: float = 0.95
    draws: xr.DataArray | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        """Return the number of bands."""
        return len(self.norm)

    @property
    def e_min(self) -> u.Quantity:
        """Lower ends of the bands, TeV."""
        return self.edges[:-1]

    @property
    def e_max(self) -> u.Quantity:
        """Upper ends of the bands, TeV."""
        return self.edges[1:]

    @property
    def e_ref(self) -> u.Quantity:
        """Geometric centres of the bands, TeV."""
        return np.sqrt(self.e_min * self.e_max)

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of the norms, shape (n, n)."""
        errors = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(errors, errors)

    @property
    def sqrt_ts(self) -> np.ndarray:
        """Square root of the test statistic, shape (n,); zero for a negative one, which is among the reasons."""
        return np.sqrt(np.where(self.ts > 0.0, self.ts, 0.0))

    @property
    def is_ul(self) -> np.ndarray:
        """True for bands whose `sqrt_ts` is below 2, shape (n,)."""
        return self.sqrt_ts < FAINT

    def reference_value(self, kind: str = "dnde") -> u.Quantity:
        """Return the reference in each band.

        Parameters
        ----------
        kind : str
            ``"norm"`` (one), ``"dnde"`` and ``"e2dnde"`` at `e_ref`, ``"flux"`` and ``"eflux"`` over the band.

        Raises
        ------
        BayesmapInputError
            BM-FT-064 for an unknown kind.
        """
        check_word("kind", kind, tuple(KINDS))
        if kind == "norm":
            return u.Quantity(np.ones(len(self)))
        if kind in ("flux", "eflux"):
            integral = self.reference.integral_flux if kind == "flux" else self.reference.energy_flux
            return integral(self.e_min, self.e_max).to(KINDS[kind])
        value = self.reference(self.e_ref)
        return (value if kind == "dnde" else value * self.e_ref**2).to(KINDS[kind])

    def value(self, kind: str = "dnde", part: str = "") -> u.Quantity:
        """Return the points.

        Parameters
        ----------
        kind : str
            ``"norm"``, ``"dnde"``, ``"flux"``, ``"eflux"`` or ``"e2dnde"``.
        part : str
            ``""``: best values; ``"err"``, ``"errn"``, ``"errp"``: errors; ``"ul"``: upper limits.

        Raises
        ------
        BayesmapInputError
            BM-FT-064 for an unknown kind or part.
        """
        check_word("part", part, PARTS)
        norms: np.ndarray = getattr(self, f"norm_{part}" if part else "norm")
        return norms * self.reference_value(kind)

    @property
    def dnde(self) -> u.Quantity:
        """Differential flux at `e_ref`, cm-2 s-1 TeV-1."""
        return self.value("dnde")

    @property
    def flux(self) -> u.Quantity:
        """Photon flux in each band, cm-2 s-1."""
        return self.value("flux")

    @property
    def eflux(self) -> u.Quantity:
        """Energy flux in each band, TeV cm-2 s-1."""
        return self.value("eflux")

    @property
    def e2dnde(self) -> u.Quantity:
        """Differential flux times energy squared, TeV cm-2 s-1."""
        return self.value("e2dnde")

    def to_table(self, sed_type: str = "likelihood") -> QTable:
        """Return the points as a table in the GADF layout of a SED.

        Parameters
        ----------
        sed_type : str
            ``"likelihood"`` (norms and the reference), ``"dnde"``, ``"flux"``, ``"eflux"`` or ``"e2dnde"``.

        Returns
        -------
        QTable
            A row for each band, with ``SED_TYPE`` among its `meta`.

        Raises
        ------
        BayesmapInputError
            BM-FT-064 for an unknown type.
        """
        return sed_table(self, sed_type)

    def write(self, path: str | PathLike[str], sed_type: str = "likelihood", *, overwrite: bool = False) -> Path:
        """Write the table: FITS for names that end in .fits or .fits.gz, ECSV for .ecsv.

        Gammapy reads both with ``FluxPoints.read``.

        Raises
        ------
        BayesmapInputError
            BM-FT-064 for an unknown type or ending.
        BayesmapIOError
            BM-IO-032 if the file exists and `overwrite` is False, BM-IO-009 if it cannot be written.
        """
        return write_sed(self.to_table(sed_type), Path(path), overwrite=overwrite)

    def __str__(self) -> str:
        """Show the verdict first, then the bands."""
        head = "" if self.success else "NOT TRUSTWORTHY: " + "; ".join(self.reasons) + "\n"
        rows = [
            f"  {low:9.4g} - {high:9.4g} TeV   {self._shown(k)}   sqrt(TS) {self.sqrt_ts[k]:6.2f}"
            for k, (low, high) in enumerate(zip(self.e_min.value, self.e_max.value, strict=True))
        ]
        title = f"Flux points of {self.source} ({self.method}; norms of {type(self.reference).__name__})"
        return head + "\n".join([title, *rows])

    def _shown(self, k: int) -> str:
        if self.is_ul[k]:
            return f"norm < {self.norm_ul[k]:.3g} ({self.ul_mass:.0%})".ljust(28)
        return f"norm {self.norm[k]:.3f} -{self.norm_errn[k]:.3f} +{self.norm_errp[k]:.3f}".ljust(28)
