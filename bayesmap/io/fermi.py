"""Files of the Fermi science tools: gtbin, gtexpcube2, gtpsf, gtdrm, diffuse cube and isotropic table."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.fits.hdu import DEFAULT_LIMITS, FitsFile, ReadLimits, column, read_fits
from bayesmap.fits.rmf import read_rmf
from bayesmap.io.fermi_text import read_spectrum_table
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap, first_image, map_from_fits
from bayesmap.maps.resample import resample_sky
from bayesmap.units import FloatArray, parse_unit

PathLikeStr = str | PathLike[str]
DIFFUSE_UNIT = "cm-2 s-1 MeV-1 sr-1"


def read_fermi(
    counts: PathLikeStr,
    exposure: PathLikeStr,
    psf: PathLikeStr | None = None,
    edisp: PathLikeStr | None = None,
    *,
    background: Any = None,
    mask: Any = None,
    name: str | None = None,
    psf_max_radius: Any = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> MapDataset:
    """Make a data set of the files of a binned Fermi-LAT analysis.

    Parameters
    ----------
    counts : path
        Counts cube of ``gtbin`` (CCUBE).
    exposure : path
        Exposure cube of ``gtexpcube2``, at energy nodes. It is interpolated to the pixels of the counts.
    psf : path, optional
        ``gtpsf``.
    edisp : path, optional
        ``gtdrm``. The exposure is then given in its bins of true energy, by its value at their geometric centre,
        log-log between the nodes (fit with ``energy_integration="interpolated"``). Without it energies are taken as
        perfect and the exposure stays at its nodes.
    background : WcsNDMap, optional
        Expected counts, if something is to be fixed.
    mask : WcsNDMap, optional
        True where a bin is used.
    name : str, optional
        By default the name of the counts file.
    psf_max_radius : Quantity, float or array, optional
        Where the psf is cut, numbers in deg.
    limits : ReadLimits
        Bounds on the unpacked size of each file.

    Returns
    -------
    MapDataset
        Read, not checked.

    Raises
    ------
    BayesmapIOError
        BM-IO-001 to 011 for what is wrong in a file, BM-IO-043 for a file of another tool,
        BM-IO-044 if the exposure does not cover the energies.
    GeometryError
        BM-GE-009 if the exposure does not cover the pixels of the counts.
    BayesmapInputError
        BM-IN-012 for an exposure that is infinite or negative anywhere.
    """
    cube = read_fermi_counts(counts, limits=limits)
    whole = read_fermi_exposure(exposure, limits=limits)
    _check_exposure(whole)
    nodes = resample_sky(whole, cube.geom.to_image())
    matrix = None if edisp is None else read_fermi_edisp(edisp, limits=limits)
    table = None if psf is None else read_fermi_psf(psf, max_radius=psf_max_radius, limits=limits)
    return MapDataset(
        name=name or Path(counts).name.split(".")[0],
        counts=cube,
        exposure=nodes if matrix is None else _in_bins(nodes, matrix.axis_true),
        background=background,
        psf=table,
        edisp=matrix,
        mask=mask,
        notes=("exposure interpolated to the pixels of the counts",),
    )


def read_fermi_counts(path: PathLikeStr, *, limits: ReadLimits = DEFAULT_LIMITS) -> WcsNDMap:
    """Read a counts cube: PRIMARY and EBOUNDS."""
    file = read_fits(path, limits)
    _require(file, "a counts cube (gtbin, CCUBE)", "EBOUNDS")
    return map_from_fits(file, first_image(file))


def read_fermi_exposure(path: PathLikeStr, *, limits: ReadLimits = DEFAULT_LIMITS) -> WcsNDMap:
    """Read an exposure cube: PRIMARY and ENERGIES, nodes of true energy; cm2 s where no unit is given."""
    file = read_fits(path, limits)
    _require(file, "an exposure cube (gtexpcube2)", "ENERGIES")
    cube = map_from_fits(file, first_image(file))
    return cube.to_unit("cm2 s", "exposure") if str(cube.unit) else cube.copy_with(unit="cm2 s")


def read_fermi_diffuse(path: PathLikeStr, *, limits: ReadLimits = DEFAULT_LIMITS) -> WcsNDMap:
    """Read a diffuse cube: brightness at nodes of true energy; cm-2 s-1 MeV-1 sr-1 where no unit is given."""
    file = read_fits(path, limits)
    cube = map_from_fits(file, first_image(file))
    return cube if str(cube.unit) else cube.copy_with(unit=DIFFUSE_UNIT)


def read_fermi_isotropic(path: PathLikeStr) -> tuple[u.Quantity, u.Quantity]:
    """Read the table of the isotropic background: energies (MeV) and brightness (cm-2 s-1 MeV-1 sr-1)."""
    return read_spectrum_table(path, DIFFUSE_UNIT)


def read_fermi_psf(path: PathLikeStr, *, max_radius: Any = None, limits: ReadLimits = DEFAULT_LIMITS) -> RadialPSF:
    """Read a point spread function: PSF (Energy, Exposure, Psf) and THETA."""
    file = read_fits(path, limits)
    _require(file, "a point spread function (gtpsf)", "PSF", "THETA")
    table = file.get("PSF")
    energy, unit = column(file, table, "Energy")
    theta, angle = column(file, file.get("THETA"), "Theta")
    values, density = column(file, table, "Psf")
    axis = MapAxis.from_nodes(energy, name="energy_true", unit=unit or "MeV")
    rad = theta * parse_unit(angle or "deg", file.where("THETA"))
    return RadialPSF(axis, rad, values * parse_unit(density or "sr-1", file.where("PSF")), max_radius)


def read_fermi_edisp(path: PathLikeStr, *, limits: ReadLimits = DEFAULT_LIMITS) -> EnergyDispersion:
    """Read a redistribution matrix: DRM (or MATRIX) and EBOUNDS; energies without a unit are MeV."""
    record = read_rmf(read_fits(path, limits))
    axis_true = MapAxis.from_edges(record.energy_true, name="energy_true", unit=record.unit_true or "MeV")
    return EnergyDispersion(axis_true, MapAxis.from_edges(record.energy, unit=record.unit or "MeV"), record.matrix)


def _check_exposure(exposure: WcsNDMap) -> None:
    """Refuse what interpolation could hide; pixels off the sky, and only these, may be NaN."""
    bad = np.isinf(exposure.data) | (exposure.data < 0)
    if bad.any():
        raise BayesmapInputError(
            "BM-IN-012",
            what=f"{bad.sum():,} of {bad.size:,} exposure bins in {exposure.source} are infinite or negative "
            f"(first: {exposure.data[bad][0]:g} at {', '.join(map(str, np.argwhere(bad)[0]))})",
            rule="Exposure must be finite and >= 0",
            remedy="Correct the exposure; it is never clipped",
        )


def _in_bins(exposure: WcsNDMap, axis: MapAxis) -> WcsNDMap:
    """Return the exposure at the geometric centres of bins, log-log between its nodes."""
    nodes, centre = exposure.geom.axes[0].center, axis.center
    if centre[0] < nodes[0] * (1 - 1e-6) or centre[-1] > nodes[-1] * (1 + 1e-6):
        raise BayesmapIOError(
            "BM-IO-044",
            what=f"the exposure has energies from {nodes[0]:g} to {nodes[-1]:g} TeV, the energy dispersion has {axis}",
            rule="The exposure must cover the true energies of the energy dispersion",
            remedy="Make both with the same energies",
        )
    low = np.clip(np.searchsorted(nodes, centre) - 1, 0, len(nodes) - 2)
    fraction = np.log(centre / nodes[low]) / np.log(nodes[low + 1] / nodes[low])
    data = _power(exposure.data[low], exposure.data[low + 1], fraction[:, None, None])
    return WcsNDMap(exposure.geom.with_axes((axis,)), data, exposure.unit, exposure.source)


def _power(low: FloatArray, high: FloatArray, fraction: FloatArray) -> FloatArray:
    """Interpolate logarithms; straight where one of the two is zero."""
    positive = (low > 0) & (high > 0)
    ratio = np.where(positive, high, 1.0) / np.where(positive, low, 1.0)
    return np.where(positive, low * ratio**fraction, (1 - fraction) * low + fraction * high)


def _require(file: FitsFile, what: str, *names: str) -> None:
    missing = [name for name in names if name not in file]
    if missing:
        raise BayesmapIOError(
            "BM-IO-043",
            what=f"{file.name} has no {', '.join(missing)}; it has {', '.join(file.names)}",
            rule=f"It must be {what}",
            remedy="Name the right file",
        )
