"""What the model XML of Gammapy 0.10, the Fermi tools and ctools says, and which parameters of ours that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayesmap.errors import ConfigError
from bayesmap.models.parameter import limit_text

FLUX_DENSITY = "cm-2 s-1 MeV-1"


@dataclass(frozen=True)
class Name:
    """What an XML parameter is here.

    Parameters
    ----------
    name : str
        Parameter of the model class.
    unit : str
        Unit of the XML value.
    relation : {"same", "negative", "inverse"}
        Ours = value, -value or 1 / value.
    """

    name: str
    unit: str = ""
    relation: str = "same"


@dataclass(frozen=True)
class Kind:
    """A type of the XML format.

    Parameters
    ----------
    model : str
        Model class.
    names : dict
        XML parameter -> what it is; several spellings may mean the same.
    optional : tuple of str
        Parameters of ours that need not be there.
    """

    model: str
    names: dict[str, Name]
    optional: tuple[str, ...] = ()


PREFACTOR = {"Prefactor": Name("amplitude", FLUX_DENSITY)}
INDEX = {"Index": Name("index", "", "negative")}
REFERENCE = {"Scale": Name("reference", "MeV"), "PivotEnergy": Name("reference", "MeV")}
CUTOFF = {"Cutoff": Name("lambda_", "MeV-1", "inverse"), "CutoffEnergy": Name("lambda_", "MeV-1", "inverse")}
POSITION = {
    "RA": Name("lon_0", "deg"),
    "DEC": Name("lat_0", "deg"),
    "GLON": Name("lon_0", "deg"),
    "GLAT": Name("lat_0", "deg"),
}
GALACTIC = ("GLON", "GLAT")

_POWER_LAW = Kind("PowerLawSpectralModel", PREFACTOR | INDEX | REFERENCE)
_INTEGRAL = Kind(
    "PowerLaw2SpectralModel",
    {"Integral": Name("amplitude", "cm-2 s-1"), "PhotonFlux": Name("amplitude", "cm-2 s-1")}
    | INDEX
    | {"LowerLimit": Name("emin", "MeV"), "UpperLimit": Name("emax", "MeV")},
)
_CUTOFF = Kind("ExpCutoffPowerLawSpectralModel", PREFACTOR | INDEX | REFERENCE | CUTOFF)
_SUPER_CUTOFF = Kind(
    "ExpCutoffPowerLawSpectralModel",
    PREFACTOR | {"Index1": Name("index", "", "negative"), "Index2": Name("alpha")} | REFERENCE | CUTOFF,
)
_LOG_PARABOLA = Kind(
    "LogParabolaSpectralModel",
    {
        "norm": Name("amplitude", FLUX_DENSITY),
        "alpha": Name("alpha"),
        "beta": Name("beta"),
        "Eb": Name("reference", "MeV"),
    }
    | PREFACTOR
    | {"Index": Name("alpha", "", "negative"), "Curvature": Name("beta", "", "negative")}
    | REFERENCE,
)
_BROKEN = Kind(
    "BrokenPowerLawSpectralModel",
    PREFACTOR
    | {"Index1": Name("index1", "", "negative"), "Index2": Name("index2", "", "negative")}
    | {"BreakValue": Name("ebreak", "MeV"), "BreakEnergy": Name("ebreak", "MeV")},
)
_CONSTANT = Kind(
    "ConstantSpectralModel",
    {"Value": Name("const", FLUX_DENSITY), "Normalization": Name("const", FLUX_DENSITY)},
)
SPECTRAL = {
    "PowerLaw": _POWER_LAW,
    "PowerLaw2": _INTEGRAL,
    "PowerLawPhotonFlux": _INTEGRAL,
    "ExponentialCutoffPowerLaw": _CUTOFF,
    "ExpCutoff": _CUTOFF,
    "PLSuperExpCutoff": _SUPER_CUTOFF,
    "SuperExponentialCutoffPowerLaw": _SUPER_CUTOFF,
    "LogParabola": _LOG_PARABOLA,
    "BrokenPowerLaw": _BROKEN,
    "ConstantValue": _CONSTANT,
    "Constant": _CONSTANT,
}
"""Spectra of sources; `FileFunction` has a file besides."""

NORM = {
    "PowerLaw": Kind(
        "PowerLawNormSpectralModel",
        {"Prefactor": Name("norm"), "Index": Name("tilt", "", "negative")} | REFERENCE,
    ),
    "ConstantValue": Kind("PowerLawNormSpectralModel", {"Value": Name("norm"), "Normalization": Name("norm")}),
}
NORM["Constant"] = NORM["ConstantValue"]
"""Spectra of a map cube, which are factors on it."""

_POINT = Kind("PointSpatialModel", POSITION)
_GAUSSIAN = Kind("GaussianSpatialModel", POSITION | {"Sigma": Name("sigma", "deg")})
_DISK = Kind("DiskSpatialModel", POSITION | {"Radius": Name("r_0", "deg")})
_SHELL = Kind("ShellSpatialModel", POSITION | {"Radius": Name("radius", "deg"), "Width": Name("width", "deg")})
_ISOTROPIC = Kind(
    "ConstantSpatialModel", {"Value": Name("value", "sr-1"), "Normalization": Name("value", "sr-1")}, ("value",)
)
SPATIAL = {
    "PointSource": _POINT,
    "SkyDirFunction": _POINT,
    "RadialGaussian": _GAUSSIAN,
    "GaussFunction": _GAUSSIAN,
    "RadialDisk": _DISK,
    "DiskFunction": _DISK,
    "RadialShell": _SHELL,
    "ShellFunction": _SHELL,
    "DiffuseIsotropic": _ISOTROPIC,
    "ConstantValue": _ISOTROPIC,
    "EllipticalGaussian": Kind(
        "GaussianSpatialModel", POSITION | {"MajorRadius": Name("sigma", "deg"), "PA": Name("phi", "deg")}
    ),
    "EllipticalDisk": Kind(
        "DiskSpatialModel", POSITION | {"MajorRadius": Name("r_0", "deg"), "PA": Name("phi", "deg")}
    ),
}
ELLIPTICAL = ("EllipticalGaussian", "EllipticalDisk")
"""These have MinorRadius besides."""
MAPS = ("DiffuseMap", "SpatialMap")
CUBES = ("MapCube", "MapCubeFunction", "DiffuseMapCube")


@dataclass(frozen=True)
class Number:
    """A value with its limits and error, all in one unit; NaN where not known."""

    value: float
    min: float = math.nan
    max: float = math.nan
    error: float = math.nan

    def related(self, relation: str, where: str) -> Number:
        """Return -x or 1 / x: limits change places, and the error of 1 / x is error / x^2.

        Both relations are their own inverse. A limit of 0 on x > 0 is none on 1 / x.

        Raises
        ------
        ConfigError
            BM-CF-042 for 1 / x of what is not above zero.
        """
        if relation == "same":
            return self
        if relation == "negative":
            return Number(-self.value, -self.max, -self.min, self.error)
        if self.value <= 0 or self.min < 0 or self.max <= 0:
            raise ConfigError(
                "BM-CF-042",
                what=f"{where} is {self.value:g}, limits [{limit_text(self.min, 'g')}, {limit_text(self.max, 'g')}]",
                rule="An energy whose inverse is the parameter must be above zero, and so must its limits",
                remedy="Correct the value or the limits",
            )
        low = 1.0 / self.max if math.isfinite(self.max) else (0.0 if self.max == math.inf else math.nan)
        high = 1.0 / self.min if self.min > 0 else math.nan
        return Number(1.0 / self.value, low, high, self.error / self.value**2)
