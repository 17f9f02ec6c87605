"""Bins that an event can reach."""

from __future__ import annotations

import numpy as np
import pytest

from bayesmap.irf import EnergyDispersion, PSFKernel, RadialPSF
from bayesmap.irf.support import reachable_bins
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap

TRUE = MapAxis.from_edges([1, 2, 4], name="energy_true")
RECO = MapAxis.from_edges([1, 2, 4])
GEOM = WcsGeom.create(npix=(30, 20), binsz=0.1, axes=[TRUE])


@pytest.mark.parametrize(
    ("psf", "reach"),
    [
        (None, 1),
        (PSFKernel(TRUE, np.full((2, 3, 7), 1 / 21)), 4),
        (RadialPSF(TRUE, [0, 0.25, 1.0], np.ones((2, 3)), 0.25), 4),
    ],
)
def test_reach(psf, reach):
    data = np.zeros(GEOM.shape)
    data[1, 8, 12] = 1.0
    found = reachable_bins(WcsNDMap(GEOM, data, "cm2 s"), psf, EnergyDispersion.from_diagonal(TRUE, RECO))
    assert not found[0].any()
    y, x = np.nonzero(found[1])
    assert (y.min(), y.max(), x.min(), x.max()) == (8 - reach, 8 + reach, 12 - reach, 12 + reach)
    assert found[1].sum() == (2 * reach + 1) ** 2


def test_reach_beyond_the_map():
    data = np.zeros(GEOM.shape)
    data[0, 0, 0] = 1.0
    psf = RadialPSF(TRUE, [0, 50.0], np.ones((2, 2)))
    edisp = EnergyDispersion(TRUE, RECO, [[0.5, 0.5], [0, 1]])
    assert reachable_bins(WcsNDMap(GEOM, data), psf, edisp).all()
