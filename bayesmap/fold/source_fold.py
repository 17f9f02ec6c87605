"""A source in one dataset: its spectrum, the response that applies to it, and its images in that response.

A response that changes with a parameter (the PSF's width, the position in an IRF map) is known at a few nodes: the
source is folded at each of them, and the counts are combined with weights that depend on the parameter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.dataset import MapDataset
from bayesmap.errors import ResponseError
from bayesmap.fold.fixed import FixedImage
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.response import PSF_NODES, StretchedDispersion, build_stretched, psf_weights
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.fold.source import FreeSource, build_source, shape_values
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import RadialPSF
from bayesmap.models.response import ResponseModel
from bayesmap.models.sky import SkyModel

Weights = Callable[[ParameterGraph], Any]


@dataclass(frozen=True)
class Node:
    """The source in one form of the response.

    Parameters
    ----------
    setup : FoldSetup
        The response.
    dispersion : ndarray or StretchedDispersion
        Its energy dispersion, shape (n_true, n_reco), or one with a free energy scale.
    image : FreeSource or FixedImage
        Image in it.
    """

    setup: FoldSetup
    dispersion: np.ndarray | StretchedDispersion
    image: FreeSource | FixedImage


@dataclass(frozen=True)
class SourceFold:
    """A source in one dataset.

    Parameters
    ----------
    model : SkyModel
        At its start values.
    nodes : tuple of Node
        Forms of the response; one, unless it depends on parameters.
    weights : callable, optional
        Parameters -> weights of the nodes, tensor of shape (n_node,).
    response : str
        Name of the dataset's `ResponseModel`, or nothing.
    """

    model: SkyModel
    nodes: tuple[Node, ...]
    weights: Weights | None = None
    response: str = ""

    def npred(self, parameters: ParameterGraph) -> Any:
        """Return predicted counts, shape (n_reco, n_lat, n_lon)."""
        counts = [self._node(node, parameters) for node in self.nodes]
        if self.weights is None:
            return counts[0]
        weights = self.weights(parameters)
        total = weights[0] * counts[0]
        for k, part in enumerate(counts[1:], start=1):
            total = total + weights[k] * part
        return total

    def no_support(self, parameters: ParameterGraph) -> list[Any]:
        """Return boolean tensors: True where the source left the map or its cut-out."""
        shape = shape_values(parameters.of(self.model.name, "spatial"))
        images = [node.image for node in self.nodes if isinstance(node.image, FreeSource)]
        return [image.no_support(parameters.vectors[self.model.name], shape) for image in images]

    def _node(self, node: Node, parameters: ParameterGraph) -> Any:
        name, setup = self.model.name, node.setup
        spectral = parameters.of(name, "spectral")
        flux = self.model.spectral_model.integral(pt, setup.edges[:-1], setup.edges[1:], setup.slope, **spectral)
        mixing = self._mixing(node, flux, parameters)
        if isinstance(node.image, FixedImage):
            return node.image.npred(mixing)
        return node.image.npred(mixing, parameters.vectors[name], shape_values(parameters.of(name, "spatial")))

    def _mixing(self, node: Node, flux: Any, parameters: ParameterGraph) -> Any:
        """Return the flux spread over reconstructed energy, shape (n_reco, n_true)."""
        scales = parameters.of(self.response, "response") if self.response else {}
        if scales and self.model.apply_irf["exposure"]:
            flux = flux * scales["exposure_scale"]
        if isinstance(node.dispersion, StretchedDispersion):
            return node.dispersion.matrix(scales["energy_scale"]).T * flux
        return node.dispersion.T * flux


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
    own = without_parts(setup, model)
    name = "" if response is None else response.name
    scaled = response is not None and _changes(response, "psf_scale") and own.psf is not None
    if not scaled:
        return SourceFold(model, (_node(own, model, response),), response=name)
    psf = dataset.psf
    if not isinstance(psf, RadialPSF):
        raise ResponseError(
            "BM-IR-020",
            what=f"{name}.response.psf_scale is not one, and the psf of {dataset.name!r} is {type(psf).__name__}",
            rule="The width of a radial PSF table can change; pixel kernels have no profile to stretch",
            remedy="Give the PSF as a RadialPSF, or freeze psf_scale at 1",
        )
    start: Any = response
    free = not start.response_model.psf_scale.frozen
    scales = PSF_NODES if free else (start.response_model.psf_scale.value,)
    nodes = []
    for scale in scales:
        changed = dataclasses.replace(dataset, psf=psf.stretched(scale))
        wider = without_parts(build_setup(changed, setup.exposure_order, setup.energy_integration), model)
        nodes.append(_node(wider, model, response))
    weights = (lambda parameters: psf_weights(parameters.values[f"{name}.response.psf_scale"])) if free else None
    return SourceFold(model, tuple(nodes), weights, name)


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


def _node(setup: FoldSetup, model: SkyModel, response: ResponseModel | None) -> Node:
    dispersion: np.ndarray | StretchedDispersion = setup.edisp
    if response is not None and model.apply_irf["edisp"] and _changes(response, "energy_scale"):
        dispersion = build_stretched(setup.edisp, setup.axis.edges, model.name)
    return Node(setup, dispersion, build_source(setup, model))


def _changes(response: ResponseModel, scale: str) -> bool:
    """Return True if a scale is not fixed at one."""
    parameter = getattr(response.response_model, scale)
    return not parameter.frozen or parameter.value != 1.0
