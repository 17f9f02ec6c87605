"""The same counts on a turned sky give the same region: at the equator, at longitude 0, next to a pole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.maps.map import WcsNDMap
from bayesmap.models import PointSpatialModel
from bayesmap.results.position import position_ellipse
from bayesmap.testing import toy_dataset, toy_models, toy_response

CENTRES = [(83.63, 22.01), (0.02, 0.0), (200.0, 89.95), (10.0, -89.999)]
NPIX, PIXEL = 14, (7.4, 5.8)
"""Pixels along a side, and where the source is: 0.1 deg from the centre, so that next to a pole it lies beyond it."""


def fit_at(centre, counts=None):
    response = toy_response(center=centre, npix=NPIX)
    lon, lat = (float(value) for value in response.counts.geom.to_image().pixel_to_sky(*PIXEL))
    models = toy_models(PointSpatialModel(lon_0=lon, lat_0=lat))
    if counts is None:
        data = toy_dataset(models, seed=3, center=centre, npix=NPIX)
    else:
        data = replace(response, counts=WcsNDMap(response.counts.geom, counts))
    fit = MapFit.from_dataset(data, models, priors="flat")
    assert fit.run().success
    return fit


@pytest.mark.slow
def test_the_ellipse_turns_with_the_sky():
    outlines, counts = [], None
    for centre in CENTRES:
        fit = fit_at(centre, counts)
        data = fit.datasets[0]
        counts = data.counts.data
        region = position_ellipse(fit.covariance(), fit.model, "source", 0.95)
        outlines.append(np.stack(data.counts.geom.to_image().sky_to_pixel(*region.outline(721)), axis=1))
    semi_axes = 0.5 * np.ptp(outlines[0], axis=0)
    for other in outlines[1:]:
        # The angle along the border starts elsewhere: each point has one of the others within their distance.
        distance = np.hypot(*(outlines[0][:, None] - other[None, :]).transpose(2, 0, 1)).min(axis=1)
        assert distance.max() < 0.01 * semi_axes.min()
