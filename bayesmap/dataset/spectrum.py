"""One observation of a region: counts on the source and off it, as 1-D spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesmap.errors import BayesmapError, BayesmapInputError, raise_problems
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.maps.axis import MapAxis
from bayesmap.units import BoolArray, FloatArray, to_float64


@dataclass(frozen=True, eq=False)
class SpectrumDatasetOnOff:
    r"""Counts in an On region, and in Off regions that see the same background.

    .. math:: n_{on} \sim \mathrm{Poisson}(s + b),\qquad n_{off} \sim \mathrm{Poisson}(b / \alpha),\qquad
              \alpha = a_{on} / a_{off}

    The source's whole flux is taken to be seen through `exposure`: the share of a PSF that falls outside the On region
    belongs into it, as it does in an OGIP effective-area file.

    Parameters
    ----------
    name : str
        Name of the observation.
    axis : MapAxis
        Bins of reconstructed energy.
    counts, counts_off : array_like, shape (n_reco,)
        Observed counts in the On and in the Off region.
    acceptance, acceptance_off : float or array_like, shape (n_reco,)
        Relative acceptances of background in the two.
    axis_true : MapAxis
        Bins of true energy.
    exposure : Quantity or array_like, shape (n_true,)
        Effective area times live time; numbers in cm2 s.
    edisp : EnergyDispersion, optional
        Energy dispersion; None means perfect.
    mask : array_like of bool, shape (n_reco,), optional
        True where a bin is used.
    notes : tuple of str
        What the reader of a result should know.
    """

    name: str
    axis: MapAxis
    counts: FloatArray
    counts_off: FloatArray
    acceptance: FloatArray
    acceptance_off: FloatArray
    axis_true: MapAxis
    exposure: FloatArray
    edisp: EnergyDispersion | None = None
    mask: BoolArray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take numbers as float64 arrays."""
        n = self.axis.nbin
        for name in ("counts", "counts_off", "acceptance", "acceptance_off"):
            values = np.array(np.broadcast_to(to_float64(getattr(self, name), "", name), (n,)))
            object.__setattr__(self, name, values)
        object.__setattr__(self, "exposure", to_float64(self.exposure, "cm2 s", "exposure"))
        if self.mask is not None:
            object.__setattr__(self, "mask", np.asarray(self.mask))
        object.__setattr__(self, "notes", tuple(self.notes))

    @property
    def mask_data(self) -> BoolArray:
        """Which bins are used, shape (n_reco,)."""
        return np.ones(self.axis.nbin, dtype=bool) if self.mask is None else self.mask

    @property
    def alpha(self) -> FloatArray:
        """Ratio of the acceptances, shape (n_reco,)."""
        return self.acceptance / self.acceptance_off

    def with_counts(self, counts: FloatArray) -> SpectrumDatasetOnOff:
        """Return the data set with other counts in the On region."""
        return replace(self, counts=counts)

    def check(self, *, allow_asimov: bool = False) -> None:
        """Raise what is wrong with the data set: one problem as it is, several as a `ProblemList`."""
        raise_problems(self.problems(allow_asimov=allow_asimov))

    def problems(self, *, allow_asimov: bool = False) -> tuple[BayesmapError, ...]:
        """List what is wrong with the data set (BM-IN-040 to 042, and those of the energy dispersion).

        Parameters
        ----------
        allow_asimov : bool
            Not used: the background is summed over whole numbers of counts, so these must be whole.
        """
        found: list[BayesmapError] = []
        used = self.mask_data
        if used.dtype != np.bool_ or used.shape != (self.axis.nbin,) or not used.any():
            found.append(self._problem("BM-IN-042", f"its mask has shape {used.shape} and type {used.dtype}, "
                                       f"{np.count_nonzero(used)} bins used", "A mask is boolean, one entry a bin, "
                                       "somewhere True", "Correct the mask"))  # fmt: skip
            return tuple(found)
        for name in ("counts", "counts_off"):
            values = getattr(self, name)
            bad = used & ~(np.isfinite(values) & (values >= 0) & (values == np.floor(values)))
            found += self._bad(bad, values, name, "whole numbers >= 0", "BM-IN-040")
        for name in ("acceptance", "acceptance_off"):
            values = getattr(self, name)
            found += self._bad(used & ~(np.isfinite(values) & (values > 0)), values, name, "positive", "BM-IN-041")
        exposed = np.isfinite(self.exposure) & (self.exposure >= 0)
        if self.exposure.shape != (self.axis_true.nbin,) or not exposed.all() or not self.exposure.any():
            first = "" if exposed.all() else f" (first: {np.flatnonzero(~exposed.ravel())[0]})"
            found.append(self._problem("BM-IN-041", f"its exposure has shape {self.exposure.shape}, "
                                       f"{np.count_nonzero(~exposed)} entries negative or not finite{first}",
                                       f"It has {self.axis_true.nbin} entries >= 0, some positive",
                                       "Correct the exposure"))  # fmt: skip
        elif self.edisp is not None:
            found += self.edisp.problems(self.exposure > 0)
            found += self._axis_problems()
        return tuple(found)

    def _axis_problems(self) -> list[BayesmapError]:
        if self.edisp is None:
            return []
        pairs = [("true", self.axis_true, self.edisp.axis_true), ("reconstructed", self.axis, self.edisp.axis)]
        return [
            self._problem("BM-GE-003", f"its {what} energy is {mine}, that of the energy dispersion {other}",
                          "Both must be the same bins", "Regrid one of them")
            for what, mine, other in pairs
            if mine.nbin != other.nbin or not np.allclose(mine.edges, other.edges, rtol=1e-6, atol=0)
        ]  # fmt: skip

    def _bad(self, bad: BoolArray, values: FloatArray, name: str, what: str, code: str) -> list[BayesmapError]:
        if not bad.any():
            return []
        first = int(np.flatnonzero(bad)[0])
        return [
            self._problem(
                code,
                f"{bad.sum()} of {bad.size} {name} bins are not {what} (first: energy={first}, {values[first]:g})",
                f"{name} must be {what} in the bins that are used",
                "Correct them, or exclude the bins with the mask",
            )
        ]

    def _problem(self, code: str, what: str, rule: str, remedy: str) -> BayesmapError:
        return BayesmapInputError(code, what=f"spectrum {self.name!r}: {what}", rule=rule, remedy=remedy)

    def __str__(self) -> str:
        used = self.mask_data
        return (
            f"SpectrumDatasetOnOff {self.name!r}\n"
            f"  bins used   {np.count_nonzero(used)} of {used.size}\n"
            f"  counts      {self.counts[used].sum():g} on, {self.counts_off[used].sum():g} off\n"
            f"  edisp       {'none (perfect)' if self.edisp is None else self.edisp.data.shape}"
        )
