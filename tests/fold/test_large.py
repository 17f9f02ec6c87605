"""Sources that are large against the pixels, or larger than the map: right to 1e-3 of the peak, at bounded cost."""

import dataclasses

import numpy as np
import pytest

from bayesmap.fold.moments import NODE_SPACING, WIDEST
from bayesmap.fold.reference import reference_npred
from bayesmap.fold.setup import build_setup
from bayesmap.fold.source import build_source
from bayesmap.models.registry import find_model
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response
from tests.fold.plain import plain_npred

PIXEL = 0.03
SHAPES = (
    ("DiskSpatialModel", {"r_0": 15 * PIXEL, "e": 0.6, "phi": 30.0}),
    ("ShellSpatialModel", {"radius": 15 * PIXEL, "width": 3 * PIXEL}),
    ("Shell2SpatialModel", {"r_0": 15 * PIXEL, "eta": 0.3}),
    ("GaussianSpatialModel", {"sigma": 15 * PIXEL, "e": 0.7, "phi": 30.0}),
    ("GeneralizedGaussianSpatialModel", {"r_0": 15 * PIXEL, "eta": 0.1}),
    ("GeneralizedGaussianSpatialModel", {"r_0": 15 * PIXEL, "eta": 1.0, "e": 0.6, "phi": 30.0}),
)


def large(name, values):
    spatial = find_model("spatial", name)(lon_0=83.6123, lat_0=22.0377, **values)
    return Models(SkyModel(PowerLawSpectralModel(amplitude="1e-10 cm-2 s-1 TeV-1"), spatial, name="source"))


@pytest.fixture(scope="module")
def response():
    return dataclasses.replace(toy_response(npix=30, binsz=PIXEL, psf_sigma=0.05), background=None)


@pytest.mark.parametrize(("name", "values"), SHAPES)
def test_large_shapes_agree_with_the_plain_sum(response, name, values):
    models = large(name, values)
    expected = reference_npred(response, models, oversample=3)
    error = np.abs(plain_npred(response, models) - expected) / expected.max(axis=(1, 2))[:, None, None]
    assert error.max() < 1e-3


@pytest.mark.parametrize("size", [1.0, 100.0])
def test_nodes_end_with_the_cut_out(response, size):
    """However large a generalised Gaussian may grow, its nodes are no more than the cut-out holds."""
    models = large("GeneralizedGaussianSpatialModel", {"r_0": size, "eta": 0.5})
    source = build_source(build_setup(response), models["source"])
    assert source.compact.moments.cut
    assert source.compact.moments.n_nodes <= 2.0 * WIDEST * source.compact.half / NODE_SPACING
