"""Every number of a data set that matters, by name; and what makes such numbers usable, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmap.dataset import MapDataset, SpectrumDatasetOnOff
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel, RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap

Numbers = dict[str, Any]


def numbers_of(value: Any) -> Numbers:
    """Return name -> array of all that an analysis takes from an object.

    Parameters
    ----------
    value : MapDataset, SpectrumDatasetOnOff, WcsNDMap, MapAxis, RadialPSF, PSFKernel, EnergyDispersion or None
        What was read.
    """
    found: Numbers = {}
    if isinstance(value, MapDataset):
        parts = ("counts", "exposure", "background", "psf", "edisp", "mask", "weights")
        for part in parts:
            found |= {f"{part}.{name}": item for name, item in numbers_of(getattr(value, part)).items()}
    elif isinstance(value, SpectrumDatasetOnOff):
        for part in ("counts", "counts_off", "acceptance", "acceptance_off", "exposure", "mask"):
            if getattr(value, part) is not None:
                found[part] = np.asarray(getattr(value, part))
        for part in ("axis", "axis_true", "edisp"):
            found |= {f"{part}.{name}": item for name, item in numbers_of(getattr(value, part)).items()}
    elif isinstance(value, WcsNDMap):
        found |= _map(value)
    elif isinstance(value, MapAxis):
        found |= {"nodes": value.nodes, "center": value.center}
    elif isinstance(value, RadialPSF):
        found |= {"rad": value.rad, "data": value.data, "max_radius": value.max_radius, "energy": value.axis.nodes}
    elif isinstance(value, PSFKernel):
        found |= {"data": value.data, "energy": value.axis.nodes}
    elif isinstance(value, EnergyDispersion):
        found |= {"data": value.data, "true": value.axis_true.nodes, "reco": value.axis.nodes}
    return found


def _map(sky_map: WcsNDMap) -> Numbers:
    geom = sky_map.geom
    x, y = np.meshgrid([0.0, geom.n_lon - 1.0], [0.0, geom.n_lat - 1.0])
    lon, lat = geom.pixel_to_sky(x, y)
    found: Numbers = {"data": sky_map.data, "lon": lon, "lat": lat, "frame": geom.frame, "unit": str(sky_map.unit)}
    for axis in geom.axes:
        found |= {f"{axis.name}.{name}": item for name, item in numbers_of(axis).items()}
    return found


def differences(one: Numbers, other: Numbers) -> list[str]:
    """Return the names whose numbers are not the same, within 1e-9."""
    return [name for name in sorted(set(one) | set(other)) if not _same(one.get(name), other.get(name))]


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return one is other or (isinstance(one, str) and one == other)
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-9, atol=0, equal_nan=True))


def unusable(value: Any) -> list[str]:
    """Return what is wrong with an accepted data set, by laws written here anew."""
    if isinstance(value, MapDataset):
        return _unusable_map(value)
    if isinstance(value, SpectrumDatasetOnOff):
        return _unusable_spectrum(value)
    return [name for name, item in numbers_of(value).items() if not isinstance(item, str) and np.any(np.isnan(item))]


def _unusable_map(dataset: MapDataset) -> list[str]:
    used = dataset.mask_data
    counts, exposure = dataset.counts.data[used], dataset.exposure.data
    laws = {
        "a mask that is none": used.dtype != bool or not used.any(),
        "counts that are none": not np.all(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))),
        "exposure negative or not finite": not np.all(np.isfinite(exposure) & (exposure >= 0)) or not exposure.any(),
        "exposure not in cm2 s": str(dataset.exposure.unit) != "cm2 s",
        "counts with a unit": str(dataset.counts.unit) not in ("", "ct"),
    }
    for name, other in (("background", dataset.background), ("weights", dataset.weights)):
        if other is not None:
            laws[f"{name} negative or not finite"] = not np.all(np.isfinite(other.data) & (other.data >= 0))
            laws[f"{name} on another grid"] = not _same_grid(other, dataset.counts)
    if dataset.weights is not None:
        laws["weights above one"] = bool(np.any(dataset.weights.data > 1))
    laws["exposure on other pixels"] = not _same_grid(dataset.exposure, dataset.counts)
    laws |= _response(dataset.psf, dataset.edisp, exposure.any(axis=(1, 2)))
    return [word for word, broken in laws.items() if broken]


def _same_grid(one: WcsNDMap, other: WcsNDMap) -> bool:
    if one.geom.shape[-2:] != other.geom.shape[-2:] or one.geom.frame != other.geom.frame:
        return False
    (lon, lat), (lon2, lat2) = ((numbers["lon"], numbers["lat"]) for numbers in (numbers_of(one), numbers_of(other)))
    turn = np.abs((lon - lon2 + 180.0) % 360.0 - 180.0)
    return bool(np.all(np.isfinite(lon)) and np.all(turn < 0.01) and np.all(np.abs(lat - lat2) < 0.01))


def _response(psf: Any, edisp: Any, exposed: Any) -> dict[str, bool]:
    laws = {}
    if edisp is not None:
        sums = edisp.data.sum(axis=1)
        laws["edisp no probabilities"] = not np.all(edisp.data >= 0) or not np.all(sums <= 1.001)
    if isinstance(psf, RadialPSF):
        seen = exposed if len(exposed) == len(psf.data) else np.ones(len(psf.data), dtype=bool)
        table = psf.data[seen]
        laws["psf negative or not finite"] = not np.all(np.isfinite(table) & (table >= 0))
        whole = [_integral(psf.rad, row, psf.rad[-1]) for row in table]
        inside = [_integral(psf.rad, row, end) for row, end in zip(table, psf.max_radius[seen], strict=True)]
        good = (np.abs(np.array(whole) - 1.0) < 0.03).all() or (np.abs(np.array(inside) - 1.0) < 1e-3).all()
        laws["psf not normalised"] = not good
    return laws


def _integral(rad: Any, row: Any, end: float) -> float:
    """Return 2 pi int sin(r) psf(r) dr by the trapezium rule."""
    fine = np.linspace(0.0, end, 20_001)
    values = np.sin(np.deg2rad(fine)) * np.interp(fine, rad, row)
    return float(2 * np.pi * np.deg2rad(fine[1]) * (values.sum() - 0.5 * (values[0] + values[-1])))


def _unusable_spectrum(data: SpectrumDatasetOnOff) -> list[str]:
    used = data.mask_data
    laws = {}
    for name in ("counts", "counts_off"):
        values = getattr(data, name)[used]
        laws[f"{name} that are none"] = not np.all(np.isfinite(values) & (values >= 0) & (values == np.floor(values)))
    for name in ("acceptance", "acceptance_off"):
        values = getattr(data, name)[used]
        laws[f"{name} not positive"] = not np.all(np.isfinite(values) & (values > 0))
    laws["exposure"] = not np.all(np.isfinite(data.exposure) & (data.exposure >= 0)) or not data.exposure.any()
    if data.edisp is not None:
        laws |= _response(None, data.edisp, data.exposure > 0)
    return [word for word, broken in laws.items() if broken]
