"""The names of Gammapy 0.10, so that a script of that time needs other import lines only.

>>> from bayesmap.migration import PowerLaw, SkyGaussian, SkyModel
>>> source = SkyModel(SkyGaussian("0.2 deg", "0.1 deg", "0.2 deg"), PowerLaw(index=3), name="source")
>>> source.spectral_model.index.value
3.0

Arguments, their order and their defaults are those of 0.10; what comes back are the classes of this package. Models are
frozen here: a script that changes parameters in place calls `with_values` and its like instead. `docs/migration.md` has
the table.
"""

# ruff: noqa: N802 - these functions stand for classes
from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from typing import Any

from bayesmap import fit, models
from bayesmap.errors import ModelError
from bayesmap.io.fermi import read_fermi_diffuse
from bayesmap.io.fermi_text import read_spectrum_table
from bayesmap.io.gammapy import to_bayesmap_map
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import PSFKernel
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter, ParameterLike, make_parameter
from bayesmap.models.spatial.base import SpatialModel

BackgroundModel = models.BackgroundModel
Map = WcsNDMap
AMPLITUDE = "1e-12 cm-2 s-1 TeV-1"
_numbers = itertools.count(1)

__all__ = [
    "AbsorbedSpectralModel", "Absorption", "BackgroundModel", "CompoundSkyModel", "CompoundSpectralModel",
    "ConstantModel", "EnergyDispersion", "ExponentialCutoffPowerLaw", "ExponentialCutoffPowerLaw3FGL", "LogParabola",
    "Map", "MapAxis", "MapFit", "PLSuperExpCutoff3FGL", "PSFKernel", "PowerLaw", "PowerLaw2", "ScaleModel",
    "SkyDiffuseConstant", "SkyDiffuseCube", "SkyDiffuseMap", "SkyDisk", "SkyEllipse", "SkyGaussian", "SkyModel",
    "SkyModels", "SkyPointSource", "SkyShell", "TableModel", "WcsNDMap",
]  # fmt: skip


def PowerLaw(
    index: ParameterLike = 2.0, amplitude: ParameterLike = AMPLITUDE, reference: ParameterLike = "1 TeV"
) -> models.PowerLawSpectralModel:
    """Return a `PowerLawSpectralModel`."""
    return models.PowerLawSpectralModel(index=index, amplitude=amplitude, reference=reference)


def PowerLaw2(
    amplitude: ParameterLike = "1e-12 cm-2 s-1",
    index: ParameterLike = 2.0,
    emin: ParameterLike = "0.1 TeV",
    emax: ParameterLike = "100 TeV",
) -> models.PowerLaw2SpectralModel:
    """Return a `PowerLaw2SpectralModel`."""
    return models.PowerLaw2SpectralModel(amplitude=amplitude, index=index, emin=emin, emax=emax)


def ExponentialCutoffPowerLaw(
    index: ParameterLike = 1.5,
    amplitude: ParameterLike = AMPLITUDE,
    reference: ParameterLike = "1 TeV",
    lambda_: ParameterLike = "0.1 TeV-1",
) -> models.ExpCutoffPowerLawSpectralModel:
    """Return an `ExpCutoffPowerLawSpectralModel`, its alpha frozen at 1."""
    values = {"index": index, "amplitude": amplitude, "reference": reference, "lambda_": lambda_}
    return models.ExpCutoffPowerLawSpectralModel(**values)


def ExponentialCutoffPowerLaw3FGL(
    index: ParameterLike = 1.5,
    amplitude: ParameterLike = AMPLITUDE,
    reference: ParameterLike = "1 TeV",
    ecut: ParameterLike = "10 TeV",
) -> models.ExpCutoffPowerLaw3FGLSpectralModel:
    """Return an `ExpCutoffPowerLaw3FGLSpectralModel`."""
    values = {"index": index, "amplitude": amplitude, "reference": reference, "ecut": ecut}
    return models.ExpCutoffPowerLaw3FGLSpectralModel(**values)


def PLSuperExpCutoff3FGL(
    index_1: ParameterLike = 1.5,
    index_2: ParameterLike = 2.0,
    amplitude: ParameterLike = AMPLITUDE,
    reference: ParameterLike = "1 TeV",
    ecut: ParameterLike = "10 TeV",
) -> models.SuperExpCutoffPowerLaw3FGLSpectralModel:
    """Return a `SuperExpCutoffPowerLaw3FGLSpectralModel`."""
    values = {"index_1": index_1, "index_2": index_2, "amplitude": amplitude, "reference": reference, "ecut": ecut}
    return models.SuperExpCutoffPowerLaw3FGLSpectralModel(**values)


def LogParabola(
    amplitude: ParameterLike = AMPLITUDE,
    reference: ParameterLike = "10 TeV",
    alpha: ParameterLike = 2.0,
    beta: ParameterLike = 1.0,
) -> models.LogParabolaSpectralModel:
    """Return a `LogParabolaSpectralModel`."""
    return models.LogParabolaSpectralModel(amplitude=amplitude, reference=reference, alpha=alpha, beta=beta)


def ConstantModel(const: ParameterLike) -> models.ConstantSpectralModel:
    """Return a `ConstantSpectralModel`."""
    return models.ConstantSpectralModel(const=const)


def CompoundSpectralModel(model1: Any, model2: Any, operator: Any) -> models.CompoundSpectralModel:
    """Return a `CompoundSpectralModel`; a number may stand for a model, as in ``model * 2``."""
    return models.CompoundSpectralModel(model1, model2, operator)


def ScaleModel(model: Any, norm: ParameterLike = 1.0) -> models.CompoundSpectralModel:
    """Return a spectrum times a factor: parameters of the spectrum, and ``norm``."""
    return model * models.PowerLawNormSpectralModel(norm=norm)


class TableModel:
    """A spectrum from a table times a norm: ``TemplateSpectralModel * PowerLawNormSpectralModel``.

    Between the nodes it is a power law; beyond them it goes on, as it did in 0.10 against its documentation.
    """

    def __new__(cls, energy: Any, values: Any, norm: ParameterLike = 1.0, **ignored: Any) -> Any:
        """Return the product; ``values_scale``, ``interp_kwargs`` and ``meta`` had no effect in 0.10."""
        known = {"values_scale", "interp_kwargs", "meta"}
        if set(ignored) - known:
            raise TypeError(f"TableModel takes energy, values, norm and {', '.join(sorted(known))}")
        return models.TemplateSpectralModel(energy, values) * models.PowerLawNormSpectralModel(norm=norm)

    @staticmethod
    def read_fermi_isotropic_model(filename: str | PathLike[str]) -> Any:
        """Read the table of the isotropic background (per sr), without the sr, as 0.10 did."""
        return TableModel(*read_spectrum_table(filename))


class Absorption:
    """Absorption by the background light: `EBLAbsorptionNormSpectralModel`."""

    def __new__(cls, energy: Any, param: Any, data: Any) -> Any:
        """Return the table; energies are nodes."""
        return models.EBLAbsorptionNormSpectralModel(energy, param, data)

    @staticmethod
    def read(filename: str | PathLike[str]) -> models.EBLAbsorptionNormSpectralModel:
        """Read an XSPEC table model."""
        return models.EBLAbsorptionNormSpectralModel.read(filename)

    @staticmethod
    def read_builtin(name: str, *, folder: str | PathLike[str]) -> models.EBLAbsorptionNormSpectralModel:
        """Read a table that comes with Gammapy's data; 0.10 took the folder from the environment."""
        return models.EBLAbsorptionNormSpectralModel.read_builtin(name, folder=folder)


def AbsorbedSpectralModel(
    spectral_model: Any, absorption: Any, parameter: ParameterLike, parameter_name: str = "redshift"
) -> models.CompoundSpectralModel:
    """Return a spectrum times its absorption; `parameter` is the redshift, frozen as in 0.10."""
    default = {item.name: item for item in absorption.parameters}[parameter_name]
    changed = make_parameter(default, parameter).replace(frozen=True)
    return spectral_model * absorption.with_parameters((changed,))


class _InMapFrame(SpatialModel):
    """A shape without a frame: `MapFit` of this module reads its position in the frame of the map, as 0.10 did."""

    def in_frame(self, frame: str) -> ModelComponent:
        """Return the shape of this package in a frame."""
        settings = {name: getattr(self, name) for name in self.settings} | {"frame": frame}
        base = next(kind for kind in type(self).__mro__ if kind.__module__.startswith("bayesmap.models.spatial."))
        return base(**settings, **{item.name: item for item in self.parameters})


class SkyPointSource(models.PointSpatialModel, _InMapFrame):
    """`PointSpatialModel`, in the frame of the map."""

    def __init__(self, lon_0: ParameterLike, lat_0: ParameterLike, **rest: Any) -> None:
        super().__init__(lon_0=lon_0, lat_0=lat_0, **rest)


class SkyGaussian(models.GaussianSpatialModel, _InMapFrame):
    """`GaussianSpatialModel`, in the frame of the map."""

    def __init__(self, lon_0: ParameterLike, lat_0: ParameterLike, sigma: ParameterLike, **rest: Any) -> None:
        super().__init__(lon_0=lon_0, lat_0=lat_0, sigma=sigma, **rest)


class SkyDisk(models.DiskSpatialModel, _InMapFrame):
    """`DiskSpatialModel`, in the frame of the map; its edge is as soft as the default of the class."""

    def __init__(self, lon_0: ParameterLike, lat_0: ParameterLike, r_0: ParameterLike, **rest: Any) -> None:
        super().__init__(lon_0=lon_0, lat_0=lat_0, r_0=r_0, **rest)


class SkyShell(models.ShellSpatialModel, _InMapFrame):
    """`ShellSpatialModel`, in the frame of the map."""

    def __init__(
        self, lon_0: ParameterLike, lat_0: ParameterLike, radius: ParameterLike, width: ParameterLike, **rest: Any
    ) -> None:
        super().__init__(lon_0=lon_0, lat_0=lat_0, radius=radius, width=width, **rest)


def SkyEllipse(
    lon_0: ParameterLike, lat_0: ParameterLike, semi_major: ParameterLike, e: ParameterLike, theta: ParameterLike
) -> SkyDisk:
    """Return a disk with the parameters ``r_0`` (semi_major), ``e`` and ``phi`` (theta), e and phi free as in 0.10."""
    defaults = {item.name: item for item in models.DiskSpatialModel.default_parameters}
    free = {
        key: make_parameter(defaults[key], value).replace(frozen=False) for key, value in (("e", e), ("phi", theta))
    }
    return SkyDisk(lon_0, lat_0, semi_major, **free)


def SkyDiffuseConstant(value: ParameterLike = "1 sr-1") -> models.ConstantSpatialModel:
    """Return a `ConstantSpatialModel`; its value is frozen, the spectrum having the amplitude."""
    return models.ConstantSpatialModel(value=value)


class SkyDiffuseMap:
    """`TemplateSpatialModel`."""

    def __new__(cls, map: Any, norm: float = 1.0, meta: Any = None, normalize: bool = True) -> Any:
        """Return the template; its norm must be 1, the spectrum having the amplitude."""
        value = norm.value if isinstance(norm, Parameter) else float(norm)
        if value != 1.0:
            raise ModelError(
                "BM-MO-014",
                what=f"SkyDiffuseMap was given the norm {value:g}",
                rule="A template has no norm here: the spectrum has the amplitude",
                remedy="Multiply the amplitude of the spectrum by it",
            )
        return models.TemplateSpatialModel(map=to_bayesmap_map(map), normalize=normalize)

    @staticmethod
    def read(filename: str | PathLike[str], normalize: bool = True) -> models.TemplateSpatialModel:
        """Read the map."""
        template = to_bayesmap_map(filename)
        return models.TemplateSpatialModel(map=template, normalize=normalize, filename=str(filename))


class SkyDiffuseCube:
    """A cube of brightness (cm-2 s-1 TeV-1 sr-1) times a norm, which is a source by itself."""

    def __new__(cls, map: Any, norm: ParameterLike = 1.0, meta: Any = None, name: str | None = None) -> Any:
        """Return the source: a template cube times a `PowerLawNormSpectralModel`; `meta` is not used."""
        template = models.TemplateSpatialModel(map=to_bayesmap_map(map), normalize=False)
        return SkyModel(template, models.PowerLawNormSpectralModel(norm=norm), name)

    @staticmethod
    def read(filename: str | PathLike[str], name: str | None = None) -> models.SkyModel:
        """Read the cube, as of the Fermi tools; without a unit it is in cm-2 s-1 MeV-1 sr-1."""
        template = models.TemplateSpatialModel(
            map=read_fermi_diffuse(filename), normalize=False, filename=str(filename)
        )
        return SkyModel(template, models.PowerLawNormSpectralModel(), name)


def SkyModel(spatial_model: Any, spectral_model: Any, name: str | None = None) -> models.SkyModel:
    """Return a `SkyModel`, shape first as in 0.10; one without a name is called ``source-1`` and so on."""
    return models.SkyModel(spectral_model, spatial_model, name=f"source-{next(_numbers)}" if name is None else name)


def SkyModels(skymodels: Iterable[Any]) -> models.Models:
    """Return `Models`."""
    return models.Models(tuple(skymodels))


def CompoundSkyModel(model1: Any, model2: Any, operator: Any = None) -> models.Models:
    """Return `Models` of both; the operator is +."""
    return models.Models(models.Models(model1).models + models.Models(model2).models)


def MapFit(
    model: Any,
    counts: Any,
    exposure: Any,
    background: Any = None,
    mask: Any = None,
    psf: Any = None,
    edisp: Any = None,
    background_model: Any = None,
    **options: Any,
) -> fit.MapFit:
    """Return a `MapFit`; shapes of this module are placed in the frame of the map.

    Parameters
    ----------
    model, counts, exposure, background, mask, psf, edisp, background_model
        As in 0.10.
    **options
        Those of `bayesmap.MapFit`, such as ``convention="gammapy010"``.
    """
    counts = to_bayesmap_map(counts)
    placed = tuple(_placed(item, counts.geom.frame) for item in models.Models(model))
    return fit.MapFit(
        models.Models(placed), counts, exposure, background, mask, psf, edisp, background_model, **options
    )


def _placed(model: Any, frame: str) -> Any:
    spatial = getattr(model, "spatial_model", None)
    return replace(model, spatial_model=spatial.in_frame(frame)) if isinstance(spatial, _InMapFrame) else model
