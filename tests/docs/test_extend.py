"""The examples of docs/extend.md work as they stand there: a new model is one new file."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesmap.models.spatial
import bayesmap.models.spectral
from bayesmap import MapFit, Models, SkyModel, WcsGeom, read_models, write_models
from bayesmap.models.registry import find_model
from bayesmap.testing import toy_dataset, toy_models

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extend.md"
CENTRE = {"lon_0": 83.63, "lat_0": 22.01}


def block(word):
    """Return the Python block of the page that holds a word."""
    return next(text for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if word in text)


@pytest.fixture
def new_file(tmp_path, monkeypatch):
    """Return a function that puts a file of the page where the registry looks, and returns its class."""

    def add(package, word):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
        stem = f"my_{word.lower()}"
        (tmp_path / f"{stem}.py").write_text(block(f"class {word}"))
        importlib.invalidate_caches()
        added.append(f"{package.__name__}.{stem}")
        return getattr(importlib.import_module(added[-1]), word)

    added = []
    yield add
    for name in added:
        sys.modules.pop(name, None)


def slope(fit, name, step):
    """Return the difference quotient of the log-posterior."""
    value = fit.model.parameters[name].value
    return (fit.log_posterior({name: value + step}) - fit.log_posterior({name: value - step})) / (2.0 * step)


def test_new_models_are_one_file_each(new_file, tmp_path):
    """They are found by their tags, written and read, fitted, with a gradient in their own parameters."""
    bent = new_file(bayesmap.models.spectral, "MySpectralModel")
    dome = new_file(bayesmap.models.spatial, "DomeSpatialModel")
    assert (find_model("spectral", "my"), find_model("spatial", "dome")) == (bent, dome)
    spectrum = bent(index=2.0, amplitude="2e-9 cm-2 s-1 TeV-1", ebreak="5 TeV")
    models = Models(SkyModel(spectrum, dome(r_0=0.3, e=0.5, phi=20.0, **CENTRE)))
    write_models(models, tmp_path / "models.yaml")
    assert read_models(tmp_path / "models.yaml") == models
    fit = MapFit.from_dataset(toy_dataset(models, npix=12), models)
    gradient = fit.log_posterior_gradient()
    for name, step in (("spectral.ebreak", 1e-3), ("spatial.r_0", 1e-4), ("spatial.lon_0", 1e-4)):
        assert_allclose(gradient[f"source.{name}"], slope(fit, f"source.{name}", step), rtol=1e-3)
    best = fit.run()
    assert best.success
    radius = best.model.parameters["source.spatial.r_0"]
    assert abs(radius.value - 0.3) < 4.0 * radius.error


def test_integrals_of_the_new_models(new_file):
    spectrum = new_file(bayesmap.models.spectral, "MySpectralModel")()
    fine = np.geomspace(1.0, 20.0, 4001)
    total = np.trapezoid(spectrum(fine * u.TeV).value, fine)
    assert_allclose(spectrum.integral_flux("1 TeV", "20 TeV").value, total, rtol=1e-5)
    dome = new_file(bayesmap.models.spatial, "DomeSpatialModel")(r_0=0.3, e=0.5, phi=20.0, **CENTRE)
    geom = WcsGeom.create(skydir=tuple(CENTRE.values()), npix=(200, 200), binsz=0.004, proj="TAN")
    assert_allclose(np.sum(dome.evaluate_geom(geom).value * geom.solid_angle()), 1.0, rtol=1e-4)


def test_a_point_is_the_limit_of_the_dome(new_file):
    dome = new_file(bayesmap.models.spatial, "DomeSpatialModel")
    dataset, (source, background) = toy_dataset(npix=12), toy_models()
    small = SkyModel(source.spectral_model, dome(r_0=1e-5, lon_0=83.70, lat_0=21.96))
    npred = MapFit.from_dataset(dataset, Models((small, background))).npred().data
    point = MapFit.from_dataset(dataset, Models((source, background))).npred().data
    assert_allclose(npred, point, atol=2e-4 * point.max())


def test_a_model_in_a_notebook_needs_no_file():
    names = {}
    exec(block("expression_model"), names)
    exec(block("class MySpectralModel"), names | {"__name__": "notebook"}, names)
    source = toy_models()["source"]
    model = SkyModel(names["curved"] + names["MySpectralModel"](), source.spatial_model)
    fit = MapFit.from_dataset(toy_dataset(npix=12), model)
    assert {"source.spectral.bend", "source.spectral.ebreak"} < set(fit.free_parameters)
    assert np.isfinite(fit.log_posterior())
