"""Maps of models, which go beside the model file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapIOError
from bayesmap.files import refuse_existing
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.background import BackgroundModel
from bayesmap.models.named import NamedModel
from bayesmap.models.sky import AnyModel, Models


def place_templates(models: Models, folder: Path, *, overwrite: bool) -> tuple[Models, dict[Path, WcsNDMap]]:
    """Return the models with template file names beside the model file, and the maps to write there.

    Parameters
    ----------
    models : Models
        What is to be written.
    folder : Path
        Where the model file will be.
    overwrite : bool
        Whether existing files may be replaced. A file that already holds the same map is left alone.

    Raises
    ------
    BayesmapIOError
        BM-IO-032 if a file with another map exists, BM-IO-040 if two models name different maps of one file name.
    """
    placed: list[AnyModel] = []
    maps: dict[Path, WcsNDMap] = {}
    for model in models:
        spatial = model.components.get("spatial")
        if spatial is not None and "filename" in spatial.settings:
            moved, file = _with_file(model, folder)
            _place(maps, file, spatial.map, overwrite=overwrite)  # type: ignore[attr-defined]
            placed.append(moved)
        else:
            if isinstance(model, BackgroundModel):
                _place(maps, folder / map_name(model), model.background, overwrite=overwrite)
            placed.append(model)
    return Models(tuple(placed)), maps


def _place(maps: dict[Path, WcsNDMap], file: Path, template: WcsNDMap, *, overwrite: bool) -> None:
    """Add a map to those that are to be written, unless the file holds it already."""
    known = maps.get(file) or (WcsNDMap.read(file) if file.exists() else None)
    same = known is not None and _same_map(known, template)
    if known is not None and not same and (file in maps or not overwrite):
        refuse_existing([file])
        raise _two_maps(file)
    if not same:
        maps[file] = template


def map_name(model: NamedModel) -> str:
    """Return the name of the file for the map of a model."""
    return f"{model.name}.fits".replace(" ", "_")


def _with_file(model: Any, folder: Path) -> tuple[AnyModel, Path]:
    """Return the model with a template file name inside the folder, and its path."""
    spatial = model.spatial_model
    name = Path(spatial.filename).name or map_name(model)
    settings = {key: getattr(spatial, key) for key in spatial.settings} | {"filename": name}
    moved = type(spatial)(**settings, **{item.name: item for item in spatial.parameters})
    return replace(model, spatial_model=moved), folder / name


def _same_map(one: WcsNDMap, other: WcsNDMap) -> bool:
    return one.geom.is_close(other.geom) and one.unit == other.unit and np.array_equal(one.data, other.data)


def _two_maps(file: Path) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-IO-040",
        what=f"two models name different maps {file.name!r}",
        rule="Templates are written beside the model file, each under its own name",
        remedy="Give one of them another filename=",
    )
