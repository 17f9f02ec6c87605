"""Models in a few words, as JSON types."""

from __future__ import annotations

from typing import Any

from bayesmap.models.sky import Models, SkyModel


def describe_models(models: Models) -> list[dict[str, Any]]:
    """Return name, components and data sets of each model.

    Parameters
    ----------
    models : Models
        Of a fit.

    Returns
    -------
    list of dict
        ``name``, ``kind``, ``components`` (name of the part -> type), ``datasets``, ``free`` (parameters).
    """
    return [
        {
            "name": model.name,
            "kind": "source" if isinstance(model, SkyModel) else type(model).__name__,
            "components": {part: type(item).__name__ for part, item in model.components.items()},
            "datasets": list(getattr(model, "datasets_names", None) or ()),
            "free": [name for name, item in model.named_parameters.items() if not item.frozen and not item.link],
        }
        for model in models
    ]
