"""Names of the models: found by searching their folders, so that a new model is one new file."""

from __future__ import annotations

import importlib
import pkgutil

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent, did_you_mean


def _search(folder: str) -> dict[str, type[ModelComponent]]:
    """Return tag -> class for the models that the modules of a package define."""
    package = importlib.import_module(folder)
    found: dict[str, type[ModelComponent]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{folder}.{info.name}")
        for item in vars(module).values():
            defined_here = isinstance(item, type) and item.__module__ == module.__name__
            if defined_here and issubclass(item, ModelComponent) and item.tag:
                found.update(dict.fromkeys(item.tag, item))
    return found


def spectral_models() -> dict[str, type[ModelComponent]]:
    """Return the spectral models: class name and short name -> class.

    Examples
    --------
    >>> spectral_models()["pl"].__name__
    'PowerLawSpectralModel'
    """
    return _search("bayesmap.models.spectral")


def spatial_models() -> dict[str, type[ModelComponent]]:
    """Return the spatial models: class name and short name -> class."""
    return _search("bayesmap.models.spatial")


def class_names(models: dict[str, type[ModelComponent]]) -> tuple[str, ...]:
    """Return the class names of a registry, sorted, without the short names."""
    return tuple(sorted({model.tag[0] for model in models.values()}))


def find_model(kind: str, name: str) -> type[ModelComponent]:
    """Return the model class of a kind (``"spectral"`` or ``"spatial"``) by class name or short name.

    Raises
    ------
    ModelError
        BM-MO-017 if there is none, with the names that exist.
    """
    models = {"spectral": spectral_models, "spatial": spatial_models}[kind]()
    if name in models:
        return models[name]
    names = class_names(models)
    raise ModelError(
        "BM-MO-017",
        what=f"no {kind} model is called {name!r}",
        rule=f"Available are {', '.join(names)}",
        remedy=did_you_mean(name, tuple(models)),
    )
