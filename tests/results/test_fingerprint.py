"""What a model is made of, told from any other: every digit, nested models, formulas and classes of the user."""

from __future__ import annotations

import functools
import itertools
import pickle
import subprocess
import sys

import astropy.units as u
import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError
from bayesmap.fit.recipe import model_digest
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
from bayesmap.models import FoVBackgroundModel, Parameter, PointSpatialModel, PowerLawSpectralModel, SkyModel
from bayesmap.models.registry import find_model, spatial_models, spectral_models
from bayesmap.models.spectral.expression import expression_model
from bayesmap.results.fingerprint import fingerprint

PARAMETERS = [Parameter("index", 2.0), Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")]


def digest(value):
    return b"|".join(fingerprint(value))


def template(factor=1.0):
    values = np.linspace(2e-12, 1e-12, 5000)
    values[2500] *= factor
    energy = np.geomspace(0.1, 100.0, 5000) * u.TeV
    return find_model("spectral", "TemplateSpectralModel")(energy=energy, values=values * u.Unit("cm-2 s-1 TeV-1"))


def absorbed(factor=1.0):
    data = np.full((3, 400), 0.5)
    data[1, 200] *= factor
    energy = np.geomspace(0.1, 30.0, 400) * u.TeV
    ebl = find_model("spectral", "EBLAbsorptionNormSpectralModel")(energy=energy, param=[0.1, 0.2, 0.3], data=data)
    return PowerLawSpectralModel() * ebl


def picture(factor=1.0):
    geom = WcsGeom.create(npix=(30, 20), binsz=0.1, skydir=(83.63, 22.01), frame="icrs", axes=[])
    data = np.ones((20, 30))
    data[10, 15] *= factor
    return find_model("spatial", "TemplateSpatialModel")(map=WcsNDMap(geom, data, ""), normalize=True)


def tilt(factor=1.0):
    energy = np.geomspace(0.1, 10.0, 9) * u.TeV
    model = find_model("spectral", "PiecewiseNormSpectralModel")(energy=energy * factor)
    return FoVBackgroundModel("one", spectral_model=model)


def formula(factor=1.0):
    return expression_model(lambda xp, energy, index, amplitude: factor * amplitude * energy**-index, PARAMETERS)


def scaled(xp, energy, factor, index, amplitude):
    return factor * amplitude * energy**-index


def partial(factor=1.0):
    return expression_model(functools.partial(scaled, factor=factor), PARAMETERS)


def own_class(factor=1.0):
    class Mine(PowerLawSpectralModel):
        tag = ()

        @staticmethod
        def evaluate(xp, energy, **values):
            return factor * PowerLawSpectralModel.evaluate(xp, energy, **values)

    return Mine()


MAKERS = [template, absorbed, picture, tilt, formula, partial, own_class]


@pytest.mark.parametrize("make", MAKERS)
def test_the_last_digit_tells_two_models_apart(make):
    """Of one number of a table, of nodes, of what a formula or a class of the user refers to."""
    assert digest(make()) == digest(make())
    assert digest(make(1.0 + 1e-12)) != digest(make())


def test_a_sum_in_a_product_is_looked_into():
    nested = [(template(factor) + PowerLawSpectralModel()) * 1.0 for factor in (1.0, 1.0 + 1e-12)]
    assert digest(nested[0]) != digest(nested[1])


def test_formulas_are_told_apart_by_their_code():
    formulas = [
        lambda xp, energy, index, amplitude: amplitude * energy**-index,
        lambda xp, energy, index, amplitude: amplitude * energy**-index * xp.exp(-energy / 3.0),
        lambda xp, energy, index, amplitude: amplitude * energy**-index * xp.exp(-energy / 4.0),
        lambda xp, energy, index, amplitude: amplitude * energy**-index * xp.cos(-energy / 4.0),
        lambda xp, energy, index, amplitude: scaled(xp, energy, 1.0, index, amplitude),
    ]
    found = {digest(expression_model(item, PARAMETERS)) for item in formulas}
    assert len(found) == len(formulas)


NUMBER = 1.0


def test_a_number_that_a_formula_finds_in_its_module_counts(monkeypatch):
    def mine(xp, energy, index, amplitude):
        return NUMBER * amplitude * energy**-index

    before = digest(expression_model(mine, PARAMETERS))
    monkeypatch.setitem(globals(), "NUMBER", 2.0)
    assert digest(expression_model(mine, PARAMETERS)) != before


def test_every_model_has_a_fingerprint_that_survives_being_sent():
    """To another process, as the fits of simulated data sets are."""
    spectral = [cls(**cls.examples()[0].parameters) for cls in set(spectral_models().values())]
    width = {"lon_0": 0.0, "lat_0": 0.0, "width": (4, 3)}
    nodes = {"lon": [0.0, 1.0, 0.0, 1.0] * u.deg, "lat": [0.0, 0.0, 1.0, 1.0] * u.deg}
    arguments = {"GaussianProcessNormSpatialModel": width, "GaussianProcessSpatialModel": width,
                 "PiecewiseNormSpatialModel": nodes, "TemplateSpatialModel": None}  # fmt: skip
    spatial = [
        picture() if name == "TemplateSpatialModel" else cls(**arguments.get(name, {}))
        for name, cls in {cls.tag[0]: cls for cls in spatial_models().values()}.items()
    ]
    found = [digest(item) for item in (*spectral, *spatial)]
    for item, own in zip((*spectral, *spatial), found, strict=True):
        assert digest(pickle.loads(pickle.dumps(item))) == own, item


@pytest.mark.parametrize("change", [{"name": "other"}, {"apply_irf": {"psf": False}}, {"datasets_names": ("one",)}])
def test_what_is_beside_the_components_counts(change):
    def model(**values):
        return SkyModel(PowerLawSpectralModel(), PointSpatialModel(), **{"name": "source"} | values)

    assert model_digest([model()]) == model_digest([model()])
    assert model_digest([model(**change)]) != model_digest([model()])


CODE = """
import hashlib
from tests.results.test_fingerprint import MAKERS, digest
print(hashlib.sha256(b"".join(digest(make()) for make in MAKERS) + digest({"b", "a", "c"})).hexdigest())
"""


def test_another_process_finds_the_same():
    """Also where text has other hashes, and sets another order."""
    path = ":".join(filter(None, sys.path))
    one, other = (
        subprocess.run(
            [sys.executable, "-c", CODE],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    )
    assert one == other
    assert len(one.strip()) == 64


def test_circles_end():
    one = {}
    one["again"] = [one, 1.0]
    assert digest(one) == digest(one)


class Slotted:
    __slots__ = ("value",)


def test_what_is_not_known_is_refused():
    with pytest.raises(BayesmapInputError, match=r"BM-FT-018: a model holds a tests.results.test_fingerprint.Slotted"):
        digest({"held": Slotted()})


@pytest.mark.parametrize(("one", "other"), itertools.combinations([1, 1.0, "1", b"1", True, np.float32(1), None], 2))
def test_kinds_are_told_apart(one, other):
    assert digest(one) != digest(other)


def test_units_and_axes_count():
    assert digest(1.0 * u.TeV) != digest(1.0 * u.GeV)
    axes = [MapAxis.from_edges([1.0, 2.0 + step, 4.0], name="energy", unit="TeV") for step in (0.0, 4e-16)]
    assert digest(axes[0]) != digest(axes[1])
