"""Models for a fit of flux points: one source gets a norm in each band, all else stays free as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesmap.errors import BayesmapInputError
from bayesmap.models.link import NAME, is_identity, names_in
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spectral.banded import BandedSpectralModel
from bayesmap.units import FloatArray

NORM_PRIOR = Prior("HalfFlat")
"""Of each norm: flat above zero."""


def banded_models(models: Models, source: SkyModel, edges: FloatArray, *, shape: bool) -> Models:
    """Return models in which the spectrum of a source is held and multiplied by a norm in each band.

    Parameters
    ----------
    models : Models
        As a rule the best fit.
    source : SkyModel
        One of them.
    edges : ndarray, shape (n + 1,), unit TeV
        Edges of the bands of reconstructed energy.
    shape : bool
        True to leave the source's position and shape free where they are.

    Returns
    -------
    Models
        What was linked to the source's spectrum keeps the value that it has.

    Raises
    ------
    BayesmapInputError
        BM-FT-068 if a spectral parameter of the source is in a pool.
    """
    prefix = f"{source.name}.spectral."
    for pool in models.pools:
        inside = [name for name in pool.members if name.startswith(prefix)]
        if inside:
            raise BayesmapInputError(
                "BM-FT-068",
                what=f"{inside[0]} is in the pool {pool.name!r}",
                rule="The spectrum of a source with flux points is held, and a held parameter is in no pool",
                remedy="Take it out of the pool for this fit",
            )
    freed = models.with_parameters(_without_source(models, prefix))
    norms = {f"norm_{k}": Parameter(f"norm_{k}", 1.0, min=0.0, prior=NORM_PRIOR) for k in range(len(edges) - 1)}
    spectrum = BandedSpectralModel(source.spectral_model, edges, **norms)
    new = dataclasses.replace(freed[source.name], spectral_model=spectrum)  # type: ignore[arg-type]
    found = Models(tuple(new if model.name == source.name else model for model in freed))
    held = [name for name, item in found.parameters.items() if name.startswith(f"{source.name}.spatial.") and item.free]
    return found if shape else found.with_frozen(dict.fromkeys(held, True))


def priors_without(priors: str | Mapping[Any, Any], models: Models, fitted: Models) -> Any:
    """Return the priors of a fit without those of parameters that are not free in another.

    Parameters
    ----------
    priors : str or dict
        As of `MapFit`.
    models : Models
        Of the fit that they were passed to.
    fitted : Models
        Of the other fit.

    Raises
    ------
    BayesmapInputError
        BM-FT-068 for a joint prior that holds such a parameter and others.
    """
    if isinstance(priors, str):
        return priors
    table, free, found = models.parameters, set(fitted.parameters.free_names), {}
    for key, prior in priors.items():
        names = tuple(table.resolve(name) for name in (key if isinstance(key, tuple) else (key,)))
        there = [name in free for name in names]
        if any(there) and not all(there):
            raise BayesmapInputError(
                "BM-FT-068",
                what=f"{', '.join(names)} have a prior together, and not all of them are free without the source",
                rule="A joint prior holds for all its parameters, or for none",
                remedy="Give them priors of their own",
            )
        if all(there):
            found[names if isinstance(key, tuple) else names[0]] = prior
    return found


def _without_source(models: Models, prefix: str) -> dict[str, Parameter]:
    """Return the parameters that are linked to a component, with its values in place of the names."""
    table, changed = models.parameters, {}
    for name, item in table.items():
        if not item.link or name.startswith(prefix):
            continue
        if not any(other.startswith(prefix) for other in names_in(item.link)):
            continue
        if is_identity(item.link):
            changed[name] = item.replace(link="", frozen=True)
            continue
        link = NAME.sub(lambda found: f"({table[found[1]].value!r})" if found[1].startswith(prefix) else found[0],
                        item.link)  # fmt: skip
        free = "{" in link
        changed[name] = item.replace(link=link if free else "", frozen=item.frozen or not free)
    return changed
