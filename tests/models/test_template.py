"""A template between and beyond the centres of its pixels."""

import numpy as np
import pytest

from bayesmap.errors import ModelError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.spatial.template import TemplateSpatialModel

IMAGE = np.array([[1.0, 4.0, 16.0], [2.0, 8.0, 32.0]])


def template(image, normalize=False):
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=image.shape[::-1], binsz=0.5, frame="galactic", proj="CAR")
    return TemplateSpatialModel(map=WcsNDMap(geom, image, "sr-1"), normalize=normalize)


def test_without_a_map():
    with pytest.raises(ModelError, match=r"BM-MO-009: TemplateSpatialModel has no map.*Pass map="):
        TemplateSpatialModel()


def brightness(model, x, y):
    return float(model.brightness(*model.map.geom.pixel_to_sky(np.array([x]), np.array([y])))[0])


@pytest.mark.parametrize(
    ("x", "y", "value"),
    [
        (1.0, 0.0, 4.0),
        (0.5, 0.0, 2.0),
        (0.5, 0.5, np.sqrt(8.0)),
        (-0.499, 0.0, 4.0**-0.499),
        (2.499, 1.0, 32.0 * 4.0**0.499),
        (1.0, 1.499, 8.0 * 2.0**0.499),
        (-0.501, 0.0, 0.0),
        (2.501, 0.0, 0.0),
        (1.0, 1.501, 0.0),
    ],
)
def test_log_linear_to_the_edges_of_the_pixels_and_zero_outside(x, y, value):
    assert brightness(template(IMAGE), x, y) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("x", "value"), [(0.25, 1.0), (1.0, 4.0), (-0.4, 0.0), (2.4, 16.0 * 4.0**0.4)])
def test_linear_beside_a_zero_and_never_negative(x, value):
    image = np.array([[0.0, 4.0, 16.0], [0.0, 4.0, 16.0]])
    assert brightness(template(image), x, 0.5) == pytest.approx(value, rel=1e-9)


def test_normalised_is_one_over_the_sphere():
    model = template(IMAGE, normalize=True)
    assert np.sum(model.image * model.map.geom.solid_angle()) == pytest.approx(1.0, rel=1e-12)
    assert model.image / model.image[0, 0] == pytest.approx(IMAGE)
