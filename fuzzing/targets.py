"""What a case damages, how the package reads it, and what it says when it is read plainly."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayesmap.errors import raise_problems
from bayesmap.io.datasets import read_datasets
from bayesmap.io.fermi import read_fermi
from bayesmap.io.gammapy import read_dataset
from bayesmap.io.ogip import read_ogip
from bayesmap.io.spectrum import read_spectrum
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.spatial.template import TemplateSpatialModel
from fuzzing import truth
from fuzzing.numbers import Numbers, numbers_of

OGIP = ("pha.fits", "bkg.fits", "arf.fits", "rmf.fits")
FERMI = ("ccube.fits", "bexp.fits", "gtpsf.fits")
WITH_SUMS = ("dataset-sum.fits", "dataset-sum.fits.gz", "spectrum-sum.fits")


@dataclass(frozen=True)
class Target:
    """One file that is damaged.

    Parameters
    ----------
    file : str
        Its name in the folder of good inputs.
    read : callable
        (path of the damaged file) -> what the package makes of it, checked.
    says : callable, optional
        (path of the damaged file) -> its numbers, read plainly.
    beside : tuple of str
        Files that are read with it.
    names : tuple of str
        Which numbers are compared; all if empty.
    """

    file: str
    read: Callable[[Path], Any]
    says: Callable[[Path], Numbers] | None = None
    beside: tuple[str, ...] = ()
    names: tuple[str, ...] = field(default=())


def _dataset(path: Path) -> Any:
    dataset = read_dataset(path)
    dataset.check()
    return dataset


def _spectrum(path: Path) -> Any:
    dataset = read_spectrum(path)
    dataset.check()
    return dataset


def _ogip(path: Path) -> Any:
    dataset = read_ogip(path.parent / "pha.fits")
    dataset.check()
    return dataset


def _fermi(path: Path) -> Any:
    dataset = read_fermi(*(path.parent / name for name in FERMI))
    raise_problems(dataset.problems())
    return dataset


def _template(path: Path) -> Any:
    image = WcsNDMap.read(path)
    TemplateSpatialModel(map=image)
    return image


FITS_TARGETS = (
    Target("dataset.fits", _dataset, truth.map_dataset),
    Target("dataset-sum.fits", _dataset, truth.map_dataset),
    Target("dataset-sum.fits.gz", _dataset, truth.map_dataset),
    Target("spectrum.fits", _spectrum, truth.spectrum),
    Target("spectrum-sum.fits", _spectrum, truth.spectrum),
    Target("template.fits", _template, truth.single_map),
    Target("counts.fits", WcsNDMap.read, truth.single_map),
    *(Target(name, _ogip, lambda path: truth.ogip(path.parent), OGIP) for name in OGIP),
    *(Target(name, _fermi, lambda path: truth.fermi(path.parent), FERMI) for name in FERMI),
)


def place(target: Target, corpus: Path, folder: Path, content: bytes) -> Path:
    """Write a damaged file, and those that belong to it, into an empty folder.

    Parameters
    ----------
    target : Target
        What it is.
    corpus : Path
        Folder of good inputs.
    folder : Path
        Where to.
    content : bytes
        Damaged file.
    """
    for name in target.beside:
        shutil.copyfile(corpus / name, folder / name)
    path = folder / target.file
    path.write_bytes(content)
    return path


def compared(target: Target, found: Any, said: Mapping[str, Any]) -> tuple[Numbers, Numbers]:
    """Return the numbers of both readings that can be compared.

    What the package interpolates (the pixels of a Fermi exposure) is not in the file.
    """
    mine = numbers_of(found)
    if target.file in FERMI:
        mine = {name: item for name, item in mine.items() if not name.startswith("exposure") or ".energy_true" in name}
    return mine, dict(said)


__all__ = ["FITS_TARGETS", "WITH_SUMS", "Target", "compared", "place", "read_datasets"]
