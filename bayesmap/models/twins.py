"""Sources that nothing tells apart: of one kind, with the same priors, limits and start values.

Exchanging their names changes neither the likelihood nor the prior, and a search that starts where they are alike
stays there: it ends at a saddle. Sources of one kind that start at different places are another matter, since the data
may hold them apart; whether they did, the verdict says from the draws.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from bayesmap.errors import ModelError
from bayesmap.models.sky import Models, SkyModel


def twins(models: Models, priors: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
    """Return pairs of sources that nothing tells apart.

    Parameters
    ----------
    models : Models
        At their start values.
    priors : dict, optional
        Prior of each free parameter by qualified name; by default the parameters' own.

    Examples
    --------
    >>> from bayesmap.models import PointSpatialModel, PowerLawSpectralModel
    >>> def source(name, lon):
    ...     return SkyModel(PowerLawSpectralModel(), PointSpatialModel(lon_0=lon, lat_0=0.0), name=name)
    >>> twins(Models([source("a", 1.0), source("b", 1.0), source("c", 2.0)]))
    [('a', 'b')]
    """
    free = {name for name, item in models.parameters.items() if item.free}
    moving = [item for item in models.sky_models if any(name in free for name in item.named_parameters)]
    placed = [item for item in moving if item.spatial_model.has_position]  # type: ignore[attr-defined]
    pairs = itertools.combinations(placed, 2)
    return [(first.name, second.name) for first, second in pairs if _alike(first, second, priors or {})]


def check_twins(models: Models, priors: Mapping[str, Any] | None = None) -> None:
    """Refuse sources that nothing tells apart.

    Raises
    ------
    ModelError
        BM-MO-010.
    """
    found = twins(models, priors)
    if found:
        first, second = found[0]
        more = f" (and {len(found) - 1} more pairs)" if len(found) > 1 else ""
        raise ModelError(
            "BM-MO-010",
            what=f"{first}, {second} are exchangeable{more}: one kind, the same priors, limits and start values",
            rule="Exchanging their names changes nothing, so neither the search nor the draws can tell which is which",
            remedy=f"Start {second} at another place, give it limits or priors of its own, order them by flux "
            f"(link the amplitude of {second} to that of {first}, times a norm between 0 and 1), or remove one",
        )


def _alike(first: SkyModel, second: SkyModel, priors: Mapping[str, Any]) -> bool:
    if first.datasets_names != second.datasets_names or first.apply_irf != second.apply_irf:
        return False
    parts = first.components, second.components
    if list(parts[0]) != list(parts[1]):
        return False
    same_kind = all(
        type(a) is type(b) and getattr(a, "frame", None) == getattr(b, "frame", None)
        for a, b in zip(parts[0].values(), parts[1].values(), strict=True)
    )
    return same_kind and _stated(first, priors) == _stated(second, priors)


def _stated(model: SkyModel, priors: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stated of each parameter, without its error, by the name inside the model."""
    found = {}
    for name, item in model.named_parameters.items():
        own = priors.get(name, item.prior) if item.free else None
        found[name.removeprefix(f"{model.name}.")] = item.replace(error=math.nan, prior=own)
    return found
