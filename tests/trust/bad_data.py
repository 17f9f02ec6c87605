"""Rows 1 to 20 of the bad inputs: data sets and models, each with the error that it must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.irf import EnergyDispersion, PSFKernel, RadialPSF
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
from bayesmap.models import (
    DiskSpatialModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)
from bayesmap.testing import toy_models, toy_response

BASE = toy_response()
"""3 x 20 x 20 = 1,200 bins without events, a point-like response, a background."""
EDGE = 1.0
"""Half the side of the map, deg."""
CENTRE = (83.63, 22.01)


@dataclass(frozen=True)
class BadData:
    """A data set with its models, and what is said of it.

    Parameters
    ----------
    row : int
        Number in the table.
    label : str
        What is wrong, in a word.
    code : str
        Code of the only problem.
    says : str
        Part of the message: value and place.
    make : callable
        Returns data set and models.
    maps : tuple of str
        Parts that a MapDataset file has no place for: written as files of their own.
    """

    row: int
    label: str
    code: str
    says: str
    make: Callable[[], tuple[MapDataset, Models]]
    maps: tuple[str, ...] = field(default=())

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.row:02d}-{self.label.replace(' ', '-')}"


def changed(sky_map, *changes):
    """Return a map with other values in some bins: ((e, y, x), value)."""
    data = sky_map.data.copy()
    for place, value in changes:
        data[place] = value
    return sky_map.copy_with(data=data)


def with_part(name, *changes):
    """Return a maker of the toy data with other values in one of its maps."""
    return lambda: (replace(BASE, **{name: changed(getattr(BASE, name), *changes)}), toy_models())


def with_irf(**parts):
    return lambda: (replace(BASE, **{name: make() for name, make in parts.items()}), toy_models())


def masked(*bins):
    """Return a mask without some bins."""
    return WcsNDMap(BASE.counts.geom, np.ones(BASE.counts.geom.shape, dtype=bool)).copy_with(
        data=changed(WcsNDMap(BASE.counts.geom, np.ones(BASE.counts.geom.shape)), *((one, 0) for one in bins)).data > 0
    )


def dark_corner(events):
    """Return data with a corner that neither exposure nor background reach, and events in it."""
    background = changed(BASE.background, *(((e, y, x), 0.0) for e in range(3) for y in (0, 1) for x in (0, 1)))
    exposure = BASE.exposure.data.copy()
    exposure[:, :13, :13] = 0.0
    counts = BASE.counts if not events else changed(BASE.counts, ((1, 0, 1), events))
    source = toy_models(PointSpatialModel(lon_0=83.2, lat_0=22.5))
    return replace(BASE, counts=counts, background=background, exposure=BASE.exposure.copy_with(data=exposure)), source


def shifted(pixels):
    wcs = BASE.background.geom.wcs.deepcopy()
    wcs.wcs.crpix = wcs.wcs.crpix + np.array([pixels, 0])
    geom = WcsGeom(wcs, 20, 20, list(BASE.background.geom.axes))
    return lambda: (replace(BASE, background=WcsNDMap(geom, BASE.background.data)), toy_models())


def other_true_axis():
    """Return an exposure at ten times the true energies of the energy dispersion, in as many bins."""
    axis = MapAxis.from_edges(BASE.axis_true.edges * 10.0, name="energy_true")
    exposure = WcsNDMap(BASE.exposure.geom.with_axes([axis]), BASE.exposure.data, "cm2 s")
    psf = RadialPSF(axis, BASE.psf.rad, BASE.psf.data)
    return replace(BASE, exposure=exposure, psf=psf), toy_models()


def in_unit(unit, factor):
    exposure = WcsNDMap(BASE.exposure.geom, BASE.exposure.data * factor, unit)
    return lambda: (replace(BASE, exposure=exposure), toy_models())


def edisp(factor=1.0, zero=None):
    data = BASE.edisp.data * factor
    if zero is not None:
        data[zero] = 0.0
    return lambda: EnergyDispersion(BASE.axis_true, BASE.axis, data)


def radial(factor):
    return lambda: RadialPSF(BASE.axis_true, BASE.psf.rad, BASE.psf.data * factor)


def kernel(side):
    return lambda: PSFKernel(BASE.axis_true, np.full((5, side, side), 1.0 / side**2))


def source(name="source", lon=83.70, lat=21.96, **spectral):
    return SkyModel(
        PowerLawSpectralModel(**({"amplitude": "8e-10 cm-2 s-1 TeV-1"} | spectral)),
        PointSpatialModel(lon_0=lon, lat_0=lat),
        name=name,
    )


def far_away():
    return BASE, toy_models(PointSpatialModel(lon_0=83.63, lat_0=22.01 + EDGE + 5.0))


def twins():
    return BASE, Models((source("a"), source("b"), FoVBackgroundModel("toy")))


def all_frozen():
    models = toy_models()
    return BASE, models.with_frozen(dict.fromkeys(models.parameters, True))


THREE = tuple(((e, 3, 3), -5.0) for e in range(3))
BAD_DATA = (
    BadData(1, "NaN counts", "BM-IN-001", "1 of 1,200 counts bins are NaN (first: energy=1 y=3 x=4)",
            with_part("counts", ((1, 3, 4), np.nan))),
    BadData(2, "infinite counts", "BM-IN-002", "1 of 1,200 counts bins are infinite (first: energy=0 y=7 x=2)",
            with_part("counts", ((0, 7, 2), np.inf))),
    BadData(3, "negative counts", "BM-IN-004",
            "3 of 1,200 counts bins are negative (min -5; first: energy=0 y=3 x=3", with_part("counts", *THREE)),
    BadData(4, "fractional counts", "BM-IN-005",
            "1 of 1,200 counts bins are not integers (min 0.37; first: energy=2 y=5 x=6)",
            with_part("counts", ((2, 5, 6), 0.37))),
    BadData(6, "NaN background", "BM-IN-010", "1 of 1,200 background bins are not finite (first: energy=0 y=1 x=2)",
            with_part("background", ((0, 1, 2), np.nan))),
    BadData(6, "negative background", "BM-IN-011",
            "1 of 1,200 background bins are negative (min -3; first: energy=0 y=1 x=2)",
            with_part("background", ((0, 1, 2), -3.0))),
    BadData(7, "NaN exposure", "BM-IN-012", "1 of 2,000 exposure bins are NaN, infinite or negative",
            with_part("exposure", ((4, 1, 2), np.nan))),
    BadData(7, "infinite exposure", "BM-IN-012", "(first: energy=4 y=1 x=2)",
            with_part("exposure", ((4, 1, 2), np.inf))),
    BadData(7, "negative exposure", "BM-IN-012", "(min -1; first: energy=4 y=1 x=2)",
            with_part("exposure", ((4, 1, 2), -1.0))),
    BadData(8, "no exposure", "BM-IN-013", "exposure is 0 in all 2,000 bins: no bin can see any source",
            lambda: (replace(BASE, exposure=BASE.exposure.copy_with(data=0.0 * BASE.exposure.data)), toy_models())),
    BadData(9, "impossible counts", "BM-IN-014", "1 of 1,200 counts bins are positive (min 2; first: energy=1 y=0 x=1)",
            lambda: dark_corner(2.0)),
    BadData(10, "shifted background", "BM-GE-001", "and counts have different geometries (offset 6 px)", shifted(6),
            ("background",)),
    BadData(11, "other true energies", "BM-GE-003", "edisp and exposure have different true energies", other_true_axis),
    BadData(12, "exposure in cm2", "BM-GE-005", "has the unit 'cm2'", in_unit("cm2", 1.0)),
    BadData(13, "edisp rows sum to 1.3", "BM-IR-001",
            "in 3 of 5 true-energy rows (first: 1 (1.194 TeV, sum 1.1909)", with_irf(edisp=edisp(1.3))),
    BadData(13, "all-zero edisp row", "BM-IR-002", "1 of 5 true-energy rows (first: 2", with_irf(edisp=edisp(zero=2))),
    BadData(14, "PSF sums to 3", "BM-IR-003", "not normalised in 5 of 5", with_irf(psf=radial(3.0))),
    BadData(14, "PSF of zeros", "BM-IR-004", "all zero in 5 of 5", with_irf(psf=radial(0.0))),
    BadData(14, "PSF of NaN", "BM-IR-004", "NaN or infinite", with_irf(psf=radial(np.nan))),
    BadData(14, "even kernel", "BM-IR-006", "4 x 4 pixels", with_irf(psf=kernel(4)), ("psf",)),
    BadData(15, "empty mask", "BM-IN-020", "0 of 1,200 bins selected",
            lambda: (replace(BASE, mask=WcsNDMap(BASE.counts.geom, np.zeros((3, 20, 20), dtype=bool))), toy_models())),
    BadData(16, "source far outside", "BM-MO-001", "stands 5.00 deg outside the map", far_away),
    BadData(19, "twins", "BM-MO-010", "a, b are exchangeable", twins),
    BadData(20, "all frozen", "BM-MO-012", "none of the 8 parameters is free", all_frozen),
)  # fmt: skip

SIZES = {
    "sigma 0": lambda: GaussianSpatialModel(lon_0=83.7, lat_0=21.96, sigma="0 deg"),
    "sigma -0.1": lambda: GaussianSpatialModel(lon_0=83.7, lat_0=21.96, sigma="-0.1 deg"),
    "radius -0.1": lambda: DiskSpatialModel(lon_0=83.7, lat_0=21.96, r_0="-0.1 deg"),
}
"""Row 17: sizes that make no model."""
