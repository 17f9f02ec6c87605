"""Templates against the direct sum on a much finer grid."""

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.fold.reference import reference_npred
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import SkyModel
from bayesmap.models.spatial.template import TemplateSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.testing import toy_response

OVERSAMPLE = 15


def rough_template(npix, binsz):
    """A blob, 40 % of noise from pixel to pixel on it, that has faded at the template's edge."""
    geom = WcsGeom.create(skydir=(83.63, 22.01), npix=(npix, npix), binsz=binsz, frame="icrs", proj="TAN")
    y, x = (np.indices((npix, npix)) - (npix - 1) / 2) / npix
    noise = np.random.default_rng(3).standard_normal((npix, npix))
    image = np.exp(0.4 * noise - 30.0 * (x**2 + y**2))
    return SkyModel(
        PowerLawSpectralModel(index=2.2, amplitude="8e-10 cm-2 s-1 TeV-1"),
        TemplateSpatialModel(map=WcsNDMap(geom, image, "sr-1")),
        name="source",
    )


@pytest.mark.parametrize("exposure_order", ["true", "after_psf"])
@pytest.mark.parametrize(("npix", "binsz"), [(30, 0.05), (23, 0.07), (9, 0.3)])
def test_templates_agree_with_the_direct_sum(npix, binsz, exposure_order):
    response = toy_response(npix=16, psf_sigma=0.08, background=0.0)
    fit = MapFit.from_dataset(response, rough_template(npix, binsz), exposure_order=exposure_order)
    slow = reference_npred(response, fit.model, oversample=OVERSAMPLE, exposure_order=exposure_order)
    error = np.abs(fit.npred().data - slow) / slow.max(axis=(1, 2))[:, None, None]
    assert error.max() < 5e-4
