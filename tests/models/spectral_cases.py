"""Every spectral model of the registry with values drawn at random: what the laws are tested on."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from hypothesis import strategies as st

from bayesmap.models import (
    CompoundSpectralModel,
    EBLAbsorptionNormSpectralModel,
    PiecewiseNormSpectralModel,
    TemplateSpectralModel,
)
from bayesmap.models.registry import spectral_models

CLASSES = sorted(set(spectral_models().values()), key=lambda model: model.__name__)
EDGES = np.geomspace(0.05, 80.0, 8)

# Values that keep the spectrum away from underflow over 0.05-80 TeV.
RANGES = {
    "index": (-1.0, 5.0),
    "index1": (0.0, 3.0),
    "index2": (1.0, 5.0),
    "index_1": (0.0, 3.0),
    "index_2": (0.4, 1.2),
    "tilt": (-2.0, 2.0),
    "alpha": (0.5, 3.5),
    "beta": (-0.3, 0.5),
    "lambda_": (0.0, 0.3),
    "amplitude": (1e-14, 1e-10),
    "const": (1e-14, 1e-10),
    "norm": (0.1, 10.0),
    "reference": (0.1, 10.0),
    "ebreak": (0.06, 60.0),
    "ecut": (3.0, 50.0),
    "escale": (0.1, 10.0),
    "emin": (0.1, 0.9),
    "emax": (1.0, 100.0),
    "mean": (0.1, 50.0),
    "sigma": (0.01, 3.0),
    "expfactor": (0.001, 0.2),
    "redshift": (0.0, 0.7),
    "alpha_norm": (0.2, 2.0),
}
OF_ONE_MODEL = {
    ("ExpCutoffPowerLawSpectralModel", "alpha"): (0.7, 1.3),
    ("ExpCutoffPowerLawNormSpectralModel", "alpha"): (0.7, 1.3),
    ("SmoothBrokenPowerLawSpectralModel", "beta"): (0.1, 2.0),
    ("SuperExpCutoffPowerLaw4FGLSpectralModel", "expfactor"): (0.0, 1e-7),
}


def ebl():
    """Transmission of a made-up background, zero where it is opaque as in real tables."""
    energy = np.geomspace(0.02, 30.0, 9) * u.TeV
    redshift = np.array([0.01, 0.1, 0.2, 0.5])
    depth = redshift[:, None] * (0.2 + energy.value) ** 1.3 * 2.0
    return EBLAbsorptionNormSpectralModel(energy, redshift, np.exp(-depth))


def template():
    energy = np.geomspace(0.03, 40.0, 11)
    return TemplateSpectralModel(energy * u.TeV, 1e-12 * energy**-2.3 * (1.0 + 0.5 * np.sin(3.0 * np.log(energy))))


NODES = np.array([0.1, 1.0, 3.0, 20.0]) * u.TeV


def compounds():
    """One compound for each way in which parts are joined."""
    model = {tag: cls for tag, cls in spectral_models().items()}
    return {
        "sum": model["pl"]() + model["lp"](reference="1 TeV"),
        "difference": model["pl"](amplitude="2e-12 cm-2 s-1 TeV-1") - model["ecpl"](index=2.0),
        "absorbed": model["pl"]() * ebl(),
        "piecewise": model["bpl"]() * PiecewiseNormSpectralModel(NODES),
        "template": template() * model["pl-norm"](),
        "absorbed line": model["gauss"](sigma="0.1 TeV") * ebl(),
        "quotient": model["sbpl"](index2=3.0) / model["lp-norm"](),
        "scaled": 2.0 * model["pl-2"](),
        "nested": (model["pl"]() + model["gauss"]()) * ebl() + model["const"](const="1e-14 cm-2 s-1 TeV-1"),
    }


def prototypes(model_class):
    """Return the models at their defaults, by a name for the test."""
    name = model_class.__name__
    if model_class is CompoundSpectralModel:
        return {f"{name} {kind}": model for kind, model in compounds().items()}
    if model_class is PiecewiseNormSpectralModel:
        return {f"{name} {interp}": model_class(NODES, interp=interp) for interp in ("log", "lin")}
    special = {EBLAbsorptionNormSpectralModel: ebl, TemplateSpectralModel: template}
    return {name: special.get(model_class, model_class)()}


MODELS = {name: model for model_class in CLASSES for name, model in prototypes(model_class).items()}


def value_range(model, name):
    """Return the range of a parameter's canonical value, by the class that it belongs to."""
    owner, bare = model.origin(name)
    return OF_ONE_MODEL.get((owner, bare), RANGES["norm" if bare.startswith("norm_") else bare])


@st.composite
def drawn(draw, model):
    """Draw the canonical values of all parameters."""
    return {item.name: draw(st.floats(*value_range(model, item.name))) for item in model.parameters}


def random_values(model, rng):
    """Draw them from a generator."""
    return {item.name: rng.uniform(*value_range(model, item.name)) for item in model.parameters}


def with_values(model, values):
    """Return the model at canonical values."""
    return model.with_parameters(
        tuple(item.replace(value=values[item.name] / item.canonical_factor) for item in model.parameters)
    )
