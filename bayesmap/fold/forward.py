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
from bayesmap.errors import BayesmapError, BayesmapInputError, attempt, raise_problems
from bayesmap.fold.banks import are_enough, with_banks
from bayesmap.fold.batch import Batch, Graphs
from bayesmap.fold.batch import batches as batches_of
from bayesmap.fold.fixed import FixedImage
from bayesmap.fold.guard import without_round_off
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.pixelmap import frame_rotation, unit_vector
from bayesmap.fold.placement import Piece, assemble, weighted
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.fold.source_fold import SourceFold, build_source_fold
from bayesmap.maps.geometry import WcsGeom
from bayesmap.models.background import BackgroundModel
from bayesmap.models.of_datasets import belongings
from bayesmap.models.response import ResponseModel
from bayesmap.models.sky import Models


@dataclass(frozen=True)
class Prediction:
    """Predicted counts as graphs, each made once.

    Parameters
    ----------
    parameters : ParameterGraph
        What they depend on.
    pieces : dict
        Source name -> pieces that its predicted counts add up from; of sources that stand in no batch.
    batches : list of Batch
        Sources that are folded in a loop.
    components : dict
        Name of a model -> its predicted counts, shape (n_reco, n_lat, n_lon), of a spectrum (n_reco,).
    npred : tensor
        All predicted counts.
    no_support : boolean tensor
        True where a source left the map or its cut-out.
    """

    parameters: ParameterGraph
    pieces: dict[str, list[Piece]]
    batches: list[Batch]
    components: dict[str, Any]
    npred: Any
    no_support: Any

    @property
    def shares(self) -> dict[str, Any]:
        """Shares of images in batches that may be left out, by name."""
        return {name: share for batch in self.batches for name, share in batch.shares.items()}


@dataclass(frozen=True)
class Fold:
    """The forward model of one dataset.

    Parameters
    ----------
    setup : FoldSetup
        The dataset's responses.
    models : Models
        At their start values; those of other datasets may be among them.
    sources : dict
        Source name -> how it is folded.
    backgrounds : dict
        Name of a background model (or ``"background"`` for a map without one) -> its map as a shared variable, shape
        (n_reco, n_lat, n_lon).
    """

    setup: FoldSetup
    models: Models
    sources: dict[str, SourceFold]
    backgrounds: dict[str, Any]

    def predict(self, parameters: ParameterGraph, *, batched: bool = False) -> Prediction:
        """Return predicted counts of every model, and all together.

        Parameters
        ----------
        parameters : ParameterGraph
            What they depend on.
        batched : bool
            True to fold sources of one type in a loop, which is for JAX alone.
        """
        batches = self._batches(parameters) if batched else []
        in_batches = {name for batch in batches for name in batch.names}
        single = [name for name in self.sources if name not in in_batches]
        pieces = {name: self.pieces(name, parameters) for name in single}
        parts = {name: assemble(items, self.setup.shape) for name, items in pieces.items()}
        parts |= {name: self.background(name, parameters) for name in self.backgrounds}
        npred = without_round_off(total_of([*parts.values(), *(batch.total for batch in batches)]))
        cubes = {name: batch.cubes[k] for batch in batches for k, name in enumerate(batch.names)}
        components = {name: (parts | cubes)[name] for name in (*self.sources, *self.backgrounds)}
        flags = [flag for name in single for flag in self.away(name, parameters)]
        flags += [batch.no_support for batch in batches]
        no_support = pt.any(pt.stack(flags)) if flags else pt.constant(False)
        return Prediction(parameters, pieces, batches, components, npred, no_support)

    def pieces(self, name: str, parameters: ParameterGraph) -> list[Piece]:
        """Return the pieces that the predicted counts of a source add up from."""
        return weighted(self.sources[name].images(parameters))

    def away(self, name: str, parameters: ParameterGraph) -> list[Any]:
        """Return boolean tensors: True where a source left the map or its cut-out."""
        return self.sources[name].no_support(parameters)

    def alone(self) -> list[str]:
        """Return the sources that have graphs of their own, which may be folded in a loop."""
        return [name for name, source in self.sources.items() if source.is_free]

    def _batches(self, parameters: ParameterGraph) -> list[Batch]:
        """Return the sources that are folded in a loop."""
        free = self.alone()
        if not are_enough(len(free)):
            return []
        graphs = {name: _graphs_of(self.sources[name], parameters) for name in free}
        return batches_of(graphs, (self.setup.axis.nbin, *self.setup.shape))

    def background(self, name: str, parameters: ParameterGraph) -> Any:
        """Return predicted counts of a background, shape (n_reco, n_lat, n_lon)."""
        cube = self.backgrounds[name]
        return cube * self._norm(name, parameters) if name in self.models else cube

    def uniform_norm(self, name: str) -> bool:
        """Return True if the factor of a background depends on the energy only."""
        return name not in self.models or "spatial" not in self.models[name].components

    def norm_per_energy(self, name: str, parameters: ParameterGraph) -> Any:
        """Return the factor of a background in each bin of reconstructed energy, shape (n_reco,)."""
        if name not in self.models:
            return pt.ones((self.setup.axis.nbin,))
        model: Any = self.models[name]
        factor = model.spectral_model.evaluate(pt, self.setup.axis.center, **parameters.of(name, "spectral"))
        return pt.as_tensor(factor) * pt.ones((self.setup.axis.nbin,))

    def known_image(self, name: str) -> FixedImage | None:
        """Return the templates of a source that no parameter changes, or None."""
        return self.sources[name].known

    def not_negative(self, name: str, parameters: ParameterGraph) -> Any:
        """Return a boolean tensor, True where a source has no negative flux; None where that does not settle it."""
        return self.sources[name].not_negative(parameters)

    def npred(self, parameters: ParameterGraph) -> Any:
        """Return all predicted counts, shape (n_reco, n_lat, n_lon)."""
        return self.predict(parameters).npred

    def _norm(self, name: str, parameters: ParameterGraph) -> Any:
        """Return the factor of a background model per bin, shape (n_reco, 1, 1) or that of the map."""
        model: Any = self.models[name]
        factor = self.norm_per_energy(name, parameters)[:, None, None]
        spatial = model.components.get("spatial")
        if spatial is None:
            return factor
        lon, lat = pixels_in_frame(self.setup.geom, spatial.frame)
        return factor * spatial.factor(pt, lon, lat, **parameters.of(name, "spatial"))[None]


def _graphs_of(source: SourceFold, parameters: ParameterGraph) -> Graphs:
    """Return the graphs of a source by itself."""
    return Graphs(
        images=tuple(source.images(parameters)),
        no_support=pt.any(pt.stack(source.no_support(parameters))),
        not_negative=source.not_negative(parameters),
    )


def pixels_in_frame(geom: WcsGeom, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude in degrees of the pixel centres in a frame, each of shape (n_lat, n_lon)."""
    x, y, z = np.tensordot(frame_rotation(geom.frame, frame), unit_vector(np, *geom.pixel_centers()), axes=1)
    return np.rad2deg(np.arctan2(y, x)) % 360.0, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def total_of(parts: list[Any]) -> Any:
    """Return the sum of some cubes."""
    first, *rest = parts
    for part in rest:
        first = first + part
    return first


def build_fold(
    dataset: MapDataset, models: Models, exposure_order: str = "true", energy_integration: str = "binned"
) -> Fold:
    """Prepare the forward model of a dataset.

    Parameters
    ----------
    dataset : MapDataset
        Checked dataset.
    models : Models
        Sources, backgrounds and the response model of the dataset; those of other datasets are left out.
    exposure_order : str
        ``"true"`` or ``"after_psf"``.
    energy_integration : str
        ``"binned"`` or ``"interpolated"``, see `build_setup`.

    Raises
    ------
    BayesmapInputError
        BM-IN-034 if no model predicts anything for the dataset, and see `background_maps` and `build_source_fold`: all
        problems at once.
    """
    problems: list[BayesmapError] = []
    setup = build_setup(dataset, exposure_order, energy_integration)
    response = attempt(problems, models.only, ResponseModel, dataset.name)
    own = [model for model in models.sky_models if model.applies_to(dataset.name)]
    backgrounds = attempt(problems, background_maps, dataset, models)
    if not own and backgrounds == {}:
        raise BayesmapInputError(
            "BM-IN-034",
            what=f"no model predicts counts in dataset {dataset.name!r}; there are {belongings(models)}",
            rule="A dataset needs a source or a background",
            remedy="Correct datasets_names of the models, or leave the dataset out",
        )
    folds = {model.name: attempt(problems, build_source_fold, dataset, setup, model, response) for model in own}
    raise_problems(problems)
    sources = {name: fold for name, fold in folds.items() if fold is not None}
    return Fold(setup=setup, models=models, sources=with_banks(sources), backgrounds=backgrounds or {})


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
        if not model.applies_to(dataset.name):
            continue
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
        maps[model.name] = constant(cube.data, f"{dataset.name}/{model.name}.map")
    if not maps and dataset.background is not None:
        maps["background"] = constant(dataset.background.data, f"{dataset.name}/background")
    return maps
