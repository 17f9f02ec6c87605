"""What a FITS file says, read a second time in the plainest way: nothing is shared with the package.

What the file does not say clearly is `Unclear`: such a file must not be accepted.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from fuzzing.numbers import Numbers

ENERGY = ("energy", "energy_true")
FERMI = {"EBOUNDS": "energy", "ENERGIES": "energy_true"}


class Unclear(Exception):  # noqa: N818 - it is a verdict on a file
    """The file can be read in more than one way, or in none."""


def open_plain(path: Path) -> Any:
    """Return the HDUs of a file."""
    import gzip

    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=False)


def map_dataset(path: Path) -> Numbers:
    """Return the numbers of a MapDataset file."""
    hdus = open_plain(path)
    found: Numbers = {}
    for label in ("COUNTS", "EXPOSURE", "BACKGROUND", "WEIGHTS"):
        if _only(hdus, label) is not None:
            unit = "cm2 s" if label == "EXPOSURE" else ""
            found |= {f"{label.lower()}.{key}": item for key, item in plain_map(hdus, label, unit).items()}
    masks = [plain_map(hdus, name, "") for name in ("MASK_SAFE", "MASK_FIT") if _only(hdus, name) is not None]
    if masks:
        used = np.logical_and.reduce([item["data"] == 1 for item in masks])
        found |= {f"mask.{key}": item for key, item in masks[0].items()} | {"mask.data": used}
    if _only(hdus, "PSF") is not None:
        found |= {f"psf.{key}": item for key, item in _psf(hdus).items()}
    if _only(hdus, "EDISP") is not None:
        table = plain_map(hdus, "EDISP", "")
        found |= {"edisp.data": table["data"][..., 0, 0], "edisp.true": table["energy_true.nodes"],
                  "edisp.reco": table["energy.nodes"]}  # fmt: skip
    return found


def plain_map(hdus: Any, label: str | int, unit: str) -> Numbers:
    """Return data in a unit, sky positions of the corners, frame and axes of an image."""
    hdu = hdus[label] if isinstance(label, int) else _only(hdus, label)
    header = hdu.header
    said = str(header.get("BUNIT", "")).strip()
    unit = "ct" if said == "ct" and not unit else unit
    factor = 1.0 if said == unit or not (said or unit) else float(u.Quantity(1.0, u.Unit(said)).to_value(u.Unit(unit)))
    data = np.asarray(hdu.data, dtype=np.float64) * factor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header, naxis=2)
    n_lat, n_lon = data.shape[-2:]
    x, y = np.meshgrid([0.0, n_lon - 1.0], [0.0, n_lat - 1.0])
    lon, lat = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    kind = str(wcs.wcs.ctype[0])[:4]
    system = str(wcs.wcs.radesys).strip().lower() or ("icrs" if np.isnan(wcs.wcs.equinox) else "fk5")
    found: Numbers = {
        "data": data, "lon": (lon % 360.0).reshape(2, 2), "lat": lat.reshape(2, 2),
        "frame": "galactic" if kind == "GLON" else system, "unit": unit,
    }  # fmt: skip
    if data.ndim > 2:
        for name, (nodes, center) in _axes(hdus, hdu, data.shape[:-2]).items():
            found |= {f"{name}.nodes": nodes, f"{name}.center": center}
    return found


def _axes(hdus: Any, hdu: Any, shape: tuple[int, ...]) -> dict[str, tuple[Any, Any]]:
    """Return name -> (nodes, centres) of the axes of an image, in TeV and deg."""
    names = [hdu.header.get("BANDSHDU"), f"{hdu.name}_BANDS", "EBOUNDS", "ENERGIES"]
    table = next((_only(hdus, name) for name in names if name and _only(hdus, name) is not None), None)
    if table is None:
        raise Unclear("no table of the energies")
    found = {}
    sizes = shape[::-1]  # the first axis of the table runs fastest
    for k, size in enumerate(sizes):
        columns = _columns(table, k)
        kind = str(table.header.get(f"INTERP{k + 1}", "log" if columns[0].upper().startswith("E") else "lin"))
        if kind.strip().lower() not in ("log", "lin"):
            raise Unclear(f"INTERP{k + 1} is {kind!r}")
        values = [np.asarray(table.data[name], dtype=np.float64).reshape(sizes[::-1]) for name in columns]
        picked = [np.moveaxis(item, len(sizes) - 1 - k, 0).reshape(size, -1)[:, 0] for item in values]
        name = _axis_name(columns[0], table.name)
        nodes = np.append(picked[0], picked[1][-1]) if len(columns) == 2 else picked[0]
        units = [str(table.columns[column].unit or "") for column in columns]
        if len(set(units)) > 1:
            raise Unclear(f"columns {columns} are in {units}")
        nodes = nodes * _factor(units[0] or ("MeV" if table.name == "ENERGIES" else ""), name)
        ends = (nodes[:-1], nodes[1:]) if len(columns) == 2 else (nodes, nodes)
        center = np.sqrt(ends[0] * ends[1]) if kind.strip().lower() == "log" else 0.5 * (ends[0] + ends[1])
        found[name] = (nodes, center)
    return found


def _columns(table: Any, k: int) -> list[str]:
    said = table.header.get(f"AXCOLS{k + 1}")
    present = {name.upper() for name in table.columns.names}
    if said:
        names = [name.strip() for name in str(said).split(",")]
    elif k == 0 and {"E_MIN", "E_MAX"} <= present:
        names = ["E_MIN", "E_MAX"]
    elif k == 0 and "ENERGY" in present:
        names = ["ENERGY"]
    else:
        raise Unclear(f"axis {k + 1} has no columns")
    if len(names) > 2 or len({name.upper() for name in table.columns.names}) < len(table.columns.names):
        raise Unclear(f"columns {names} of {table.columns.names}")
    return names


def _axis_name(column: str, table: str) -> str:
    upper = column.upper()
    if table == "ENERGIES":
        return "energy_true"
    if upper in ("E_MIN", "ENERGY"):
        return "energy"
    name = upper.removesuffix("_MIN").lower()
    return "rad" if name == "theta" else name


def _factor(unit: str, name: str) -> float:
    canonical = "TeV" if name in ENERGY else "deg" if name == "rad" else ""
    if canonical and not unit:
        raise Unclear(f"axis {name} has no unit")
    return float(u.Quantity(1.0, u.Unit(unit)).to_value(u.Unit(canonical))) if canonical else 1.0


def _psf(hdus: Any) -> Numbers:
    table = plain_map(hdus, "PSF", "sr-1")
    if "rad.nodes" not in table:
        return {"data": table["data"], "energy": table["energy_true.nodes"]}
    name = "energy_true" if "energy_true.nodes" in table else "energy"
    data, rad = table["data"][..., 0, 0], table["rad.center"]
    if rad[0] > 0:
        slope = (data[:, 1] - data[:, 0]) / (rad[1] - rad[0])
        data = np.concatenate([(data[:, 0] - slope * rad[0])[:, None], data], axis=1)
        rad = np.append(0.0, rad)
    header, radii = _only(hdus, "PSF").header, []
    while f"RMAX{len(radii) + 1}" in header:
        radii.append(float(header[f"RMAX{len(radii) + 1}"]))
    radius = np.broadcast_to(np.minimum(np.array(radii) if radii else rad[-1], rad[-1]), len(data))
    return {"rad": rad, "data": data, "max_radius": radius, "energy": table[f"{name}.nodes"]}


def _only(hdus: Any, name: str) -> Any:
    """Return the only HDU of a name, None where there is none."""
    found = [hdu for hdu in hdus if str(hdu.name).upper() == name.upper()]
    if len(found) > 1:
        raise Unclear(f"{len(found)} HDUs are called {name}")
    return found[0] if found else None


def spectrum(path: Path) -> Numbers:
    """Return the numbers of an On/Off spectrum in Gammapy's layout."""
    hdus = open_plain(path)
    found: Numbers = {}
    for label in ("COUNTS", "COUNTS_OFF", "ACCEPTANCE", "ACCEPTANCE_OFF"):
        found[label.lower()] = _values(hdus, label)[0]
    exposure, unit = _values(hdus, "EXPOSURE")
    found["exposure"] = exposure * (float(u.Quantity(1, unit).to_value("cm2 s")) if unit else 1.0)
    masks = [_values(hdus, name)[0] == 1 for name in ("MASK_SAFE", "MASK_FIT") if _only(hdus, name) is not None]
    if masks:
        found["mask"] = np.logical_and.reduce(masks)
    for label, name in (("COUNTS", "axis"), ("EXPOSURE", "axis_true")):
        size = found["counts" if label == "COUNTS" else "exposure"].size
        ((nodes, center),) = _axes(hdus, _only(hdus, label), (size,)).values()
        found |= {f"{name}.nodes": nodes, f"{name}.center": center}
    if _only(hdus, "EDISP") is not None:
        data = np.asarray(_only(hdus, "EDISP").data["DATA"], dtype=np.float64)
        data = data.reshape(len(data), -1)
        axes = _axes(hdus, _only(hdus, "EDISP"), data.shape)
        found |= {"edisp.data": data, "edisp.true": axes["energy_true"][0], "edisp.reco": axes["energy"][0]}
    return found


def _values(hdus: Any, label: str) -> tuple[Any, str]:
    table = _only(hdus, label)
    if table is None:
        raise Unclear(f"no {label}")
    return np.asarray(table.data["DATA"], dtype=np.float64).ravel(), str(table.columns["DATA"].unit or "")


def single_map(path: Path) -> Numbers:
    """Return the numbers of the first image of a file, in its own unit."""
    hdus = open_plain(path)
    number = next(n for n, hdu in enumerate(hdus) if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2)
    unit = u.Unit(str(hdus[number].header.get("BUNIT", "")).strip())
    found = plain_map(hdus, number, str(hdus[number].header.get("BUNIT", "")).strip())
    return found | {"unit": str(unit)}


def ogip(folder: Path) -> Numbers:
    """Return the numbers of the PHA file of a folder and of those that it names."""
    on = open_plain(folder / "pha.fits")
    table = _only(on, "SPECTRUM")
    names = {card: str(table.header[card]).strip() for card in ("BACKFILE", "ANCRFILE", "RESPFILE")}
    if not all((folder / name).is_file() and Path(name).name == name for name in names.values()):
        raise Unclear(f"files {names}")
    off, arf = _only(open_plain(folder / names["BACKFILE"]), "SPECTRUM"), open_plain(folder / names["ANCRFILE"])
    area = _only(arf, "SPECRESP")
    time = float(table.header["EXPOSURE"])
    ratio = float(off.header["EXPOSURE"]) / time
    scale = _card(table, "AREASCAL", 1.0)
    reco, true, matrix = _rmf(folder / names["RESPFILE"])
    edges = np.append(area.data["ENERG_LO"], area.data["ENERG_HI"][-1]) * _in(area, "ENERG_LO", "keV", "TeV")
    if _in(area, "ENERG_LO", "keV", "TeV") != _in(area, "ENERG_HI", "keV", "TeV"):
        raise Unclear("lower and upper energies in different units")
    exposure = np.asarray(area.data["SPECRESP"], dtype=float) * _in(area, "SPECRESP", "cm2", "cm2")
    return {
        "counts": np.asarray(table.data["COUNTS"], dtype=float),
        "counts_off": np.asarray(off.data["COUNTS"], dtype=float),
        "acceptance": _card(table, "BACKSCAL", 1.0) * scale,
        "acceptance_off": _card(off, "BACKSCAL", 1.0) * _card(off, "AREASCAL", 1.0) * ratio,
        "exposure": exposure * scale[0] * time,
        "mask": (_card(table, "QUALITY", 0.0) == 0) & (_card(off, "QUALITY", 0.0) == 0),
        "axis.nodes": reco, "axis.center": np.sqrt(reco[1:] * reco[:-1]),
        "axis_true.nodes": edges, "axis_true.center": np.sqrt(edges[1:] * edges[:-1]),
        "edisp.data": matrix, "edisp.true": true, "edisp.reco": reco,
    }  # fmt: skip


def _card(table: Any, name: str, default: float) -> Any:
    if name in [column.upper() for column in table.columns.names]:
        return np.asarray(table.data[name], dtype=float)
    value = table.header.get(name, default)
    if isinstance(value, bool | str):
        raise Unclear(f"{name} is {value!r}")
    return np.full(len(table.data), float(value))


def _in(table: Any, name: str, default: str, unit: str) -> float:
    return float(u.Quantity(1.0, str(table.columns[name].unit or default)).to_value(unit))


def _rmf(path: Path) -> tuple[Any, Any, Any]:
    hdus = open_plain(path)
    table = next(_only(hdus, name) for name in ("MATRIX", "SPECRESP MATRIX", "DRM") if _only(hdus, name) is not None)
    bounds = _only(hdus, "EBOUNDS")
    first = int(table.header[f"TLMIN{[name.upper() for name in table.columns.names].index('F_CHAN') + 1}"])
    matrix = np.zeros((len(table.data), len(bounds.data)))
    for row, target in zip(table.data, matrix, strict=True):
        position = 0
        starts, sizes = np.atleast_1d(row["F_CHAN"]), np.atleast_1d(row["N_CHAN"])
        for group in range(int(row["N_GRP"])):
            start, size = int(starts[group]) - first, int(sizes[group])
            if start < 0:
                raise Unclear("a channel before the first")
            target[start : start + size] = np.atleast_1d(row["MATRIX"])[position : position + size]
            position += size
    for one, other, where in (("ENERG_LO", "ENERG_HI", table), ("E_MIN", "E_MAX", bounds)):
        if _in(where, one, "", "TeV") != _in(where, other, "", "TeV"):
            raise Unclear("lower and upper energies in different units")
    true = np.append(table.data["ENERG_LO"], table.data["ENERG_HI"][-1]) * _in(table, "ENERG_LO", "", "TeV")
    reco = np.append(bounds.data["E_MIN"], bounds.data["E_MAX"][-1]) * _in(bounds, "E_MIN", "", "TeV")
    return reco, true, matrix


def fermi(folder: Path) -> Numbers:
    """Return the numbers of a counts cube and a point spread function of the Fermi tools.

    The exposure is interpolated by the package: its nodes are compared, its pixels are judged by the laws alone.
    """
    hdus = open_plain(folder / "ccube.fits")
    number = next(n for n, hdu in enumerate(hdus) if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2)
    if _only(hdus, "EBOUNDS") is None:
        raise Unclear("no EBOUNDS")
    found = {f"counts.{key}": item for key, item in plain_map(hdus, number, "").items()}
    cube = open_plain(folder / "bexp.fits")
    image = next(hdu for hdu in cube if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2)
    nodes, center = _axes(cube, image, image.data.shape[:1])["energy_true"]
    found |= {"exposure.energy_true.nodes": nodes, "exposure.energy_true.center": center}
    psf = open_plain(folder / "gtpsf.fits")
    table, angles = _only(psf, "PSF"), _only(psf, "THETA")
    rad = np.asarray(angles.data["Theta"], dtype=float) * _in(angles, "Theta", "deg", "deg")
    data = np.asarray(table.data["Psf"], dtype=float) * _in(table, "Psf", "sr-1", "sr-1")
    energy = np.asarray(table.data["Energy"], dtype=float) * _in(table, "Energy", "MeV", "TeV")
    if rad[0] > 0:
        slope = (data[:, 1] - data[:, 0]) / (rad[1] - rad[0])
        data = np.concatenate([(data[:, 0] - slope * rad[0])[:, None], data], axis=1)
        rad = np.append(0.0, rad)
    return found | {
        "psf.rad": rad,
        "psf.data": data,
        "psf.max_radius": np.full(len(data), rad[-1]),
        "psf.energy": energy,
    }
