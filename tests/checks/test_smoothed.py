"""Significance under a kernel is a standard normal variable where the model is true."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bayesmap.checks.residuals import significance_image
from bayesmap.checks.smoothed import smoothed_significance
from bayesmap.errors import BayesmapInputError

SHAPE = (2, 120, 120)


def test_the_disk_is_the_deviance_of_its_sum(rng):
    npred = np.full(SHAPE, 3.0)
    counts = rng.poisson(npred)
    np.testing.assert_array_equal(
        smoothed_significance(counts, npred, size=2.5), significance_image(counts, npred, radius=2.5)
    )


@pytest.mark.statistical
@pytest.mark.parametrize("size", [0.0, 1.5, 3.0])
def test_gauss_is_a_standard_normal_variable_where_the_model_is_true(rng, size):
    npred = np.full(SHAPE, 30.0) * np.linspace(0.5, 1.5, SHAPE[2])
    found = smoothed_significance(rng.poisson(npred), npred, kernel="gauss", size=size)
    # Pixels share counts: about one independent value in 4 pi size^2 pixels.
    independent = found.size / max(1.0, 4.0 * math.pi * size**2)
    assert abs(found.mean()) < 4.0 / math.sqrt(independent)
    assert abs(found.std() - 1.0) < 4.0 / math.sqrt(2.0 * independent)


def test_gauss_is_the_root_of_the_gain_in_likelihood_of_a_weak_source():
    size, amplitude = 2.0, 1.0
    y, x = np.indices(SHAPE[1:]) - 60.0
    shape = np.exp(-0.5 * (x**2 + y**2) / size**2)
    npred = np.full((1, *SHAPE[1:]), 400.0)
    counts = npred + amplitude * shape  # expected counts: the maximum of the likelihood is at the truth
    gain = 2.0 * np.sum(counts * np.log(counts / npred) - (counts - npred))
    found = smoothed_significance(counts, npred, kernel="gauss", size=size)
    assert found[60, 60] == pytest.approx(math.sqrt(gain), rel=amplitude / 400.0)
    assert found.argmax() == 60 * SHAPE[2] + 60


def test_masked_pixels_are_unknown_and_add_nothing():
    npred = np.full((1, 9, 9), 25.0)
    counts = npred.copy()
    counts[0, 4, 4] = 1e6
    mask = np.ones(npred.shape, dtype=bool)
    mask[0, 4, 4] = False
    for kernel in ("disk", "gauss"):
        found = smoothed_significance(counts, npred, mask=mask, kernel=kernel, size=1.0)
        assert np.isnan(found[4, 4])
        assert np.nansum(np.abs(found)) == 0.0
    empty = smoothed_significance(0.0 * npred, 0.0 * npred, kernel="gauss", size=1.0)
    assert np.isnan(empty).all()


def test_refusals():
    npred = np.ones((1, 5, 5))
    for kernel in ("disk", "gauss"):
        with pytest.raises(BayesmapInputError, match="BM-CK-001"):
            smoothed_significance(np.ones((1, 5, 4)), npred, kernel=kernel)
        with pytest.raises(BayesmapInputError, match="BM-CK-002"):
            smoothed_significance(-npred, npred, kernel=kernel)
        with pytest.raises(BayesmapInputError, match="BM-CK-003"):
            smoothed_significance(npred, npred, kernel=kernel, size=-1.0)
    with pytest.raises(BayesmapInputError, match="BM-FT-003"):
        smoothed_significance(npred, npred, kernel="square")
