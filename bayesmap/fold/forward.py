r"""The forward model: from parameters to predicted counts, as one PyTensor graph.

.. math:: \mu_{iq} = \sum_s N_{s,iq} + b_{iq}\,\mathrm{norm}(E_i),\qquad
          N_{s,iq} = \sum_j D_{ji}\,\big[\mathrm{psf}_j * (\epsilon_j F_{s,j}\phi_s)\big]_q
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytensor.tensor as pt

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.fold.fixed import FixedImage
from bayesmap.fold.guard import without_round_off
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.fold.source import FreeSource, build_source, shape_values
from bayesmap.models.background import BackgroundModel
from bayesmap.models.sky import Models, SkyModel


@dataclass(frozen=True)
class ParameterGraph:
    """Parameters as tensors.

    Parameters
    ----------
    values : dict
        Qualified name -> scalar tensor in canonical units.
    vectors : dict
        Source name -> position as a unit vector of the model's frame, tensor of shape (3,).
    """

    values: dict[str, Any]
    vectors: dict[str, Any]

    def of(self, model: str, component: str) -> dict[str, Any]:
        """Return the values of one component by bare name."""
        prefix = f"{model}.{component}."
        return {name[len(prefix) :]: value for name, value in self.values.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Fold:
    """The forward model of one dataset.

    Parameters
    ----------
    setup : FoldSetup
        The dataset's responses.
    models : Models
        At their start values.
    sources : dict
        Source name -> its image.
    backgrounds : dict
        Name of a background model (or ``"background"`` for a map without one) -> its map as a shared variable, shape
        (n_reco, n_lat, n_lon).
    """

    setup: FoldSetup
    models: Models
    sources: dict[str, FreeSource | FixedImage]
    backgrounds: dict[str, Any]

    def components(self, parameters: ParameterGraph) -> dict[str, Any]:
        """Return predicted counts of every model by name, each of shape (n_reco, n_lat, n_lon)."""
        parts = {name: self._source(name, image, parameters) for name, image in self.sources.items()}
        for name, cube in self.backgrounds.items():
            parts[name] = cube if name not in self.models else cube * self._norm(name, parameters)[:, None, None]
        return parts

    def npred(self, parameters: ParameterGraph) -> Any:
        """Return all predicted counts, shape (n_reco, n_lat, n_lon)."""
        parts = list(self.components(parameters).values())
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return without_round_off(total)

    def no_support(self, parameters: ParameterGraph) -> Any:
        """Return a boolean tensor: True where a source left the map or its cut-out."""
        flags = [
            image.no_support(parameters.vectors[name], shape_values(parameters.of(name, "spatial")))
            for name, image in self.sources.items()
            if isinstance(image, FreeSource)
        ]
        return pt.any(pt.stack(flags)) if flags else pt.constant(False)

    def _norm(self, name: str, parameters: ParameterGraph) -> Any:
        """Return the factor of a background model per reconstructed-energy bin."""
        return self.models[name].spectral_model.evaluate(
            pt, self.setup.axis.center, **parameters.of(name, "spectral")
        )

    def _source(self, name: str, image: FreeSource | FixedImage, parameters: ParameterGraph) -> Any:
        model = self.models[name]
        flux = model.spectral_model.integral(
            pt, self.setup.edges[:-1], self.setup.edges[1:], self.setup.slope, **parameters.of(name, "spectral")
        )
        mixing = self.setup.edisp.T * flux
        if isinstance(image, FixedImage):
            return image.npred(mixing)
        return image.npred(mixing, parameters.vectors[name], shape_values(parameters.of(name, "spatial")))


def build_fold(
    dataset: MapDataset, models: Models, exposure_order: str = "true", energy_integration: str = "binned"
) -> Fold:
    """Prepare the forward model of a dataset.

    Parameters
    ----------
    dataset : MapDataset
        Checked dataset.
    models : Models
        Sources, and at most one background model.
    exposure_order : str
        ``"true"`` or ``"after_psf"``.
    energy_integration : str
        ``"binned"`` or ``"interpolated"``, see `build_setup`.
    """
    setup = build_setup(dataset, exposure_order, energy_integration)
    sources = {model.name: build_source(setup, model) for model in models if isinstance(model, SkyModel)}
    return Fold(setup, models, sources, background_maps(dataset, models))


def background_maps(dataset: MapDataset, models: Models) -> dict[str, Any]:
    """Return the background map of each background model, or the dataset's own where no model scales it.

    Raises
    ------
    BayesmapInputError
        BM-IN-031 if a model scales the background of a dataset that has none, BM-IN-032 if a model brings a map and the
        dataset has one too.
    """
    maps = {}
    for model in models.background_models:
        own = isinstance(model, BackgroundModel)
        if own and dataset.background is not None:
            raise BayesmapInputError(
                "BM-IN-032",
                what=f"dataset {dataset.name!r} has a background and model {model.name!r} brings another",
                rule="There is one background: a map, or a model with its map",
                remedy="Pass either background or background_model",
            )
        cube = model.background if isinstance(model, BackgroundModel) else dataset.background
        if cube is None:
            raise BayesmapInputError(
                "BM-IN-031",
                what=f"model {model.name!r} scales the background of dataset {dataset.name!r}, which has none",
                rule="FoVBackgroundModel is a factor on a background map",
                remedy="Give the dataset a background, or remove the model",
            )
        maps[model.name] = constant(cube.data, f"{model.name}.map")
    if not maps and dataset.background is not None:
        maps["background"] = constant(dataset.background.data, "background")
    return maps
