"""Which prior each free parameter gets: its own, one of those passed to the fit, or one of a named set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pymc as pm

from bayesmap.errors import BayesmapError, BayesmapInputError, PriorError, attempt, raise_problems
from bayesmap.fold.pixelmap import frame_rotation, unit_vector
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.sphere import separation
from bayesmap.models.default_priors import POSITIONS, default_prior
from bayesmap.models.derived_prior import DerivedPrior
from bayesmap.models.parameter import Parameter
from bayesmap.models.prior import Prior
from bayesmap.models.sky import Models
from bayesmap.models.table import ParameterTable
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.derived import derived_variable
from bayesmap.posterior.distributions import build_distribution, exact
from bayesmap.posterior.joint import joint_priors, joint_variable
from bayesmap.posterior.position import PositionPrior, Scaled
from bayesmap.posterior.variables import DEVIATE, Variable, Variables

SETS = ("default", "flat")
FLAT = Prior("Flat")
LARGEST_CAP = 80.0
"""Degrees: a tangent plane ends at 90."""


def choose_priors(models: Models, priors: str | Mapping[Any, Any], geoms: Sequence[WcsGeom]) -> dict[str, Any]:
    """Return the prior of each free parameter by qualified name.

    A prior passed in the mapping comes first, then the parameter's own (from Python or the model file), then the set:
    `default` where a mapping is passed.

    Parameters
    ----------
    models : Models
        With their own priors.
    priors : str or dict
        ``"default"``, ``"flat"``, or name -> prior, and tuple of names -> correlated prior.
    geoms : sequence of WcsGeom
        Geometries of the counts, the scale of sizes.

    Raises
    ------
    BayesmapInputError
        BM-FT-003 for an unknown set.
    ModelError
        BM-MO-002 for an unknown or ambiguous parameter name.
    PriorError
        BM-PR-006 for a prior on a frozen or linked parameter, BM-PR-007 for one on a pooled parameter.
    """
    if isinstance(priors, str) and priors not in SETS:
        raise BayesmapInputError(
            "BM-FT-003",
            what=f"priors is {priors!r}",
            rule=f"It must be one of {', '.join(SETS)}, or a dict of name and prior",
            remedy="Use one of these words",
        )
    table = models.parameters
    problems: list[BayesmapError] = []
    stated = () if isinstance(priors, str) else _single(priors)
    found = {attempt(problems, _free_name, table, name): prior for name, prior in stated}
    raise_problems(problems)
    given = {name: prior for name, prior in found.items() if name is not None}
    radius = max((map_radius(geom) for geom in geoms), default=1.0)
    chosen = {}
    for name in table.free_names:
        own = given.get(name, table[name].prior)
        fallback = FLAT if priors == "flat" else default_prior(_model_class(models, name), table[name], radius)
        chosen[name] = fallback if own is None else own
    return chosen


def usable(models: Models, priors: str | Mapping[Any, Any]) -> str | dict[Any, Any]:
    """Return the priors of a mapping whose parameters exist and are free."""
    if isinstance(priors, str):
        return priors
    ignored: list[BayesmapError] = []
    names = {key: key if isinstance(key, tuple) else (key,) for key in priors}
    known = {key: [attempt(ignored, _free_name, models.parameters, name) for name in names[key]] for key in priors}
    return {key: prior for key, prior in priors.items() if None not in known[key]}


def _free_name(table: ParameterTable, given: str) -> str:
    name = table.resolve(given)
    if not table[name].free:
        raise PriorError(
            "BM-PR-006",
            what=f"a prior was passed for {name}, which is {'linked' if table[name].link else 'frozen'}",
            rule="Only free parameters have a prior",
            remedy=f"Remove the prior, or {'the link' if table[name].link else 'unfreeze it'}",
        )
    return name


def _single(priors: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """Return name and prior, those of a correlated prior one by one."""
    return [(name, prior) for key, prior in priors.items() for name in (key if isinstance(key, tuple) else (key,))]


def map_radius(geom: WcsGeom, center: tuple[float, float] | None = None) -> float:
    """Return the largest separation in degrees of a pixel centre from a position, by default the map's centre.

    It is never smaller than a pixel: a single one has no other centre.
    """
    lon, lat = geom.to_image().pixel_centers()
    lon_0, lat_0 = geom.center if center is None else center
    return max(float(separation(lon, lat, lon_0, lat_0).max()), pixel_size(geom))


def pixel_size(geom: WcsGeom) -> float:
    """Return the side in degrees of a mean pixel."""
    return float(np.rad2deg(np.sqrt(np.mean(geom.to_image().solid_angle()))))


def build_variables(models: Models, priors: str | Mapping[Any, Any], geoms: Sequence[WcsGeom]) -> Variables:
    """Return the free parameters with their distributions.

    Parameters
    ----------
    models, priors, geoms
        See `choose_priors`.

    Raises
    ------
    PriorError
        See `choose_priors`, `distributions.build_distribution`, and `joint` and `derived` for priors of these kinds.
    ProblemList
        Where the priors of several parameters cannot be used.
    """
    coordinates = Coordinates(models, tuple(models.parameters.free_names))
    chosen = choose_priors(models, priors, geoms)
    paired = {i: source for source, pair in coordinates.moving.items() for i in pair}
    pooled = frozenset(coordinates.names[i] for i in coordinates.pooled)
    joint = {} if isinstance(priors, str) else joint_priors(models, priors, pooled)
    first = {names[0]: names for names in joint}
    problems: list[BayesmapError] = []
    variables: list[Variable | None] = []
    for i, name in enumerate(coordinates.names):
        if name in first:
            variables.append(attempt(problems, joint_variable, joint[first[name]], first[name], coordinates))
        elif any(name in names for names in joint):
            continue
        elif i in coordinates.pooled:
            if not isinstance(priors, str):
                attempt(problems, _check_not_pooled, models, priors, name, coordinates.pooled[i].name)
            chosen[name] = f"pool {coordinates.pooled[i].name}"
            variables.append(_deviate(name, i, chosen[name]))
        elif i not in paired:
            if _is_lone_position(name) and priors != "flat":
                chosen[name] = _stated(chosen[name], models.parameters[name], *_reach(models, name, geoms))
            variables.append(attempt(problems, _scalar, name, chosen[name], coordinates))
        elif i == coordinates.moving[paired[i]][0]:
            build = partial(_position, flat=priors == "flat")
            radius = radius_of(models, paired[i], geoms)
            pixel = min((pixel_size(geom) for geom in geoms), default=0.1)
            variables.append(attempt(problems, build, paired[i], coordinates, chosen, radius, pixel))
    raise_problems(problems)
    built = Variables(coordinates, tuple(item for item in variables if item is not None), chosen)
    built.in_order()
    return built


def _scalar(name: str, prior: Any, coordinates: Coordinates) -> Variable:
    """Return the variable of one parameter by itself."""
    if isinstance(prior, DerivedPrior):
        return derived_variable(prior, name, coordinates)
    parameter = coordinates.models.parameters[name]
    distribution, transform = build_distribution(prior, parameter, name)
    return Variable(name, (coordinates.names.index(name),), distribution, transform, str(prior), parameter.unit)


def _deviate(name: str, index: int, text: str) -> Variable:
    """Return the standard-normal variable of a pooled parameter."""
    return Variable(f"{name}{DEVIATE}", (index,), pm.Normal.dist(exact(0.0), exact(1.0)), None, text, "")


def _check_not_pooled(models: Models, priors: Mapping[Any, Any], name: str, pool: str) -> None:
    if name in {models.parameters.resolve(given) for given, _ in _single(priors)}:
        raise PriorError(
            "BM-PR-007",
            what=f"a prior was passed for {name}, in the pool {pool!r}",
            rule="The prior of a pooled parameter is the pool's distribution",
            remedy="Remove the prior, or take the parameter out of the pool",
        )


def radius_of(models: Models, source: str, geoms: Sequence[WcsGeom]) -> float:
    """Return the radius in degrees of the cap around a source's start that holds all the maps."""
    return min(max((_radius_in(models, source, geom) for geom in geoms), default=1.0), LARGEST_CAP)


def _radius_in(models: Models, source: str, geom: WcsGeom) -> float:
    spatial: Any = models[source].components["spatial"]
    vector = frame_rotation(spatial.frame, geom.frame) @ unit_vector(np, *spatial.position)
    start = np.rad2deg(np.arctan2(vector[1], vector[0])), np.rad2deg(np.arcsin(vector[2] / np.linalg.norm(vector)))
    return map_radius(geom, start)


def _position(
    source: str, coordinates: Coordinates, chosen: Mapping[str, Any], radius: float, pixel: float, *, flat: bool
) -> Variable:
    """Return the two-vector of a moving source."""
    names = tuple(f"{source}.spatial.{bare}" for bare in POSITIONS)
    parameters = tuple(coordinates.models.parameters[name] for name in names)
    stated = [chosen[name] for name in names]
    text = "flat in tangent-plane offsets" if flat else f"uniform on the sphere within {radius:.3g} deg of the start"
    given: tuple[Any, ...] = ()
    if any(prior != FLAT for prior in stated):
        lat_0 = parameters[1].canonical_value
        pairs = [_stated(prior, item, radius, lat_0) for prior, item in zip(stated, parameters, strict=True)]
        given = tuple(
            build_distribution(prior, _without_limits(item), name)[0]
            for prior, item, name in zip(pairs, parameters, names, strict=True)
        )
        text = f"lon_0 {pairs[0]}, lat_0 {pairs[1]}"
    lon, lat = parameters
    prior = PositionPrior(lon, lat, radius=float("inf") if flat else radius, given=given, text=text)
    name = f"{source}.spatial.position"
    return Variable(name, coordinates.moving[source], prior.build(), Scaled(pixel), text, "deg", prior)


def _is_lone_position(name: str) -> bool:
    """Return True for a longitude or latitude; one that is free alone, where this is asked."""
    return name.rsplit(".", 2)[1:] in [["spatial", bare] for bare in POSITIONS]


def _reach(models: Models, name: str, geoms: Sequence[WcsGeom]) -> tuple[float, float]:
    """Return the radius of the cap around a source's start, and the latitude of that, in degrees."""
    source = name.rsplit(".", 2)[0]
    spatial: Any = models[source].components["spatial"]
    return radius_of(models, source, geoms), spatial.position[1]


def _stated(prior: Any, parameter: Parameter, radius: float, lat_0: float) -> Any:
    """Return a stated prior; for a coordinate without one, uniform over the range that the cap covers."""
    if prior != FLAT:
        return prior
    low, high = parameter.canonical_value - radius, parameter.canonical_value + radius
    if parameter.name == POSITIONS[0]:
        reaches_pole = abs(lat_0) + radius >= 90.0
        half = 180.0 if reaches_pole else np.rad2deg(np.arcsin(np.sin(np.deg2rad(radius)) / np.cos(np.deg2rad(lat_0))))
        low, high = parameter.canonical_value - half, parameter.canonical_value + half
    else:
        low, high = max(low, -90.0), min(high, 90.0)
    return Prior("Uniform", lower=low / parameter.canonical_factor, upper=high / parameter.canonical_factor)


def _without_limits(parameter: Parameter) -> Parameter:
    """Return a parameter without limits: those of a position hold for the two-vector."""
    return dataclasses.replace(parameter, min=float("nan"), max=float("nan"))


def _model_class(models: Models, name: str) -> str:
    model, kind, bare = name.rsplit(".", 2)
    return models[model].components[kind].origin(bare)[0]
