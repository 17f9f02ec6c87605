"""The simulated field is one that the checks of the package accept."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmap.cli import demo_data
from bayesmap.results.provenance import data_hash


@pytest.fixture(scope="module")
def dataset():
    return demo_data.empty_dataset()


def test_no_problem_is_found(dataset):
    assert dataset.problems() == ()


def test_sizes(dataset):
    assert dataset.counts.data.shape == (6, 42, 58)
    assert dataset.exposure.data.shape == (10, 42, 58)
    assert dataset.background.data.sum() == pytest.approx(demo_data.BACKGROUND_COUNTS)


def test_response_obeys_its_laws(dataset):
    np.testing.assert_allclose(dataset.psf.integral(), 1.0, atol=2e-3)
    rows = dataset.edisp.data.sum(axis=1)
    assert np.all(rows <= 1.0 + 1e-12)
    inside = (demo_data.ENERGY_TRUE.center > 0.2) & (demo_data.ENERGY_TRUE.center < 5.0)
    np.testing.assert_allclose(rows[inside], 1.0, atol=1e-4)


def test_the_vignetting_is_centred(dataset):
    image = dataset.exposure.data[5]
    np.testing.assert_allclose(image, image[::-1, ::-1], rtol=1e-9)
    assert np.unravel_index(image.argmax(), image.shape)[0] in (20, 21)


def test_start_and_truth_differ_in_every_free_parameter_and_in_nothing_else():
    truth, start = demo_data.true_models().parameters, demo_data.start_models().parameters
    assert truth.free_names == start.free_names == tuple(demo_data.START)
    assert all(truth[name].value != start[name].value for name in truth.free_names)


def test_hash_is_of_the_numbers(dataset):
    from dataclasses import replace

    assert data_hash(dataset) == data_hash(replace(dataset, name="other", notes=("read twice",)))
    counts = dataset.counts.data.copy()
    counts[0, 0, 0] = 1.0
    assert data_hash(dataset) != data_hash(replace(dataset, counts=dataset.counts.copy_with(data=counts)))
    shifted = dataset.counts.geom.crop(0, 42, 0, 58).wcs.deepcopy()
    shifted.wcs.crpix += 1.0
    geom = replace(dataset.counts.geom, wcs=shifted)
    assert data_hash(dataset) != data_hash(replace(dataset, counts=replace(dataset.counts, geom=geom)))
