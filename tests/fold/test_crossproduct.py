"""Totals of the reference's cross product without a PSF, for brightnesses that Gammapy does not have to sample."""

import dataclasses

import numpy as np
import pytest

from bayesmap.fold.setup import build_setup
from tests.fold.test_truth import models_of, npred_of, without_background


def totals(arena, shape, irf):
    table = np.load(arena.path / "crossproduct.npz")
    index = [list(table[key]).index(name) for key, name in (("spatial", shape), ("spectral", "pl"), ("irf", irf))]
    return table["totals"][tuple(index)]


def response_of(arena, irf):
    response = dataclasses.replace(without_background(arena.dataset).nodes_as_bins(), psf=None)
    return response if irf == "edisp" else dataclasses.replace(response, edisp=None)


@pytest.mark.parametrize("irf", ["none", "edisp"])
def test_a_constant_is_gammapys(arena, irf):
    npred = npred_of(response_of(arena, irf), models_of(arena, "constant"))
    assert np.max(np.abs(npred.sum(axis=(1, 2)) / totals(arena, "constant", irf) - 1.0)) < 1e-5


@pytest.mark.parametrize("irf", ["none", "edisp"])
def test_a_wide_gaussian_is_gammapys_but_for_its_pixels(arena, irf):
    """Gammapy's value at pixel centres, put through this response, is Gammapy's total; ours is the pixels' integral."""
    response, models = response_of(arena, irf), models_of(arena, "gauss_wide")
    setup, (source,) = build_setup(response, "after_psf"), models.sky_models
    at_centres = source.spatial_model.evaluate_geom(setup.geom).value * setup.geom.solid_angle()
    spectrum = source.spectral_model
    flux = spectrum.integral(np, setup.edges[:-1], setup.edges[1:], setup.slope, **spectrum.canonical_values)
    centred = setup.edisp.T @ (flux * np.sum(at_centres * setup.exposure_plane(0), axis=(1, 2)))
    expected = totals(arena, "gauss_wide", irf)
    assert np.max(np.abs(centred / expected - 1.0)) < 1e-5
    # Around the Gaussian's middle the value at the centre is more than the pixel's mean: 5e-4 at nine pixels.
    assert np.max(np.abs(npred_of(response, models).sum(axis=(1, 2)) / expected - 1.0)) < 1e-3
