"""Data sets of the reference, and what to compare with."""

import json

import numpy as np
import pytest

from bayesmap.io.gammapy import read_dataset

SETS = ("cta-gc", "fermi-crab", "fermi-gc", "hess-crab")


class Arena:
    """A small map on which Gammapy's and the true predicted counts are known."""

    def __init__(self, folder, name):
        self.name, self.path = name, folder / "npred" / name
        self.index = json.loads((self.path / "index.json").read_text())
        self.truth = np.load(self.path / "truth.npz")
        self.cubes = np.load(self.path / "cubes.npz")
        self.dataset = read_dataset(
            self.path / "arena.mapdataset.fits.gz", psf_max_radius=self.index["truth_settings"]["rmax_deg"]
        )

    def gammapy_error(self, key, kind="T1"):
        return next(row["gammapy_error"] for row in self.index["truth"] if (row["kind"], row["key"]) == (kind, key))

    def cube_entry(self, key):
        return next(row for row in self.index["cubes"] if row["key"] == key)


@pytest.fixture(scope="session", params=SETS)
def arena(request, reference_data):
    return Arena(reference_data, request.param)
