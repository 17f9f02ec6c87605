"""Masks."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from bayesmap.errors import GeometryError
from bayesmap.maps import MapAxis, WcsGeom, circle_mask, combine, energy_mask, region_mask

GEOM = WcsGeom.create(
    skydir=(0, 0), npix=(21, 21), binsz=0.1, frame="galactic", axes=[MapAxis.from_edges([1, 2, 5, 9])]
)


def test_circle_across_zero_longitude():
    mask = circle_mask(GEOM, 0.0, 0.0, "0.31 deg")
    assert mask.is_mask
    assert mask.data.shape == (3, 21, 21)
    assert mask.data[0].sum() == 29
    np.testing.assert_array_equal(mask.data[0], mask.data[0][:, ::-1])


def test_energy_mask_takes_whole_bins():
    assert energy_mask(GEOM, 2 * u.TeV, 9 * u.TeV).data[:, 0, 0].tolist() == [False, True, True]
    assert energy_mask(GEOM, 1.5).data[:, 0, 0].tolist() == [False, True, True]
    assert energy_mask(GEOM).data.all()


def test_combine():
    both = combine(energy_mask(GEOM, 2), circle_mask(GEOM, 0, 0, 0.31))
    assert both.data.sum() == 58
    with pytest.raises(GeometryError, match="BM-GE-001: the masks have different geometries"):
        combine(both, energy_mask(GEOM.pad(1), 2))


def test_regions():
    regions = pytest.importorskip("regions")
    circle = regions.CircleSkyRegion(SkyCoord(0.5, 0, unit="deg", frame="galactic"), 0.21 * u.deg)
    far = regions.CircleSkyRegion(SkyCoord(50, 0, unit="deg", frame="galactic"), 0.2 * u.deg)
    expected = circle_mask(GEOM, 0.5, 0, 0.21).data
    np.testing.assert_array_equal(region_mask(GEOM, circle, far).data, expected)
    np.testing.assert_array_equal(region_mask(GEOM, circle, inside=False).data, ~expected)
    pixel = regions.CirclePixelRegion(regions.PixCoord(15, 10), 2.1)
    assert region_mask(GEOM, pixel).data[0].sum() == 13
