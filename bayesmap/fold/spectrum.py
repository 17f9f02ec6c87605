r"""The forward model of a 1-D region spectrum: :math:`s_i = \sum_j D_{ji}\,\epsilon_j F_j`, summed over sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import SpectrumDatasetOnOff
from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.fold.banded import banded
from bayesmap.fold.forward import Prediction
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.response import StretchedDispersion, build_stretched
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.models.of_datasets import belongings
from bayesmap.models.overdispersion import OverdispersionModel
from bayesmap.models.response import ResponseModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.constant import ConstantSpatialModel
from bayesmap.models.spatial.template import TemplateSpatialModel


@dataclass(frozen=True)
class SpectrumFold:
    """The forward model of a region spectrum.

    Parameters
    ----------
    sources : dict
        Name -> model that contributes.
    edges : ndarray, shape (n_true + 1,), unit TeV
        True-energy bins.
    exposure : ndarray, shape (n_true,), unit cm2 s
        Exposure on them.
    dispersion : ndarray, shape (n_true, n_reco), or StretchedDispersion
        Energy dispersion.
    energy : ndarray, shape (n_reco,), unit TeV
        Centres of the bins of reconstructed energy.
    response : str
        Name of the dataset's `ResponseModel`, or nothing.
    """

    sources: dict[str, SkyModel]
    edges: np.ndarray
    exposure: np.ndarray
    dispersion: np.ndarray | StretchedDispersion
    energy: np.ndarray
    response: str = ""

    def components(self, parameters: ParameterGraph) -> dict[str, Any]:
        """Return predicted source counts of every model by name, each of shape (n_reco,)."""
        scales = parameters.of(self.response, "response") if self.response else {}
        edisp, exposure = self.dispersion, self.exposure
        if isinstance(edisp, StretchedDispersion):
            edisp = edisp.matrix(scales["energy_scale"])
        if scales:
            exposure = exposure * scales["exposure_scale"]
        slope = np.zeros_like(self.exposure)
        parts = {}
        for name, model in self.sources.items():
            spectral: Any = model.spectral_model
            values = parameters.of(name, "spectral")
            flux = spectral.integral(pt, self.edges[:-1], self.edges[1:], slope, **values)
            parts[name] = pt.dot(flux * exposure, banded(edisp, spectral, self.energy, values))
        return parts

    def predict(self, parameters: ParameterGraph, *, batched: bool = False) -> Prediction:
        """Return predicted source counts of every model, and all together; the background is not among them.

        A spectrum is too small for its sources to be batched, and knows no positions.
        """
        parts = self.components(parameters)
        return Prediction(parameters, {}, [], parts, sum(parts.values()), pt.constant(False))

    def npred(self, parameters: ParameterGraph) -> Any:
        """Return predicted source counts, shape (n_reco,)."""
        return self.predict(parameters).npred


def build_spectrum_fold(dataset: SpectrumDatasetOnOff, models: Models) -> SpectrumFold:
    """Prepare the forward model of a region spectrum.

    Raises
    ------
    ModelError
        BM-MO-028 for a source whose brightness has no total, or without part of the response.
    BayesmapInputError
        BM-IN-034 if no source contributes, BM-IN-035 if a background or overdispersion model belongs to
        the spectrum.
    """
    own = {model.name: model for model in models.sky_models if model.applies_to(dataset.name)}
    for model in own.values():
        _check_source(dataset, model)
    for background in models.background_models:
        if background.datasets_names is not None and background.applies_to(dataset.name):
            raise BayesmapInputError(
                "BM-IN-035",
                what=f"background model {background.name!r} belongs to spectrum {dataset.name!r}",
                rule="The background of an On/Off spectrum is measured in its Off region, and marginalised",
                remedy="Remove the model, or this name from its datasets_names",
            )
    for scatter in models:
        named = isinstance(scatter, OverdispersionModel) and scatter.datasets_names is not None
        if named and scatter.applies_to(dataset.name):
            raise BayesmapInputError(
                "BM-IN-035",
                what=f"model {scatter.name!r} belongs to spectrum {dataset.name!r}",
                rule="On counts of a spectrum are Poisson, their background marginalised: overdispersion is for maps",
                remedy="Remove this name from its datasets_names",
            )
    if not own:
        raise BayesmapInputError(
            "BM-IN-034",
            what=f"no model predicts counts in dataset {dataset.name!r}; there are {belongings(models)}",
            rule="A spectrum needs a source",
            remedy="Correct datasets_names of the models, or leave the dataset out",
        )
    edisp = dataset.edisp or EnergyDispersion.from_diagonal(dataset.axis_true, dataset.axis)
    response = models.only(ResponseModel, dataset.name)
    dispersion: np.ndarray | StretchedDispersion = edisp.data
    scale = None if response is None else response.response_model.energy_scale
    if scale is not None and (not scale.frozen or scale.value != 1.0):
        dispersion = build_stretched(edisp.data, dataset.axis.edges, dataset.name)
    name = "" if response is None else response.name
    return SpectrumFold(own, dataset.axis_true.edges, dataset.exposure, dispersion, dataset.axis.center, name)


def _check_source(dataset: SpectrumDatasetOnOff, model: SkyModel) -> None:
    open_ended = isinstance(model.spatial_model, ConstantSpatialModel) or (
        isinstance(model.spatial_model, TemplateSpatialModel) and not model.spatial_model.normalize
    )
    if open_ended or not all(model.apply_irf.values()):
        raise ModelError(
            "BM-MO-028",
            what=f"source {model.name!r} ({type(model.spatial_model).__name__}) contributes to {dataset.name!r}",
            rule="A spectrum holds the whole flux of sources whose brightness integrates to one, seen by the response",
            remedy="Name the datasets it belongs to with datasets_names",
        )
