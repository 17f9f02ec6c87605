"""A source in one dataset: its spectrum, the response that applies to it, and its images in that response.

A response that changes with a parameter (the PSF's width, the position in an IRF map) is known at a few nodes: the
source is folded at each of them, and the counts are combined with weights that depend on the parameter.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import MapDataset
from bayesmap.errors import ResponseError
from bayesmap.fold.banded import banded
from bayesmap.fold.dispersion import Dispersion, Weights, build_dispersion
from bayesmap.fold.field import FieldImage
from bayesmap.fold.fixed import FixedImage
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.placement import Image
from bayesmap.fold.response import PSF_NODES, psf_weights
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.fold.source import FreeSource, build_source, shape_values
from bayesmap.fold.varying import responses_at
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import RadialPSF
from bayesmap.models.response import ResponseModel
from bayesmap.models.sky import SkyModel


@dataclass(frozen=True)
class Node:
    """The source in one form of the response.

    Parameters
    ----------
    setup : FoldSetup
        The response.
    image : FreeSource, FixedImage or FieldImage
        Image in it.
    """

    setup: FoldSetup
    image: FreeSource | FixedImage | FieldImage


@dataclass(frozen=True)
class SourceFold:
    """A source in one dataset.

    Parameters
    ----------
    model : SkyModel
        At its start values.
    nodes : tuple of Node
        Forms of the response; one, unless the PSF depends on parameters.
    dispersion : Dispersion
        Energy dispersion.
    weights : tuple of callable
        Weights of the nodes, as factors of an outer product, the first of which changes slowest.
    response : str
        Name of the dataset's `ResponseModel`, or nothing.
    """

    model: SkyModel
    nodes: tuple[Node, ...]
    dispersion: Dispersion
    weights: tuple[Weights, ...] = ()
    response: str = ""

    def images(self, parameters: ParameterGraph) -> list[Image]:
        """Return the images that the predicted counts add up from."""
        edisp = self.dispersion.matrix(parameters)
        counts = [self._node(node, edisp, parameters) for node in self.nodes]
        if not self.weights:
            return list(counts[0])
        weights = pt.ones((1,))
        for factor in self.weights:
            weights = (weights[:, None] * factor(parameters)[None, :]).flatten()
        return [weights[k] * image for k, part in enumerate(counts) for image in part]

    @property
    def is_free(self) -> bool:
        """True if a parameter changes its shape or place, and they have graphs of their own."""
        return all(isinstance(node.image, FreeSource) for node in self.nodes)

    @property
    def known(self) -> FixedImage | None:
        """The image, if it is the same templates in the same response for all parameters."""
        image = self.nodes[0].image
        fixed = isinstance(image, FixedImage) and not self.weights and self.dispersion.constant
        return image if fixed and isinstance(image, FixedImage) else None

    @property
    def reached(self) -> np.ndarray:
        """Which templates of a known image reach each bin of reconstructed energy, shape (n_reco, n)."""
        image, edisp = self.nodes[0].image, np.asarray(self.dispersion.forms[0])
        parent = slice(None) if image.energies is None else image.energies.parent  # type: ignore[union-attr]
        return np.asarray(edisp.T[:, parent] != 0.0)

    def not_negative(self, parameters: ParameterGraph) -> Any:
        """Return a boolean tensor, True where the counts are not negative because no flux is; None if it is not enough.

        It is for images that cannot be negative (round-off apart): templates, points and compact shapes.
        """
        images = [node.image for node in self.nodes]
        if self.weights or not all(getattr(image, "not_negative", False) for image in images):
            return None
        edisp = self.dispersion.matrix(parameters)
        return pt.all(pt.stack([pt.all(self._mixing(node, edisp, parameters) >= 0.0) for node in self.nodes]))

    def mixing(self, parameters: ParameterGraph) -> Any:
        """Return flux per true-energy bin (or energy of a cube) times its share in each bin of reconstructed energy.

        Shape (n_reco, n).
        """
        return self._mixing(self.nodes[0], self.dispersion.matrix(parameters), parameters)

    def no_support(self, parameters: ParameterGraph) -> list[Any]:
        """Return boolean tensors: True where the source left the map or its cut-out."""
        shape = shape_values(parameters.of(self.model.name, "spatial"))
        images = [node.image for node in self.nodes if isinstance(node.image, FreeSource)]
        return [image.no_support(parameters.vectors[self.model.name], shape) for image in images]

    def _node(self, node: Node, edisp: Any, parameters: ParameterGraph) -> tuple[Image, ...]:
        name, mixing = self.model.name, self._mixing(node, edisp, parameters)
        if isinstance(node.image, FixedImage):
            return (Image(node.image.pieces(mixing)),)
        shape = shape_values(parameters.of(name, "spatial"))
        return node.image.images(mixing, parameters.vectors[name], shape)

    def _mixing(self, node: Node, edisp: Any, parameters: ParameterGraph) -> Any:
        name, setup = self.model.name, node.setup
        spectral: Any = self.model.spectral_model
        values = parameters.of(name, "spectral")
        if self.response and self.model.apply_irf["exposure"]:
            edisp = edisp * parameters.values[f"{self.response}.response.exposure_scale"]
        edisp = banded(edisp, spectral, setup.axis.center, values)
        flux = spectral.integral(pt, setup.edges[:-1], setup.edges[1:], setup.slope, **values)
        if isinstance(node.image, FixedImage):
            return node.image.mixing(edisp, flux, lambda energy: spectral.evaluate(pt, energy, **values))
        return edisp.T * flux


def build_source_fold(
    dataset: MapDataset, setup: FoldSetup, model: SkyModel, response: ResponseModel | None
) -> SourceFold:
    """Prepare a source in a dataset.

    Parameters
    ----------
    dataset : MapDataset
        The dataset, and
    setup : FoldSetup
        what the fold needs of it.
    model : SkyModel
        The source at its start values.
    response : ResponseModel or None
        The dataset's free scales.

    Raises
    ------
    ResponseError
        BM-IR-020 if the width of a PSF given as pixel kernels is to change.
    """
    datasets, weights = _psf_forms(dataset, model, response)
    setups = tuple(setup if item is dataset else _setup(item, setup) for item in datasets)
    own = tuple(without_parts(item, model) for item in setups)
    nodes = tuple(Node(item, build_source(item, model)) for item in own)
    dispersion = _dispersion(dataset, own[0], model, response)
    return SourceFold(model, nodes, dispersion, weights, "" if response is None else response.name)


def _setup(dataset: MapDataset, like: FoldSetup) -> FoldSetup:
    return build_setup(dataset, like.exposure_order, like.energy_integration)


def _psf_forms(
    dataset: MapDataset, model: SkyModel, response: ResponseModel | None
) -> tuple[tuple[MapDataset, ...], tuple[Weights, ...]]:
    """Return the dataset with every PSF that is needed, and the factors of their weights."""
    if dataset.psf is None or not model.apply_irf["psf"]:
        return (dataset,), ()
    datasets, place = responses_at(dataset, model, "psf")
    factors = () if place is None else (place,)
    if response is None or not _changes(response, "psf_scale"):
        return datasets, factors
    name, parameter = f"{response.name}.response.psf_scale", response.response_model.psf_scale
    if not isinstance(dataset.psf, RadialPSF):
        raise ResponseError(
            "BM-IR-020",
            what=f"{name} is {parameter.value:g} and {'frozen' if parameter.frozen else 'free'}, and the psf of "
            f"{dataset.name!r} is {type(dataset.psf).__name__}",
            rule="The width of a radial PSF table can change; pixel kernels have no profile to stretch",
            remedy="Give the PSF as a RadialPSF, or freeze psf_scale at 1",
        )
    scales = (parameter.value,) if parameter.frozen else PSF_NODES
    wider = tuple(dataclasses.replace(item, psf=_central(item.psf).stretched(s)) for item in datasets for s in scales)
    if parameter.frozen:
        return wider, factors
    return wider, (*factors, lambda parameters: psf_weights(parameters.values[name]))


def _central(psf: Any) -> RadialPSF:
    """Return the table of a position, without the map it is from."""
    return psf.central if hasattr(psf, "central") else psf


def _dispersion(dataset: MapDataset, setup: FoldSetup, model: SkyModel, response: ResponseModel | None) -> Dispersion:
    if not model.apply_irf["edisp"]:
        return Dispersion((setup.edisp,))
    datasets, weights = responses_at(dataset, model, "edisp")
    matrices = tuple(setup.edisp if item is dataset else _setup(item, setup).edisp for item in datasets)
    scaled = response is not None and _changes(response, "energy_scale")
    scale = f"{response.name}.response.energy_scale" if response is not None and scaled else ""
    return build_dispersion(matrices, setup.axis.edges, model.name, weights=weights, scale=scale)


def without_parts(setup: FoldSetup, model: SkyModel) -> FoldSetup:
    """Return the setup without the parts of the response that do not apply to the model."""
    apply = model.apply_irf
    changes: dict[str, Any] = {}
    if not apply["psf"]:
        changes |= {"psf": None, "psf_energy": "true"}
    if not apply["edisp"]:
        changes["edisp"] = EnergyDispersion.from_diagonal(setup.exposure.axis, setup.axis).data
    if not apply["exposure"]:
        plain = dataclasses.replace(
            setup.exposure, slope=np.zeros_like(setup.slope), data=np.ones_like(setup.exposure.data)
        )
        changes |= {"exposure": plain, "slope": plain.slope}
    return dataclasses.replace(setup, **changes) if changes else setup


def _changes(response: ResponseModel, scale: str) -> bool:
    """Return True if a scale is not fixed at one."""
    parameter = getattr(response.response_model, scale)
    return not parameter.frozen or parameter.value != 1.0
