"""What a model is made of, told from any other: every digit, nested models, formulas and classes of the user."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pickle
import re
import subprocess
import sys
import threading
import types
from collections import namedtuple

import astropy.units as u
import jax
import numpy as np
import pytensor.tensor
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time
from scipy.interpolate import CubicSpline

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

    def __init__(self, value):
        self.value = value


class Below(Slotted):
    pass


@dataclasses.dataclass
class Record:
    number: float


class MoreThanARecord(Record):
    def __init__(self, number):
        super().__init__(1.0)
        self.own = number


class LongNumber(float):
    def __new__(cls, number):
        made = super().__new__(cls, 1.0)
        made.own = number
        return made


def table(number):
    return Table({"energy": u.Quantity([1.0, 2.0], "TeV" if number == 1.0 else "GeV")})


def column(number):
    return table(number)["energy"]


def of_class(held):
    """Return a class that holds something."""
    return type("Own", (), {"__module__": "elsewhere", "HELD": held})


def spline(number):
    return CubicSpline([0.0, 1.0, 2.0], [0.0, number, 2.0])


HOLDERS = {
    "a slot": Slotted,
    "a slot of a class above": Below,
    "an attribute beside the fields": MoreThanARecord,
    "an attribute of a number": LongNumber,
    "a spline": spline,
    "a table with units": table,
    "a column with a unit": column,
    "names of a record array": lambda number: np.array([(1.0, 2.0)], [("ab"[number > 1.0], "f8"), ("c", "f8")]),
    "a masked array": lambda number: np.ma.array([1.0, 1e20], mask=[False, number > 1.0]),
    "a unit of one's own": lambda number: 2.0 * u.def_unit("ell", number * u.m),
    "a unit's tenth digit": lambda number: u.Quantity(1.0, u.Unit((1.0 + 1e-12 * number) * u.cm)),
    "an array of a class": lambda number: of_class(np.array([number])),
    "a quantity of a class": lambda number: of_class(number * u.TeV),
    "a class of a class": lambda number: of_class(of_class(number)),
    "a function that is remembered": lambda number: functools.lru_cache(lambda x: number * x),
    "a compiled function": lambda number: jax.jit(lambda x: number * x),
    "an array of JAX": lambda number: jax.numpy.array([number]),
    "a method of a dict": lambda number: {1: number}.get,
    "names of a tuple": lambda number: namedtuple("Pair", "a b" if number == 1.0 else "b a")(1, 2),
    "a position": lambda number: SkyCoord(number, 2.0, unit="deg"),
    "a distance": lambda number: SkyCoord(1 * u.deg, 2 * u.deg, distance=number * u.kpc),
    "a time": lambda number: Time(60000.0 + number, format="mjd"),
    "places in an array": lambda number: (lambda a: a[..., None]) if number == 1.0 else (lambda a: a[None, ...]),
    "a slice": lambda number: slice(0, number),
    "a pattern": lambda number: re.compile(f"{number}"),
}


SENT = ["a slot", "a table with units", "a masked array", "a position", "a time", "an array of JAX"]


@pytest.mark.parametrize("holder", SENT)
def test_what_was_sent_to_another_process_is_the_same(holder):
    value = HOLDERS[holder](1.0)
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


@pytest.mark.parametrize("holder", HOLDERS)
def test_all_that_is_held_counts(holder):
    make = HOLDERS[holder]
    assert digest(make(1.0)) == digest(make(1.0))
    assert digest(make(2.0)) != digest(make(1.0))


GIVEN: dict[str, object] = {}


def by_name(xp, energy, index, amplitude):
    return GIVEN["value"] * amplitude


@pytest.mark.parametrize("holder", ["a spline", "a compiled function", "a quantity of a class", "a class of a class"])
def test_what_a_formula_finds_in_its_module_counts(holder, monkeypatch):
    """Whatever its kind: here in a dict, and by the name of a module of the user."""
    make, found = HOLDERS[holder], []
    module = types.ModuleType("mine")
    monkeypatch.setitem(by_name.__globals__, "mine", module)
    for number in (1.0, 2.0):
        GIVEN["value"] = module.value = make(number)
        found += [digest(by_name), digest(by_module)]
    assert found[0] != found[2]
    assert found[1] != found[3]


def by_module(xp, energy, index, amplitude):
    return mine.value * amplitude  # noqa: F821


def test_an_attribute_that_has_the_name_of_something_else_is_not_taken_for_it(monkeypatch):
    """Names of attributes are no names of the module."""

    def formula(xp, energy):
        return xp.GIVEN

    before = digest(formula)
    monkeypatch.setitem(globals(), "GIVEN", {"changed": 1.0})
    assert digest(formula) == before


class Remembering:
    def __init__(self, value):
        self.value = value

    @functools.cached_property
    def twice(self):
        return 2.0 * self.value


@pytest.mark.parametrize("item", [Remembering(1.0), SkyCoord(1.0, 2.0, unit="deg")])
def test_what_is_worked_out_and_remembered_does_not_count(item):
    before = digest(item)
    assert str(item)
    assert getattr(item, "twice", None) or item.galactic
    assert digest(item) == before


def test_functions_that_call_each_other_many_times_are_walked_once():
    lines = ["def f0(x): return x"]
    lines += [f"def f{i}(x): return {' + '.join(f'f{j}(x)' for j in range(i))}" for i in range(1, 60)]
    namespace = {"__name__": "elsewhere"}
    exec("\n".join(lines), namespace)
    namespace["f0"].__defaults__ = (1.0,)
    before = digest(namespace["f59"])
    namespace["f0"].__defaults__ = (2.0,)
    assert digest(namespace["f59"]) != before


def endless():
    found = []
    for _ in range(20_000):
        found = [found]
    return found


def unset():
    def inner():
        return later

    found = inner
    if inner is None:
        later = 1.0
    return found


REFUSED = {
    "a generator": (lambda: (i for i in "a"), r"is a builtins.generator, which cannot be sent .*, in .*Remembering"),
    "a lock": (threading.Lock, r"is a _thread.lock, which cannot be sent"),
    "a variable of PyTensor": (pytensor.tensor.dscalar, r"is a pytensor.tensor.variable"),
    "a ufunc of one's own": (lambda: np.frompyfunc(abs, 1, 1), r"is abs .* neither NumPy's nor SciPy's"),
    "lists in lists": (endless, r"is nested deeper"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_compared_is_refused(what):
    make, match = REFUSED[what]
    with pytest.raises(BayesmapInputError, match=f"BM-FT-018: what a model holds {match}"):
        digest({"held": Remembering(make())})


def test_a_name_without_a_value_is_no_obstacle():
    assert digest(unset()) == digest(unset())


@pytest.mark.parametrize(("one", "other"), itertools.combinations([1, 1.0, "1", b"1", True, np.float32(1), None], 2))
def test_kinds_are_told_apart(one, other):
    assert digest(one) != digest(other)


def test_units_and_axes_count():
    assert digest(1.0 * u.TeV) != digest(1.0 * u.GeV)
    axes = [MapAxis.from_edges([1.0, 2.0 + step, 4.0], name="energy", unit="TeV") for step in (0.0, 4e-16)]
    assert digest(axes[0]) != digest(axes[1])
