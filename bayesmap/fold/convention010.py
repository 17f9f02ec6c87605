r"""The seed's own rule, kept to reproduce the numbers that Gammapy 0.10 asserts; the physics is in `forward`.

dN/dE at the centre of each true-energy bin times its width; the Gaussian
:math:`e^{-\theta^2/2\sigma^2}/(2\pi\sigma^2)` at the pixel centre times the pixel's solid angle; exposure before the
PSF kernel; nothing from outside the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
import scipy.fft

from bayesmap.dataset import MapDataset
from bayesmap.errors import ModelError, ResponseError
from bayesmap.fold.banded import banded
from bayesmap.fold.exposed import Exposed
from bayesmap.fold.forward import Fold, background_maps
from bayesmap.fold.kernel import kernel_transform
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.pixelmap import frame_rotation, unit_vector
from bayesmap.fold.placement import Piece
from bayesmap.fold.point import constant
from bayesmap.fold.setup import FoldSetup, build_setup
from bayesmap.fold.wide import SkyGrid, separation_squared
from bayesmap.irf.psf import PSFKernel
from bayesmap.models.response import ResponseModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel


@dataclass(frozen=True)
class Convention010Fold(Fold):
    """The forward model by the seed's rule.

    Parameters
    ----------
    grid : SkyGrid
        The map with zeros around it.
    transfer : shared variable
        Transform of the PSF kernel.
    center, width : ndarray
        Centre and width of the true-energy bins in TeV.
    """

    grid: SkyGrid
    transfer: Any
    center: np.ndarray
    width: np.ndarray

    def away(self, name: str, parameters: ParameterGraph) -> list[Any]:
        """Return nothing: the seed has a likelihood wherever a source stands."""
        return []

    def alone(self) -> list[str]:
        """Return nothing: the seed folds every source by itself."""
        return []

    def pieces(self, name: str, parameters: ParameterGraph) -> list[Piece]:
        """Return the predicted counts of a source as one piece."""
        return [Piece(self._source(name, parameters), 0, 0)]

    def known_image(self, name: str) -> None:
        """Return None: the seed folds every source in each evaluation."""

    def not_negative(self, name: str, parameters: ParameterGraph) -> None:
        """Return None: the counts have to be looked at."""

    def _source(self, name: str, parameters: ParameterGraph) -> Any:
        model: Any = self.models[name]
        values = parameters.of(name, "spectral")
        dnde = model.spectral_model.evaluate(pt, self.center, **values)
        edisp = banded(self.setup.edisp, model.spectral_model, self.setup.axis.center, values)
        rotation = frame_rotation(model.spatial_model.frame, self.setup.geom.frame)
        vector = pt.dot(rotation, parameters.vectors[name])
        squared = separation_squared(self.grid.vectors, vector)
        sigma = parameters.values[f"{name}.spatial.sigma"]
        radian = np.pi / 180.0
        brightness = pt.exp(-0.5 * squared / sigma**2) / (2.0 * np.pi * (sigma * radian) ** 2)
        return self.grid.npred(edisp.T * (dnde * self.width), brightness, self.transfer)


def build_convention010(dataset: MapDataset, models: Models) -> Convention010Fold:
    """Prepare the seed's forward model.

    Raises
    ------
    ResponseError
        BM-IR-010 if the PSF is not a kernel on pixels.
    ModelError
        BM-MO-021 for a spatial model other than a round Gaussian.
    """
    if not isinstance(dataset.psf, PSFKernel):
        raise ResponseError(
            "BM-IR-010",
            what=f"convention 'gammapy010' was given the psf {type(dataset.psf).__name__}",
            rule="The seed takes a PSFKernel",
            remedy="Pass a PSFKernel, or leave out `convention`",
        )
    setup = build_setup(dataset, "true")
    for model in models:
        _check_model(model)
    axis = dataset.exposure.geom.axes[0]
    grid = _zero_padded_grid(setup)
    sources: dict[str, Any] = dict.fromkeys(model.name for model in models if isinstance(model, SkyModel))
    return Convention010Fold(
        setup=setup,
        models=models,
        sources=sources,
        backgrounds=background_maps(dataset, models),
        grid=grid,
        transfer=_transfer(dataset.psf, grid.size),
        center=axis.center,
        width=axis.bin_width,
    )


def _check_model(model: Any) -> None:
    if isinstance(model, ResponseModel) or (isinstance(model, SkyModel) and not all(model.apply_irf.values())):
        raise ModelError(
            "BM-MO-021",
            what=f"convention 'gammapy010' was given model {model.name!r}, which changes the response",
            rule="The seed applies the whole response as it is",
            remedy="Leave out `convention`, or the model",
        )
    if not isinstance(model, SkyModel):
        return
    spatial = model.spatial_model
    if not isinstance(spatial, GaussianSpatialModel) or spatial.e.value != 0 or not spatial.e.frozen:
        raise ModelError(
            "BM-MO-021",
            what=f"convention 'gammapy010' was given {type(spatial).__name__} in model {model.name!r}",
            rule="It holds the round Gaussian, which the seed's numbers are for",
            remedy="Leave out `convention`: the default integrates every model exactly",
        )


def _zero_padded_grid(setup: FoldSetup) -> SkyGrid:
    pad = setup.reach
    geom = setup.geom.pad(pad)
    inside = np.pad(np.ones(setup.shape), pad)
    exposure = np.pad(setup.exposure_plane(0), ((0, 0), (pad, pad), (pad, pad)))
    return SkyGrid(
        setup=setup,
        pad=pad,
        size=tuple(scipy.fft.next_fast_len(n + 2 * pad, real=True) for n in setup.shape),
        vectors=constant(unit_vector(np, *geom.pixel_centers()), "sky.vectors"),
        solid_angle=constant(geom.solid_angle() * inside, "sky.solid_angle"),
        exposure=Exposed(constant(exposure, "sky.exposure"), None),
    )


def _transfer(psf: PSFKernel, size: tuple[int, int]) -> Any:
    spectrum = kernel_transform(psf.data, size)
    return constant(np.stack([spectrum.real, spectrum.imag]), "transfer")
