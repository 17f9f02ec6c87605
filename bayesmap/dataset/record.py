"""One observation: counts, background, mask and the response of the instrument."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesmap.dataset import bins, grids
from bayesmap.errors import BayesmapError, raise_problems
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.irf.support import reachable_bins
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.units import CANONICAL, BoolArray, FloatArray, parse_unit

EXACT_IN_FLOAT32 = 2**24


@dataclass(frozen=True, eq=False)
class MapDataset:
    """Counts and all that is needed to predict them.

    Nothing is checked here but units that convert: `problems` lists all that is wrong in one pass, `check` raises it.

    Parameters
    ----------
    name : str
        Name of the observation.
    counts : WcsNDMap, shape (n_energy, n_lat, n_lon)
        Observed counts on bins of reconstructed energy.
    exposure : WcsNDMap, shape (n_energy_true, n_lat, n_lon)
        Converted to cm2 s; its axis, bins or nodes, is called ``energy_true`` even if it comes as ``energy``.
    background : WcsNDMap, optional
        Expected background counts, on the geometry of the counts.
    psf : RadialPSF or PSFKernel, optional
        Point spread function; None means perfect.
    edisp : EnergyDispersion, optional
        Energy dispersion; None means perfect.
    mask : WcsNDMap, optional
        Boolean: True where a bin is used.
    weights : WcsNDMap, optional
        Weight of each bin's log-likelihood, between 0 and 1, on the geometry of the counts; None means one.
    notes : tuple of str
        What the reader of a result should know.
    """

    name: str
    counts: WcsNDMap
    exposure: WcsNDMap
    background: WcsNDMap | None = None
    psf: RadialPSF | PSFKernel | None = None
    edisp: EnergyDispersion | None = None
    mask: WcsNDMap | None = None
    weights: WcsNDMap | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        exposure = self.exposure
        if parse_unit(CANONICAL["exposure"], "exposure").is_equivalent(exposure.unit):
            exposure = exposure.to_unit(CANONICAL["exposure"], "exposure")
        axes = exposure.geom.axes
        if len(axes) == 1 and axes[0].name == "energy":
            geom = exposure.geom.with_axes((axes[0].rename("energy_true"),))
            exposure = WcsNDMap(geom, exposure.data, exposure.unit, exposure.source)
        object.__setattr__(self, "exposure", exposure)
        object.__setattr__(self, "notes", tuple(self.notes))

    def nodes_as_bins(self) -> MapDataset:
        """Return the data set with an exposure given at energy nodes read as one given in bins around them.

        That is what Gammapy does: the bins end at the (logarithmic) mid points between the nodes. It is not what the
        nodes mean, and is here to compare with numbers made that way.
        """
        axis = self.axis_true
        if axis.node_type == "edges":
            return self
        bins_around = MapAxis.from_edges(axis.edges, name="energy_true", unit=axis.unit, interp=axis.interp)
        geom = self.exposure.geom.with_axes((bins_around,))
        note = "exposure nodes read as bins, as Gammapy does"
        exposure = WcsNDMap(geom, self.exposure.data, self.exposure.unit, self.exposure.source)
        return replace(self, exposure=exposure, notes=(*self.notes, note))

    def with_counts(self, counts: WcsNDMap) -> MapDataset:
        """Return the data set with other counts."""
        return replace(self, counts=counts)

    @property
    def mask_data(self) -> BoolArray:
        """Which bins are used, shape of the counts; all of them without a mask."""
        if self.mask is None:
            return np.ones(self.counts.data.shape, dtype=bool)
        return self.mask.data

    @property
    def weights_data(self) -> FloatArray:
        """Weights of the bins, shape of the counts; one without a map of them."""
        if self.weights is None:
            return np.ones(self.counts.data.shape)
        return np.asarray(self.weights.data, dtype=np.float64)

    @property
    def axis(self) -> MapAxis:
        """Reconstructed energy."""
        return self.counts.geom.axis("energy")

    @property
    def axis_true(self) -> MapAxis:
        """True energy."""
        return self.exposure.geom.axis("energy_true")

    @property
    def remarks(self) -> tuple[str, ...]:
        """`notes`, and what is unusual about the data although it can be analysed."""
        used = self.mask_data
        ignored = ~np.isfinite(self.counts.data) & ~used
        found = list(self.notes)
        if ignored.any():
            found.append(f"{ignored.sum():,} counts bins outside the mask hold no number ({bins.places(ignored)})")
        blind = (self.exposure.data == 0).all(axis=0) & used.any(axis=0)
        if blind.any():
            found.append(f"{blind.sum():,} pixels inside the mask have no exposure at any energy")
        idle = self._idle_bins(used)
        if idle.any():
            found.append(
                f"{idle.sum():,} bins dropped inside the mask: neither background nor exposure can make an event "
                f"there, and there is none (first: {bins.places(idle)})"
            )
        if np.any(self.counts.data[used] > EXACT_IN_FLOAT32):
            found.append(f"counts above {EXACT_IN_FLOAT32:,} in a bin: rounded if they were stored in single precision")
        return tuple(found)

    def _idle_bins(self, used: BoolArray) -> BoolArray:
        """Select used bins without events that no event can reach; none where the parts do not fit together."""
        if self.background is None or self.background.data.shape != used.shape:
            return np.zeros(used.shape, dtype=bool)
        idle = used & (self.counts.data == 0) & (self.background.data == 0)
        if not idle.any():
            return idle
        edisp = self.edisp or EnergyDispersion.from_diagonal(self.axis_true, self.axis)
        if edisp.data.shape != (len(self.exposure.data), len(used)):
            return np.zeros(used.shape, dtype=bool)
        return idle & ~reachable_bins(self.exposure, self.psf, edisp)

    def check(self, *, allow_asimov: bool = False) -> None:
        """Raise what is wrong with the data set.

        Parameters
        ----------
        allow_asimov : bool
            Whether counts may be fractional.

        Raises
        ------
        BayesmapInputError
            The only problem, or a `ProblemList` of all.
        """
        raise_problems(self.problems(allow_asimov=allow_asimov))

    def problems(self, *, allow_asimov: bool = False) -> tuple[BayesmapError, ...]:
        """Return all that is wrong with the data set, as errors that were not raised.

        Parameters
        ----------
        allow_asimov : bool
            Whether counts may be fractional.

        Returns
        -------
        tuple of BayesmapError
            Empty if the data set can be analysed. If the axes are unusable, only that is reported.
        """
        counts, exposure, background, mask = self.counts, self.exposure, self.background, self.mask
        found = grids.axis_problems(counts, exposure)
        if found:
            return tuple(found)
        found += grids.unit_problems(counts, background, exposure)
        found += grids.geometry_problems(counts, background, mask, exposure)
        found += grids.response_axis_problems(self.axis, self.axis_true, self.psf, self.edisp)
        found += bins.mask_problems(mask)
        found += bins.counts_problems(counts, mask, allow_asimov=allow_asimov)
        found += bins.background_problems(background)
        found += bins.weights_problems(self.weights, counts)
        found += bins.exposure_problems(exposure)
        found += bins.response_problems(exposure, self.psf, self.edisp)
        if not found:
            edisp = self.edisp or EnergyDispersion.from_diagonal(self.axis_true, self.axis)
            found += bins.support_problems(counts, self.mask_data, background, exposure, (self.psf, edisp))
        return tuple(found)

    def __str__(self) -> str:
        used = int(np.count_nonzero(self.mask_data))
        lines = [
            f"MapDataset {self.name!r}",
            f"  counts      {self.counts.geom}",
            f"  exposure    {self.exposure.geom}",
            f"  background  {'none' if self.background is None else 'given'}",
            f"  psf         {'none (perfect)' if self.psf is None else type(self.psf).__name__}",
            f"  edisp       {'none (perfect)' if self.edisp is None else self.edisp.data.shape}",
            f"  bins used   {used:,} of {self.counts.data.size:,}",
        ]
        return "\n".join(lines)
