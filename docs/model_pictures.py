"""One small picture of each model of the registry, for the page of the models."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.component import ModelComponent
from bayesmap.models.registry import spatial_models, spectral_models

ENERGY = np.geomspace(0.05, 100.0, 400)
DYNAMIC_RANGE = 3e-4
COLORS = 128
SHAPE_KINDS = ("amplitude", "norm", "reference")
"""Parameters that change no shape."""
NODES = [0.1, 1.0, 5.0, 50.0] * u.TeV
BROKEN = {"index1": 1.5, "index2": 3.0}
AT_ONE = {"reference": 1.0}
VARIED: dict[str, tuple[str, tuple[float, ...], dict[str, Any]]] = {
    "BrokenPowerLawSpectralModel": ("ebreak", (0.3, 1.0, 5.0), BROKEN),
    "ConstantSpectralModel": ("const", (1e-12, 3e-12), {}),
    "ExpCutoffPowerLaw3FGLSpectralModel": ("ecut", (1.0, 10.0, 50.0), {}),
    "ExpCutoffPowerLawNormSpectralModel": ("lambda_", (0.0, 0.1, 0.5), {}),
    "ExpCutoffPowerLawSpectralModel": ("lambda_", (0.0, 0.1, 0.5), {}),
    "GaussianSpectralModel": ("sigma", (0.3, 1.0, 2.0), {"mean": 5.0}),
    "LogParabola2SpectralModel": ("escale", (0.3, 1.0, 3.0), AT_ONE | {"beta": 0.2}),
    "LogParabolaNormSpectralModel": ("beta", (-0.1, 0.0, 0.1), AT_ONE),
    "LogParabolaSpectralModel": ("beta", (0.0, 0.1, 0.3), AT_ONE),
    "PowerLaw2SpectralModel": ("index", (1.5, 2.0, 2.5), {}),
    "PowerLawNormSpectralModel": ("tilt", (-0.2, 0.0, 0.2), {}),
    "PowerLawSpectralModel": ("index", (1.7, 2.0, 2.5), {}),
    "SmoothBrokenPowerLawSpectralModel": ("beta", (0.1, 0.5, 1.0), BROKEN),
    "SuperExpCutoffPowerLaw3FGLSpectralModel": ("index_2", (0.5, 1.0, 2.0), {}),
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel": ("index_2", (0.0, 0.7, 1.5), {"expfactor": 0.2}),
    "SuperExpCutoffPowerLaw4FGLSpectralModel": ("expfactor", (1e-15, 1e-14, 1e-13), {}),
    "DiskSpatialModel": ("edge_width", (0.01, 0.5), {"r_0": 0.5, "e": 0.7, "phi": 30.0}),
    "GaussianSpatialModel": ("e", (0.0, 0.9), {"sigma": 0.3, "phi": 30.0}),
    "GeneralizedGaussianSpatialModel": ("eta", (0.1, 1.0), {"r_0": 0.4, "e": 0.6}),
    "ShellSpatialModel": ("width", (0.05, 0.3), {"radius": 0.5}),
    "Shell2SpatialModel": ("eta", (0.1, 1.0), {"r_0": 0.7}),
}
"""Class -> parameter that is varied, its values, other arguments. A model that is not here varies its first shape."""


def write_pictures(folder: Path) -> None:
    """Write a PNG for each model of the registry."""
    folder.mkdir(exist_ok=True)
    for model in set(spectral_models().values()):
        _save(_spectra(model), folder / f"{model.__name__}.png")
    for model in set(spatial_models().values()):
        _save(_images(model), folder / f"{model.__name__}.png")


def _models(model: type[ModelComponent]) -> Mapping[str, Any]:
    """Return models to show, by label."""
    made = {
        "CompoundSpectralModel": _compounds,
        "EBLAbsorptionNormSpectralModel": _ebl,
        "PiecewiseNormSpectralModel": _piecewise,
        "TemplateSpectralModel": _template,
        "ConstantSpatialModel": lambda: {"value = 1 sr-1": model()},
        "PiecewiseNormSpatialModel": _piecewise_image,
        "GaussianProcessNormSpatialModel": lambda: _field_image("gp-norm", 0.4),
        "GaussianProcessSpatialModel": lambda: _field_image("gp", 1.0),
        "PointSpatialModel": lambda: {"all flux in one point": model()},
        "TemplateSpatialModel": _template_image,
    }
    if model.__name__ in made:
        return made[model.__name__]()
    name, values, fixed = VARIED.get(model.__name__) or _first_shape(model)
    unit = next(item.unit for item in model.default_parameters if item.name == name)
    return {f"{name} = {value:g} {unit}".strip(): model(**{name: value}, **fixed) for value in values}


def _first_shape(model: type[ModelComponent]) -> tuple[str, tuple[float, ...], dict[str, Any]]:
    shapes = [item for item in model.default_parameters if item.name not in (*SHAPE_KINDS, "lon_0", "lat_0")]
    if not shapes:
        raise ValueError(f"say in `_models` of {Path(__file__).name} what to show of {model.__name__}")
    item = shapes[0]
    start = item.value or 0.5
    return item.name, (0.7 * start, start), {}


def _law(**values: Any) -> Any:
    return spectral_models()["pl"](**values)


def _compounds() -> Mapping[str, Any]:
    line = spectral_models()["gauss"](amplitude="5e-13 cm-2 s-1", mean=10.0, sigma=1.0)
    return {
        "power law": _law(),
        "power law + line": _law() + line,
        "power law * EBL": _law() * _ebl()["redshift = 0.1"],
    }


def _ebl() -> Mapping[str, Any]:
    redshift = np.array([0.01, 0.1, 0.2, 0.5])
    transmission = np.exp(-redshift[:, None] * (0.2 + ENERGY) ** 1.3)
    cls = spectral_models()["ebl-norm"]
    return {f"redshift = {z:g}": cls(ENERGY * u.TeV, redshift, transmission, redshift=z) for z in (0.03, 0.1, 0.3)}


def _piecewise() -> Mapping[str, Any]:
    cls = spectral_models()["piecewise-norm"]
    return {f"interp = {interp}": cls(NODES, norms=[1.0, 2.0, 0.5, 1.5], interp=interp) for interp in ("log", "lin")}


def _template() -> Mapping[str, Any]:
    model = spectral_models()["template"](NODES, [4e-11, 1e-12, 4e-14, 1e-16] * u.Unit("cm-2 s-1 TeV-1"))
    return {"template": model, "template * pl-norm, tilt = 0.3": model * spectral_models()["pl-norm"](tilt=0.3)}


def _piecewise_image() -> Mapping[str, Any]:
    lon, lat = (item.ravel() for item in np.meshgrid([-1.1, 0.0, 1.1], [-1.1, 0.0, 1.1]))
    norms = [0.8, 1.0, 1.1, 1.0, 2.0, 0.9, 0.7, 1.2, 0.5]
    return {"nine nodes": spatial_models()["piecewise-norm"](lon, lat, norms=norms)}


def _field_image(tag: str, scatter: float) -> Mapping[str, Any]:
    cls = spatial_models()[tag]
    made = {}
    for length in ("0.3 deg", "0.6 deg"):
        field = cls.from_geom(_frame(), length, scatter=scatter)
        rng = np.random.default_rng(3)
        weights = {name: rng.standard_normal() for name in field.basis.names}
        made[f"length = {length}"] = cls.from_geom(_frame(), length, scatter=scatter, **weights)
    return made


def _template_image() -> Mapping[str, Any]:
    geom = _frame()
    image = sum(
        spatial_models()["gauss"](lon_0=lon, lat_0=lat, sigma=sigma).evaluate_geom(geom).value * flux
        for lon, lat, sigma, flux in ((0.3, 0.2, 0.15, 1.0), (-0.3, -0.1, 0.3, 2.0), (0.1, -0.5, 0.1, 0.4))
    )
    return {"an image": spatial_models()["template"](map=WcsNDMap(geom, np.asarray(image)))}


def _frame() -> WcsGeom:
    return WcsGeom.create(skydir=(0.0, 0.0), npix=(100, 100), binsz=0.02, frame="icrs", proj="TAN")


def _spectra(model: type[ModelComponent]) -> Figure:
    """Return E^2 dN/dE, or the factor of a norm model."""
    figure = Figure(figsize=(5.0, 2.9), dpi=80, layout="constrained")
    axes = figure.subplots()
    top, is_norm = 0.0, False
    for label, item in _models(model).items():
        is_norm = item.is_norm
        curve = item(ENERGY * u.TeV).value * (1.0 if is_norm else ENERGY**2)
        top = max(top, float(curve.max()))
        axes.plot(ENERGY, curve, label=label, linewidth=1.5)
    axes.set(xscale="log", xlabel="Energy (TeV)", xlim=(ENERGY[0], ENERGY[-1]))
    axes.xaxis.set_major_formatter("{x:g}")
    if is_norm:
        axes.set(ylabel="factor", ylim=(0.0, 1.1 * top))
    else:
        axes.set(yscale="log", ylim=(DYNAMIC_RANGE * top, 2.0 * top))
        axes.set_ylabel(r"$E^2\,dN/dE$ (TeV cm$^{-2}$ s$^{-1}$)")
    axes.grid(color="0.5", alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _images(model: type[ModelComponent]) -> Figure:
    """Return the brightness on the sky, one panel for each shape."""
    shapes = _models(model)
    figure = Figure(figsize=(2.9 * len(shapes) + 0.4, 2.9), dpi=80, layout="constrained")
    for axes, (label, item) in zip(figure.subplots(1, len(shapes), squeeze=False)[0], shapes.items(), strict=True):
        if item.image_kind == "point":
            axes.set_facecolor("black")
            axes.plot(0.0, 0.0, "o", color="white", ms=4)
        else:
            image = item.evaluate_geom(_frame()).value
            axes.imshow(image, origin="lower", extent=(1, -1, -1, 1), cmap="inferno", vmin=0.0, vmax=image.max())
        axes.set(xlim=(1, -1), ylim=(-1, 1), aspect="equal", xlabel="longitude offset (deg)")
        axes.set_ylabel("latitude offset (deg)")
        axes.set_title(label, fontsize=9)
    return figure


def _save(figure: Figure, path: Path) -> None:
    """Write a figure with few colours, which keeps the file small."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    image = Image.open(stream).convert("RGB")
    image.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
