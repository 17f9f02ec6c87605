"""Posteriors that coverage is measured on, compiled once for all simulated counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesmap import FoVBackgroundModel, MapFit, Models, Parameter, PointSpatialModel, PowerLawSpectralModel, SkyModel
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.testing import toy_response

AMPLITUDE, NORM = "source.spectral.amplitude", "toy-bkg.spectral.norm"
FLUXES = {"zero": 0.0, "barely there": 2.4e-11, "faint": 6e-11, "bright": 4e-10}
"""Amplitudes in cm-2 s-1 TeV-1 of the source whose flux is limited."""


def bright_source() -> CompiledPosterior:
    """Return the posterior of a bright point and a background, free: index, amplitude, position, norm; flat priors."""
    source = SkyModel(
        PowerLawSpectralModel(index=2.2, amplitude="2e-9 cm-2 s-1 TeV-1"),
        PointSpatialModel(lon_0=83.66, lat_0=21.99),
        name="source",
    )
    return _posterior(Models((source, FoVBackgroundModel("toy"))), "flat")


def limited_source(priors: str | Mapping[str, Any] = "flat") -> CompiledPosterior:
    """Return the posterior of a source of known place and index, with an amplitude >= 0, and of the background."""
    place = {name: Parameter(name, value, "deg", frozen=True) for name, value in (("lon_0", 83.66), ("lat_0", 21.99))}
    spectral = PowerLawSpectralModel(
        index=Parameter("index", 2.2, frozen=True),
        amplitude=Parameter("amplitude", 6e-11, "cm-2 s-1 TeV-1", min=0.0),
    )
    source = SkyModel(spectral, PointSpatialModel(**place), name="source")
    return _posterior(Models((source, FoVBackgroundModel("toy"))), priors)


def _posterior(models: Models, priors: Any) -> CompiledPosterior:
    return MapFit.from_dataset(toy_response(npix=12), models, priors=priors)._posterior


def same_truth(posterior: CompiledPosterior, simulations: int, values: Mapping[str, float] | None = None) -> np.ndarray:
    """Return coordinates of one truth, the start values but for those given, for many simulations."""
    coordinates = posterior.coordinates
    truth = coordinates.to_values(coordinates.start) | dict(values or {})
    return np.tile(coordinates.to_theta(truth), (simulations, 1))
