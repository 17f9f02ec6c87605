"""Energy integration inside true-energy bins against truth with finer bins (T2)."""

import dataclasses

import numpy as np
import pytest

from bayesmap.fold.setup import build_setup
from bayesmap.irf.psf import PSFKernel
from bayesmap.testing import toy_response
from benchmarks.accuracy import predict
from tests.fold.test_truth import models_of, without_background


@pytest.mark.parametrize("spectrum", ["pl", "pl_soft", "ecpl", "lp"])
def test_interpolated_totals_are_nearer_the_truth(arena, spectrum):
    if arena.name == "cta-gc":
        pytest.skip("its tables are as coarse as its bins: what happens between centres is not in the file")
    key = f"gauss|{spectrum}|psf_edisp"
    truth = arena.truth[f"T2|{key}"].astype(float).sum()
    dataset, models = without_background(arena.dataset), models_of(arena, "gauss", spectrum)
    error = abs(predict(dataset, models, "interpolated").sum() / truth - 1.0)
    assert error < abs(arena.gammapy_error(key, "T2")["rel_total"])
    # Fermi exposures are power laws between their energies; the threshold of a Cherenkov telescope is not.
    assert error < (1e-4 if arena.name.startswith("fermi") else 2e-2)


def test_rows_of_the_energy_dispersion_stay_probabilities():
    setup = build_setup(toy_response(), "after_psf", "interpolated")
    assert setup.edisp.shape == (setup.n_true, 3)
    assert np.all(setup.edisp >= -1e-15)
    assert np.all(setup.edisp.sum(axis=1) <= 1.0 + 1e-12)


def test_without_edisp_bins_are_shared_out_by_overlap():
    setup = build_setup(dataclasses.replace(toy_response(), edisp=None), "after_psf", "interpolated")
    axis = toy_response().counts.geom.axes[0]
    centre = np.sqrt(setup.edges[1:] * setup.edges[:-1])
    inside = (setup.edges[:-1] >= axis.edges[0]) & (setup.edges[1:] <= axis.edges[-1])
    assert inside.sum() > 10
    assert np.all(setup.edisp.sum(axis=1)[inside] == pytest.approx(1.0))
    assert np.all(setup.edisp.sum(axis=1)[(centre < 0.45) | (centre > 22.0)] == 0.0)


def test_a_kernel_is_that_of_its_bin():
    response = toy_response()
    axis = response.exposure.geom.axes[0]
    kernels = np.zeros((axis.nbin, 3, 3))
    kernels[:, 1, 1] = 1.0 - 0.1 * np.arange(axis.nbin)
    kernels[:, 0, 0] = 0.1 * np.arange(axis.nbin)
    setup = build_setup(dataclasses.replace(response, psf=PSFKernel(axis, kernels)), "after_psf", "interpolated")
    bins = np.searchsorted(axis.edges, np.sqrt(setup.edges[1:] * setup.edges[:-1])) - 1
    assert np.array_equal(setup.psf.data[:, 0, 0], 0.1 * bins)
