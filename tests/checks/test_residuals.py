"""Residual significances against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesmap.checks.residuals import residual_significance, significance_image, top_hat_sum
from bayesmap.errors import BayesmapInputError


def test_hand_computed_example():
    # n = 8, mu = 4: 2 (8 ln 2 - 4) = 3.09035489; n = 1, mu = 4: 2 (-ln 4 + 3) = 3.22741128
    values = residual_significance(np.array([8.0, 1.0, 0.0, 5.0]), np.array([4.0, 4.0, 4.5, 5.0]))
    expected = [math.sqrt(3.0903548889591255), -math.sqrt(3.2274112777602188), -3.0, 0.0]
    np.testing.assert_allclose(values, expected, rtol=1e-14, atol=0)


def test_nothing_seen_and_nothing_expected_is_zero_and_unexpected_counts_are_infinite():
    assert residual_significance(np.zeros(1), np.zeros(1))[0] == 0.0
    assert residual_significance(np.ones(1), np.zeros(1))[0] == math.inf


@given(st.integers(1, 10**9), st.floats(-1e-6, 1e-6))
def test_near_agreement_it_is_the_gaussian_pull(n, relative):
    mu = n * (1 + relative)
    value = float(residual_significance(np.array(float(n)), np.array(mu)))
    round_off = 4 * np.finfo(float).eps * math.sqrt(n)  # of the relative difference, times the root of n
    assert value == pytest.approx((n - mu) / math.sqrt(n), rel=2e-6, abs=1e-12 + round_off)


def test_negative_and_nan_are_refused():
    with pytest.raises(BayesmapInputError, match="BM-CK-002.*1 of 2 values of npred"):
        residual_significance(np.ones(2), np.array([1.0, -1.0]))
    with pytest.raises(BayesmapInputError, match="BM-CK-002.*counts"):
        residual_significance(np.array([np.nan]), np.ones(1))


def test_shapes_must_agree():
    with pytest.raises(BayesmapInputError, match=r"BM-CK-001.*counts \(2,\), npred \(3,\)"):
        residual_significance(np.ones(2), np.ones(3))
    with pytest.raises(BayesmapInputError, match="BM-CK-001"):
        significance_image(np.ones((2, 3, 3)), np.ones((2, 3, 4)))


def test_top_hat_of_one_pixel_is_a_disk():
    image = np.zeros((7, 7))
    image[3, 3] = 2.0
    disk = top_hat_sum(image, 2.0)
    assert disk.sum() == 2.0 * 13  # 13 pixel centres lie within 2 pixels of the middle one
    assert disk[3, 1] == 2.0
    assert disk[1, 1] == 0.0


def test_top_hat_leaves_masked_pixels_out():
    mask = np.ones((3, 3), dtype=bool)
    mask[1, 1] = False
    np.testing.assert_array_equal(top_hat_sum(np.ones((3, 3)), 1.0, mask), [[3, 3, 3], [3, 4, 3], [3, 3, 3]])


@pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf])
def test_radius_must_be_usable(radius):
    with pytest.raises(BayesmapInputError, match="BM-CK-003"):
        top_hat_sum(np.ones((3, 3)), radius)


def test_image_sums_energies_inside_the_mask():
    counts = np.zeros((2, 1, 2))
    counts[:, 0, 0] = [5.0, 3.0]
    npred = np.full((2, 1, 2), 2.0)
    mask = np.array([[[True, False]], [[True, False]]])
    image = significance_image(counts, npred, mask=mask)
    assert image[0, 0] == pytest.approx(math.sqrt(3.0903548889591255))
    assert math.isnan(image[0, 1])


def test_pure_noise_has_unit_width(rng):
    npred = np.full((4, 60, 60), 30.0)
    image = significance_image(rng.poisson(npred), npred)
    assert abs(image.mean()) < 4 / 60
    assert image.std() == pytest.approx(1.0, abs=0.05)
