"""Sky models in XML: the format of Gammapy 0.10, which is that of the Fermi tools and of ctools."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import astropy.units as u

from bayesmap.errors import BayesmapError, ConfigError, ProblemList, attempt, located, raise_problems
from bayesmap.io import xml_schema as schema
from bayesmap.io.fermi_text import read_spectrum_table
from bayesmap.io.model_schema import FileRules, build
from bayesmap.io.safe_xml import Element, load_xml
from bayesmap.io.safe_yaml import unknown_key, unknown_type
from bayesmap.io.template_path import resolve_input
from bayesmap.io.xml_schema import Kind, Name, Number
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter, limit_text, limits_problem, make_parameter
from bayesmap.models.registry import find_model
from bayesmap.models.sky import Models, SkyModel

SOURCE = ("name", "type", "id", "tscalc", "instrument")
PARAMETER = ("name", "value", "scale", "min", "max", "free", "error")
TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read_models_xml(
    source: str | PathLike[str],
    *,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
) -> Models:
    """Read sky models from XML.

    The value of a parameter is value x scale, and so are its limits and error. Spectral indices have the sign of the
    exponent there: it is turned, the limits with it. A cut-off energy becomes lambda = 1 / E_cut.

    Parameters
    ----------
    source : str or path-like
        A path, or text that holds ``<``.
    root, allow_paths, env
        Which template files may be read, see `read_models`. ``$(NAME)`` is a variable.

    Returns
    -------
    Models
        The attribute ``id`` of a source becomes `datasets_names`; ``tscalc`` and ``instrument`` are not used.

    Raises
    ------
    ConfigError
        BM-CF-001 unknown element, attribute or parameter; 002 and 005 numbers; 006 unknown type; 007 something is
        missing; 015 a parameter twice; 040 no plain XML; 042 a number that cannot be used; 043 what is not computed.
    BayesmapIOError
        BM-IO-012 to 016: a file that may not be read, or is not there.
    ProblemList
        If there are several problems.
    """
    is_text = isinstance(source, str) and "<" in source
    folder = root if root is not None or is_text else Path(source).resolve().parent
    rules = FileRules(folder, tuple(allow_paths), dict(env or {}))
    try:
        return _models(load_xml(source), rules)
    except ProblemList as error:
        raise (
            error if is_text else ProblemList([located(item, Path(source).name) for item in error.problems])
        ) from error
    except BayesmapError as error:
        raise error if is_text else located(error, Path(source).name) from error


def is_xml(source: Any) -> bool:
    """Whether a path ends in ``.xml``."""
    return isinstance(source, str | PathLike) and Path(source).suffix.lower() == ".xml" and "\n" not in str(source)


def _models(library: Element, rules: FileRules) -> Models:
    if library.tag != "source_library":
        raise unknown_key(library.where, "element", library.tag, ("source_library",))
    library.check(("title", "version"), ("source",))
    problems: list[BayesmapError] = []
    models = [attempt(problems, _source, item, rules) for item in library.children]
    raise_problems(problems)
    return Models(tuple(model for model in models if model is not None))


def _source(source: Element, rules: FileRules) -> SkyModel:
    source.check(SOURCE, ("spectrum", "spatialModel"), required=("name", "type"))
    spectrum, shape = source.child("spectrum"), source.child("spatialModel")
    is_cube = shape.attributes.get("type") in schema.CUBES
    problems: list[BayesmapError] = []
    spectral = attempt(problems, _spectral, spectrum, is_cube, rules)
    spatial = attempt(problems, _spatial, shape, rules)
    raise_problems(problems)
    ids = [name.strip() for name in source.attributes.get("id", "").split(",") if name.strip()]
    fields = {"name": source.attributes["name"], "datasets_names": ids or None}
    return build(SkyModel, fields | {"spectral_model": spectral, "spatial_model": spatial}, source.where)


def _spectral(spectrum: Element, is_cube: bool, rules: FileRules) -> ModelComponent:
    kinds = schema.NORM if is_cube else schema.SPECTRAL
    if spectrum.attributes.get("type") == "FileFunction" and not is_cube:
        return _file_function(spectrum, rules)
    spectrum.check(("type", "apply_edisp"), ("parameter",), required=("type",))
    kind = _kind(spectrum, kinds, (() if is_cube else ("FileFunction",)))
    return _component("spectral", kind, spectrum)


def _file_function(spectrum: Element, rules: FileRules) -> ModelComponent:
    """Return the table of a file, with its norm where that is not 1 and frozen."""
    spectrum.check(("type", "file", "apply_edisp"), ("parameter",), required=("type", "file"))
    table = find_model("spectral", "TemplateSpectralModel")
    energy, values = read_spectrum_table(_file(spectrum, rules))
    template: Any = build(table, {"energy": energy, "values": values}, spectrum.where)
    names = {"Normalization": Name("norm"), "Value": Name("norm")}
    norm = _component("spectral", Kind("PowerLawNormSpectralModel", names), spectrum)
    given = norm.parameters[0]
    return template if given.frozen and given.value == 1.0 else template * norm


def _spatial(shape: Element, rules: FileRules) -> ModelComponent:
    files = shape.attributes.get("type") in (*schema.MAPS, *schema.CUBES)
    extra = ("file", "normalize", "map_based_integral") if files else ()
    shape.check(("type", *extra), ("parameter",), required=("type", *(("file",) if files else ())))
    if files:
        return _template(shape, rules)
    kind = _kind(shape, schema.SPATIAL, (*schema.MAPS, *schema.CUBES))
    if shape.attributes["type"] not in schema.ELLIPTICAL:
        return _component("spatial", kind, shape)
    rest = [item for item in shape.children if item.attributes.get("name") != "MinorRadius"]
    model = _component("spatial", kind, Element(shape.tag, shape.attributes, shape.line, rest))
    minor = [item for item in shape.children if item.attributes.get("name") == "MinorRadius"]
    if len(minor) != 1:
        rule = "An ellipse has one MinorRadius"
        raise _incomplete(shape, f"has {len(minor) or 'no'} MinorRadius", rule, "Give it once")
    return build(model.with_parameters, {"parameters": (_eccentricity(model, minor[0]),)}, shape.where)


def _eccentricity(model: ModelComponent, item: Element) -> Parameter:
    """Return e = sqrt(1 - (minor / major)^2); limits of the minor radius follow if the major one does not move."""
    number, frozen = _number(item)
    major = model.parameters[2]
    limited = not (math.isnan(number.min) and math.isnan(number.max))
    if (limited and not major.frozen) or not 0 < number.value <= major.value:
        raise ConfigError(
            "BM-CF-043",
            what=f"{item.where} is {number.value:g}, limits [{limit_text(number.min, 'g')}, "
            f"{limit_text(number.max, 'g')}]; MajorRadius is {major.value:g} and "
            f"{'frozen' if major.frozen else 'free'}",
            rule="The shape is kept as e = sqrt(1 - (minor / major)^2), with 0 < minor <= major; limits of the minor "
            "radius are limits of e only while the major one is frozen",
            remedy="Exchange the radii and turn PA by 90 deg, or remove the limits of MinorRadius",
        )

    def ellipticity(minor: float) -> float:
        return math.sqrt(max(1.0 - (minor / major.value) ** 2, 0.0))

    e = next(item for item in model.parameters if item.name == "e")
    low = e.min if math.isnan(number.max) else ellipticity(number.max)
    high = e.max if math.isnan(number.min) else ellipticity(number.min)
    return e.replace(value=ellipticity(number.value), min=low, max=high, frozen=frozen)


def _template(shape: Element, rules: FileRules) -> ModelComponent:
    """Return an image or cube; its norm must be 1, because the spectrum has the amplitude."""
    for item in shape.children:
        number, frozen = _number(item)
        if item.attributes["name"] not in ("Value", "Normalization", "Prefactor") or number.value != 1.0 or not frozen:
            raise ConfigError(
                "BM-CF-043",
                what=f"{item.where} of a map is {number.value:g}, {'frozen' if frozen else 'free'}",
                rule="A map has one parameter, a norm, which must be 1 and frozen: the spectrum has the amplitude",
                remedy="Put the factor into the spectrum",
            )
    path = _file(shape, rules)
    kind = shape.attributes["type"]
    normalize = _truth(shape, "normalize", default=kind == "DiffuseMap")
    sky_map = WcsNDMap.read(path)
    if not normalize and not str(sky_map.unit):
        sky_map = sky_map.copy_with(unit="cm-2 s-1 MeV-1 sr-1" if kind in schema.CUBES else "sr-1")
    fields = {"map": sky_map, "normalize": normalize, "filename": shape.attributes["file"]}
    return build(find_model("spatial", "TemplateSpatialModel"), fields, shape.where)


def _component(family: str, kind: Kind, element: Element) -> ModelComponent:
    """Return a model from the parameters of an element."""
    model = find_model(family, kind.model)
    defaults = {parameter.name: parameter for parameter in model.default_parameters}
    problems: list[BayesmapError] = []
    found: dict[str, Any] = {}
    spelled = [item.attributes.get("name", "") for item in element.children]
    for item in element.children:
        attempt(problems, _take, found, defaults, kind, item)
    missing = {name.name for name in kind.names.values()} - set(found) - set(kind.optional)
    if missing and not problems:
        problems.append(_missing(element, kind, missing))
    raise_problems(problems)
    if family == "spatial" and "lon_0" in found:
        galactic = [name in schema.GALACTIC for name in spelled if name in schema.POSITION]
        if any(galactic) != all(galactic):
            rule = "A position is RA and DEC, or GLON and GLAT"
            raise _incomplete(element, "mixes RA and DEC with GLON and GLAT", rule, "Write both of one frame")
        found["frame"] = "galactic" if all(galactic) else "icrs"
    return build(model, found, element.where)


def _take(found: dict[str, Any], defaults: dict[str, Parameter], kind: Kind, item: Element) -> None:
    """Read one parameter and add it to those that were found."""
    spelled = item.attributes.get("name", "")
    if spelled not in kind.names:
        item.check(PARAMETER, (), required=("name", "value"))
        raise unknown_key(item.where, "parameter", spelled, tuple(kind.names))
    name = kind.names[spelled]
    if name.name in found:
        raise ConfigError(
            "BM-CF-015",
            what=f"{item.where} gives {name.name!r} again",
            rule="Each parameter may be given once",
            remedy="Keep one of them",
        )
    number, frozen = _number(item)
    number = number.related(name.relation, item.where)
    start = make_parameter(defaults[name.name], u.Quantity(number.value, name.unit))
    low = start.min if math.isnan(number.min) else number.min
    high = start.max if math.isnan(number.max) else number.max
    problem = limits_problem(spelled, number.value, low, high)
    if problem is not None:
        raise ConfigError("BM-CF-005", what=f"{item.where}: {problem.what}", rule=problem.rule, remedy=problem.remedy)
    found[name.name] = start.replace(unit=name.unit, min=low, max=high, error=number.error, frozen=frozen)


def _number(item: Element) -> tuple[Number, bool]:
    """Return the numbers of a parameter, times its scale, and whether it is frozen."""
    item.check(PARAMETER, (), required=("name", "value"))
    scale = _float(item, "scale") if "scale" in item.attributes else 1.0
    value = _float(item, "value") * scale
    low, high = (_float(item, key) * scale if key in item.attributes else math.nan for key in ("min", "max"))
    error = _float(item, "error") * abs(scale) if "error" in item.attributes else math.nan
    if scale < 0:
        low, high = high, low
    if low > high or scale == 0 or error < 0:
        raise ConfigError(
            "BM-CF-042",
            what=f"{item.where} has scale {scale:g}, min {limit_text(low, 'g')}, max {limit_text(high, 'g')}, "
            f"error {limit_text(error, 'g')}",
            rule="min must not exceed max, the scale is not zero, an error is not negative",
            remedy="Correct the numbers",
        )
    return Number(value, low, high, error), not _truth(item, "free", default=False)


def _float(item: Element, key: str) -> float:
    text = item.attributes[key]
    if not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?\s*", text):
        raise ConfigError(
            "BM-CF-042",
            what=f"{item.where} has {key}={text!r}",
            rule="It must be a finite number",
            remedy='Write for example "1e-12"',
        )
    return float(re.sub("[dD]", "e", text))


def _truth(item: Element, key: str, *, default: bool) -> bool:
    text = item.attributes.get(key)
    if text is None:
        return default
    if text.strip().lower() not in TRUTH:
        raise ConfigError(
            "BM-CF-007",
            what=f"{item.where} has {key}={text!r}",
            rule=f"It must be one of {', '.join(TRUTH)}",
            remedy='Write "1" or "0"',
        )
    return TRUTH[text.strip().lower()]


def _kind(element: Element, kinds: Mapping[str, Kind], others: tuple[str, ...]) -> Kind:
    name = element.attributes["type"]
    if name not in kinds:
        raise unknown_type(element.where, "type", name, (*kinds, *others))
    return kinds[name]


def _file(element: Element, rules: FileRules) -> Path:
    text = re.sub(r"\$\((\w+)\)", r"${\1}", element.attributes["file"])
    where = f"{element.where}, attribute file"
    return resolve_input(text, where=where, root=rules.root, allow_paths=rules.allow_paths, env=rules.env)


def _missing(element: Element, kind: Kind, missing: set[str]) -> ConfigError:
    """Return the error for parameters that are not there, each with all its spellings."""
    spellings: dict[str, list[str]] = {}
    for spelled, name in kind.names.items():
        if name.name in missing:
            spellings.setdefault(name.name, []).append(spelled)
    lacks = ", and ".join(" or ".join(found) for found in spellings.values())
    return _incomplete(element, f"lacks {lacks}", "All parameters of a type must be there", "Add what is missing")


def _incomplete(element: Element, problem: str, rule: str, remedy: str) -> ConfigError:
    return ConfigError(
        "BM-CF-007",
        what=f"{element.where} of type {element.attributes.get('type')!r} {problem}",
        rule=rule,
        remedy=remedy,
    )
