"""The folder in which the draws of a fit are kept while they are made."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmap.fit.recipe import Recipe
from bayesmap.inference.sample import sample
from bayesmap.results.draw_folder import open_store
from bayesmap.results.draw_store import DrawStore
from bayesmap.results.posterior import what_was_fitted
from bayesmap.results.provenance import versions

if TYPE_CHECKING:
    from bayesmap.fit.facade import MapFit

SETTINGS = ("draws", "tune", "chains", "target_accept", "max_treedepth", "start", "nuts_sampler")
"""Options of `sample` that the draws depend on, besides the seed."""
PACKAGES = ("bayesmap", "nutpie", "jax", "jaxlib", "numpy")
"""Packages whose versions may change the last bit of a draw."""


@contextmanager
def draw_store(
    fit: MapFit, folder: str | os.PathLike[str] | None, options: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> Iterator[DrawStore | None]:
    """Open the folder that the draws of a fit go into; give None where there is none.

    Parameters
    ----------
    fit : MapFit
        The fit.
    folder : path-like or None
        Where they go.
    options : mapping
        Of `sample`.
    resume, overwrite : bool
        See `bayesmap.results.draw_folder.open_store`.

    Raises
    ------
    BayesmapInputError, BayesmapIOError
        BM-IO-021 to 025.
    """
    if folder is None:
        yield None
        return
    attributes = what_was_fitted(fit._posterior.variables, fit.datasets, fit._options.record())
    identity, size = run_identity(fit, options), fit._posterior.variables.coordinates.size
    with open_store(
        Path(folder), identity, attributes, options["chains"], size=size, resume=resume, overwrite=overwrite
    ) as store:
        yield store


def run_identity(fit: MapFit, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the draws of a fit depend on, in JSON types: data, models, priors, settings, versions.

    Parameters
    ----------
    fit : MapFit
        The fit.
    options : mapping
        Of `sample`.
    """
    defaults = {name: item.default for name, item in inspect.signature(sample).parameters.items()}
    known = versions() | {"jaxlib": importlib.metadata.version("jaxlib")}
    return {
        **Recipe.of(fit).identity(fit._posterior),
        **{name: _plain(options.get(name, defaults[name])) for name in SETTINGS},
        "seed": _plain(options.get("random_seed")),
        "versions": {name: known[name] for name in PACKAGES},
    }


def _plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value
