"""Sky models to XML that the Fermi tools, ctools and Gammapy 0.10 read."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from xml.sax.saxutils import quoteattr

from astropy import units as u

from bayesmap.errors import BayesmapError, ConfigError, attempt, located, raise_problems
from bayesmap.files import refuse_existing, write_whole
from bayesmap.io import xml_schema as schema
from bayesmap.io.placed_maps import place_templates
from bayesmap.io.xml_schema import Kind, Name, Number
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import AnyModel, Models, SkyModel
from bayesmap.models.spatial.template import TemplateSpatialModel

SPECTRAL = {
    "PowerLawSpectralModel": ("PowerLaw", ("Prefactor", "Index", "Scale")),
    "PowerLaw2SpectralModel": ("PowerLaw2", ("Integral", "Index", "LowerLimit", "UpperLimit")),
    "ExpCutoffPowerLawSpectralModel": ("PLSuperExpCutoff", ("Prefactor", "Index1", "Scale", "Cutoff", "Index2")),
    "LogParabolaSpectralModel": ("LogParabola", ("norm", "alpha", "beta", "Eb")),
    "BrokenPowerLawSpectralModel": ("BrokenPowerLaw", ("Prefactor", "Index1", "Index2", "BreakValue")),
    "ConstantSpectralModel": ("ConstantValue", ("Value",)),
}
"""Model class -> type and parameters, in the order of the Fermi tools."""
SPATIAL: dict[str, tuple[str, tuple[str, ...]]] = {
    "PointSpatialModel": ("PointSource", ()),
    "GaussianSpatialModel": ("RadialGaussian", ("Sigma",)),
    "DiskSpatialModel": ("RadialDisk", ("Radius",)),
    "ShellSpatialModel": ("RadialShell", ("Radius", "Width")),
    "ConstantSpatialModel": ("DiffuseIsotropic", ("Value",)),
}
ROUND = {"e": 0.0, "phi": 0.0}
"""Parameters that a radial shape must have at these values, frozen."""
DIFFUSE = ("DiffuseIsotropic", "DiffuseMap", "SpatialMap", "MapCubeFunction")
SOURCE_TYPES = {"PointSource": "PointSource"} | dict.fromkeys(DIFFUSE, "DiffuseSource")


def write_models_xml(models: Models | AnyModel, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write sky models as XML.

    Values are in the units of the format (MeV, deg, cm-2 s-1 MeV-1) with scale 1, so that they are kept to the last
    digit but for the change of unit. Limits and errors go along.

    Parameters
    ----------
    models : Models or a single model
        Sources.
    path : path-like
        It appears whole or not at all; template maps are written beside it.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ConfigError
        BM-CF-041 for what the format cannot hold: backgrounds, priors, links, other models.
    BayesmapIOError
        BM-IO-032 if the file exists; BM-IO-009 if it cannot be written.
    ProblemList
        If there are several problems.
    """
    path = Path(path)
    if not overwrite:
        refuse_existing([path])
    placed, maps = place_templates(Models(models), path.parent, overwrite=overwrite)  # type: ignore[arg-type]
    text = models_to_xml(placed)
    for file, template in maps.items():
        template.write(file, overwrite=overwrite)
    write_whole(path, text)


def models_to_xml(models: Models | AnyModel) -> str:
    """Return the XML text of `write_models_xml`."""
    problems: list[BayesmapError] = []
    parts = [attempt(problems, _source, model) for model in Models(models)]  # type: ignore[arg-type]
    raise_problems(problems)
    body = "".join(part for part in parts if part is not None)
    head = '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n'
    return f'{head}<source_library title="bayesmap">\n{body}</source_library>\n'


def _source(model: AnyModel) -> str:
    if not isinstance(model, SkyModel):
        raise _cannot(f"{type(model).__name__} {model.name!r}", "XML holds sources only", "Write it as YAML")
    try:
        spectrum = _spectrum(model.spectral_model, is_cube=getattr(model.spatial_model, "is_flux", False))
        kind, shape = _shape(model.spatial_model)
    except ConfigError as error:
        raise located(error, f"model {model.name!r}") from error
    ids = f" id={quoteattr(','.join(model.datasets_names))}" if model.datasets_names is not None else ""
    source_type = SOURCE_TYPES.get(kind, "ExtendedSource")
    head = f"  <source name={quoteattr(model.name)} type={quoteattr(source_type)}{ids}>\n"
    return f"{head}{spectrum}{shape}  </source>\n"


def _spectrum(model: ModelComponent, *, is_cube: bool) -> str:
    class_name = type(model).__name__
    if is_cube and class_name == "PowerLawNormSpectralModel":
        return _element(
            "spectrum", "PowerLaw", _parameters(model, schema.NORM["PowerLaw"], ("Prefactor", "Index", "Scale"))
        )
    if class_name not in SPECTRAL:
        known = ", ".join(SPECTRAL)
        raise _cannot(f"the spectrum {class_name}", f"XML spectra are {known}", "Write it as YAML")
    kind, spelled = SPECTRAL[class_name]
    return _element("spectrum", kind, _parameters(model, schema.SPECTRAL[kind], spelled))


def _shape(model: ModelComponent) -> tuple[str, str]:
    class_name = type(model).__name__
    if isinstance(model, TemplateSpatialModel):
        return _template(model)
    if class_name not in SPATIAL:
        known = ", ".join(SPATIAL)
        raise _cannot(f"the shape {class_name}", f"XML shapes are {known}", "Write it as YAML")
    kind, spelled = SPATIAL[class_name]
    frame = getattr(model, "frame", "icrs")
    if frame == "fk5":
        raise _cannot("the frame fk5", "XML positions are RA, DEC (ICRS) or GLON, GLAT", "Use the frame icrs")
    names = {item.name: item for item in model.parameters}
    elliptical = any(names[key].value != value or not names[key].frozen for key, value in ROUND.items() if key in names)
    if elliptical:
        kind, spelled = kind.replace("Radial", "Elliptical"), ("PA", "MajorRadius")
    if "lon_0" in names and class_name != "ConstantSpatialModel":
        spelled = (("GLON", "GLAT") if frame == "galactic" else ("RA", "DEC")) + spelled
    lines = _parameters(model, schema.SPATIAL[kind], spelled, also=tuple(ROUND))
    if elliptical:
        lines.append(_minor_radius(names, schema.SPATIAL[kind].names["MajorRadius"].name))
    return kind, _element("spatialModel", kind, lines)


def _template(model: TemplateSpatialModel) -> tuple[str, str]:
    """Return the type and the element of a map, whose norm is 1."""
    if not model.filename:
        raise _cannot(
            "a template without a file name", "XML names the file of a map", "Use write_models_xml, or filename="
        )
    kind = (
        "MapCubeFunction" if getattr(model, "is_flux", False) else ("DiffuseMap" if model.normalize else "SpatialMap")
    )
    key = "Value" if kind == "MapCubeFunction" else "Prefactor"
    line = _text(key, Number(1.0), Number(math.nan), frozen=True)
    return kind, _element("spatialModel", kind, [line], f" file={quoteattr(model.filename)}")


def _parameters(model: ModelComponent, kind: Kind, spelled: tuple[str, ...], also: tuple[str, ...] = ()) -> list[str]:
    """Return the lines of the parameters; those that the type lacks must have their default, frozen."""
    held = {kind.names[key].name: key for key in spelled}
    lines = []
    for parameter, default in zip(model.parameters, model.default_parameters, strict=True):
        if parameter.name in held:
            key = held[parameter.name]
            lines.append(_line(key, parameter, default, kind.names[key]))
        elif parameter.name not in also and (parameter.value != default.value or not parameter.frozen):
            raise _cannot(
                f"{parameter.name} = {parameter.value:g} of {type(model).__name__}",
                f"The XML type has no place for it; it must be frozen at {default.value:g}",
                "Write it as YAML",
            )
    return lines


def _line(key: str, parameter: Parameter, default: Parameter, name: Name) -> str:
    """Return one parameter in the units of the format."""
    if parameter.prior is not None or getattr(parameter, "link", None):
        what = "a link" if parameter.prior is None else f"the prior {parameter.prior}"
        raise _cannot(f"{parameter.name} with {what}", "XML holds values, limits and errors", "Write it as YAML")
    unit = u.Unit(name.unit)
    factor, default_factor = (float(u.Unit(item.unit).to(unit)) for item in (parameter, default))
    numbers = (parameter.value, parameter.min, parameter.max, parameter.error)
    number = Number(*(item * factor for item in numbers)).related(name.relation, f"1 / {parameter.name}")
    own = Number(*(item * default_factor for item in (default.value, default.min, default.max)))
    limits = own.related(name.relation, key)
    return _text(key, number, limits, frozen=parameter.frozen)


def _minor_radius(names: dict[str, Parameter], major: str) -> str:
    """Return the minor radius a sqrt(1 - e^2); limits of e other than its own cannot be kept."""
    e, axis = names["e"], names[major]
    if e.prior is not None or (e.min, e.max) != (0.0, 1.0):
        raise _cannot("an eccentricity with a prior or limits", "XML holds the two radii", "Write it as YAML")
    radius = float(axis.quantity.to_value("deg")) * math.sqrt(1.0 - e.value**2)
    return _text("MinorRadius", Number(radius), Number(math.nan), frozen=e.frozen)


def _text(key: str, number: Number, default: Number, *, frozen: bool) -> str:
    """Return the element; limits that are those of the class are left out, being there without it."""
    parts = [f'name="{key}"', f'value="{number.value!r}"', 'scale="1"', f'free="{int(not frozen)}"']
    for limit in ("min", "max"):
        value: float = getattr(number, limit)
        if math.isfinite(value) and value != getattr(default, limit):
            parts.append(f'{limit}="{value!r}"')
    if math.isfinite(number.error):
        parts.append(f'error="{number.error!r}"')
    return f"      <parameter {' '.join(parts)}/>\n"


def _element(tag: str, kind: str, lines: list[str], more: str = "") -> str:
    return f'    <{tag} type="{kind}"{more}>\n{"".join(lines)}    </{tag}>\n'


def _cannot(what: str, rule: str, remedy: str) -> ConfigError:
    return ConfigError("BM-CF-041", what=f"XML cannot hold {what}", rule=rule, remedy=remedy)
