"""Models without one source, and with flat priors on its parameters: the two sides of a test for it."""

from __future__ import annotations

import dataclasses
from typing import Any

from bayesmap.errors import BayesmapInputError
from bayesmap.models.link import model_of, names_in
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spectral.constant import ConstantSpectralModel
from bayesmap.models.spectral.power_law_norm import PowerLawNormSpectralModel


def silenced(models: Models, source: SkyModel) -> Models:
    """Return the models with one source that makes no counts: its spectrum is zero, its shape held.

    It stays in place, so that every data set keeps a model.

    Raises
    ------
    BayesmapInputError
        BM-FT-065 if other parameters are linked to those of the source, or one of it is in a pool.
    """
    _check_alone(models, source.name)
    spectrum: Any = (
        PowerLawNormSpectralModel(norm=Parameter("norm", 0.0, frozen=True))
        if source.spectral_model.is_norm
        else ConstantSpectralModel(const=Parameter("const", 0.0, "cm-2 s-1 TeV-1", frozen=True))
    )
    spatial = source.spatial_model
    held = spatial.with_parameters(tuple(item.replace(frozen=True, link="", prior=None) for item in spatial.parameters))
    dark = dataclasses.replace(source, spectral_model=spectrum, spatial_model=held)
    return Models(tuple(dark if model.name == source.name else model for model in models))


def flat_source(models: Models, source: str) -> Models:
    """Return the models with flat priors on the free parameters of a source."""
    return models.with_priors(dict.fromkeys(own_names(models, source), Prior("Flat")))


def own_names(models: Models, source: str) -> tuple[str, ...]:
    """Return the free parameters of a source by qualified name."""
    return tuple(name for name in models.parameters.free_names if model_of(name) == source)


def _check_alone(models: Models, source: str) -> None:
    problem = ""
    for name, item in models.parameters.items():
        if item.link and model_of(name) != source:
            problem = next((f"{name} is linked to {other}" for other in names_in(item.link)
                            if model_of(other) == source), problem)  # fmt: skip
    for pool in models.pools:
        problem = next((f"{name} is in the pool {pool.name!r}" for name in pool.members if model_of(name) == source),
                       problem)  # fmt: skip
    if problem:
        raise BayesmapInputError(
            "BM-FT-065",
            what=f"{source!r} cannot be left out: {problem}",
            rule="A source is tested against models that do not depend on it",
            remedy="Remove the link, or take it out of the pool",
        )
