r"""The forward model: from parameters to predicted counts, as one PyTensor graph.

.. math:: \mu_{iq} = \sum_s N_{s,iq} + b_{iq}\,\mathrm{norm}(E_i),\qquad
          N_{s,iq} = \sum_j D_{ji}\,\big[\mathrm{psf}_j * (\epsilon_j F_{s,j}\phi_s)\big]_q
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import MapDataset
from bayesmap.fold.fixed import FixedImage
from bayesmap.fold.guard import without_round_off
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.fold.source import FreeSource, build_source, shape_values
from bayesmap.models.background import FoVBackgroundModel
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
    background : shared variable or None
        Background map, shape (n_reco, n_lat, n_lon).
    """

    setup: FoldSetup
    models: Models
    sources: dict[str, FreeSource | FixedImage]
    background: Any

    def components(self, parameters: ParameterGraph) -> dict[str, Any]:
        """Return predicted counts of every model by name, each of shape (n_reco, n_lat, n_lon)."""
        parts = {name: self._source(name, image, parameters) for name, image in self.sources.items()}
        for model in self.models:
            if isinstance(model, FoVBackgroundModel) and self.background is not None:
                norm = model.spectral_model.evaluate(pt, self.setup.axis.center, **parameters.of(model.name, "spectral"))
                parts[model.name] = self.background * norm[:, None, None]
        if self.background is not None and not any(isinstance(m, FoVBackgroundModel) for m in self.models):
            parts["background"] = self.background
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

    def _source(self, name: str, image: FreeSource | FixedImage, parameters: ParameterGraph) -> Any:
        model = self.models[name]
        flux = model.spectral_model.integral(
            pt, self.setup.edges[:-1], self.setup.edges[1:], self.setup.slope, **parameters.of(name, "spectral")
        )
        if isinstance(image, FixedImage):
            return image.npred(flux)
        return image.npred(flux, parameters.vectors[name], shape_values(parameters.of(name, "spatial")))


def build_fold(dataset: MapDataset, models: Models, exposure_order: str = "true") -> Fold:
    """Prepare the forward model of a dataset.

    Parameters
    ----------
    dataset : MapDataset
        Checked dataset.
    models : Models
        Sources, and at most one background model.
    exposure_order : str
        ``"true"`` or ``"after_psf"``.
    """
    setup = build_setup(dataset, exposure_order)
    sources = {model.name: build_source(setup, model) for model in models if isinstance(model, SkyModel)}
    background = None if dataset.background is None else constant(np.asarray(dataset.background.data), "background")
    return Fold(setup, models, sources, background)
