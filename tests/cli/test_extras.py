"""`profiles` and `flux_points`: from the configuration to the files."""

from __future__ import annotations

import dataclasses
import json

import astropy.units as u
import numpy as np
import pytest
import xarray as xr

from bayesmap import MapFit, read_dataset, read_models, write_dataset, write_models
from bayesmap.cli.config import read_config
from bayesmap.cli.main import main
from bayesmap.cli.wanted import Bands
from bayesmap.errors import BayesmapError, FitStateError
from bayesmap.maps.map import WcsNDMap
from bayesmap.plots.profile import plot_profile
from bayesmap.testing import toy_dataset, toy_models

CONFIG = """
dataset: data.fits.gz
models: models.yaml
output: fit
sample: false
priors: flat
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("analysis")
    write_dataset(toy_dataset(npix=10), found / "data.fits.gz")
    write_models(toy_models(), found / "models.yaml")
    return found


@pytest.fixture
def config(folder):
    def write(more):
        path = folder / "config.yaml"
        path.write_text(CONFIG + more)
        return path

    return write


def test_what_may_be_asked_for(config):
    found = read_config(config("profiles: all\nflux_points: {source: all}\n"))
    assert found.profiles == "all"
    assert found.flux_points == {"source": Bands("all", {})}
    found = read_config(
        config("profiles: [index]\nflux_points: {a: [500 GeV, 3 TeV], b: {backend: nuts, shape: true, ul_mass: 0.9}}\n")
    )
    assert found.profiles == ("index",)
    assert found.flux_points["a"].edges.unit == u.TeV
    np.testing.assert_allclose(found.flux_points["a"].edges.value, [0.5, 3.0])
    assert found.flux_points["b"] == Bands("all", {"backend": "nuts", "shape": True, "ul_mass": 0.9})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profiles: some", "BM-CF-007.*profiles is str 'some'.*all, or a list of parameters"),
        ("profiles: []", "BM-CF-007.*profiles is list"),
        ("profiles: [1]", r"BM-CF-007.*profiles\[0\] is int"),
        ("flux_points: all", "BM-CF-007.*flux_points is str.*mapping of sources"),
        ("flux_points: {source: [1, 3]}", "BM-CF-007.*flux_points.source is list.*energies with their unit"),
        ("flux_points: {source: [1 m, 3 m]}", "BM-CF-007.*flux_points.source"),
        ("flux_points: {source: {edges: all}}", "BM-CF-001.*edges.*energy_edges"),
        ("flux_points: {source: {backend: minos}}", "BM-CF-007.*flux_points.source.backend.*laplace, nuts"),
        ("flux_points: {source: {ul_mass: 1.5}}", "BM-CF-007.*flux_points.source.ul_mass.*between 0 and 1"),
    ],
)
def test_what_may_not(config, text, message):
    with pytest.raises(BayesmapError, match=message):
        read_config(config(text + "\n"))


def test_check_knows_the_names_and_the_bins(config, capsys):
    text = "profiles: [source.spectral.reference, indexx]\nflux_points: {source: [1.1 TeV, 5 TeV], soruce: all}\n"
    assert main(["check", str(config(text))]) == 2
    said = capsys.readouterr().out
    assert "BM-CF-053: profiles names 'source.spectral.reference', which is not free" in said
    assert "indexx" in said
    assert "BM-CF-053: flux_points names 'soruce', which is no source" in said
    assert "BM-FT-060: the edge 1.1 TeV lies inside a bin" in said


def test_files_hold_what_the_fit_says(folder, config, capsys):
    code = main(["fit", str(config("profiles: [index]\nflux_points: {source: all}\n"))])
    said = capsys.readouterr().out
    assert code == 0
    fit = MapFit.from_dataset(read_dataset(folder / "data.fits.gz"), read_models(folder / "models.yaml"), priors="flat")
    fit.run()
    (record,) = json.loads((folder / "fit" / "profiles.json").read_text())
    name = "source.spectral.index"
    assert record["name"] == name
    for entry in record["intervals"]:
        expected = fit.confidence(name, "profile", entry["sigma"])
        assert [entry["lower"], entry["upper"]] == pytest.approx([expected["lower"], expected["upper"]], rel=1e-6)
    assert len(record["values"]) == len(record["delta"]) == 25
    assert min(record["delta"]) == pytest.approx(0.0, abs=1e-6)
    text = (folder / "fit" / "profiles.txt").read_text()
    assert text in said
    assert text.splitlines()[1].startswith(name)
    from gammapy.estimators import FluxPoints

    points = FluxPoints.read(folder / "fit" / "flux-points-source.fits")
    axis = fit.dataset.axis
    assert points.norm.data.shape[0] == axis.nbin
    assert (folder / "fit" / "flux-points-source.txt").read_text() in said
    files = {path.name for path in (folder / "fit").iterdir()}
    assert {"profile-source.spectral.index.png", "flux-points-source.png"} <= files


def test_a_band_outside_the_data_is_refused_before_the_fit(config, capsys):
    path = config("flux_points: {source: [20 TeV, 40 TeV]}\n")
    path.write_text(path.read_text().replace("output: fit", "output: none"))
    assert main(["fit", str(path)]) == 2
    assert "BM-FT-062: between 20 and 40 TeV no bin of the data is used" in capsys.readouterr().err
    assert not (path.parent / "none").exists()


def test_what_fails_is_told_and_loses_nothing_else(folder, config, capsys, monkeypatch):
    """Flux points that were not found: the best fit is written, the exit code says that something is missing."""

    def fail(*args, **options):
        raise FitStateError("BM-FT-063", what="a norm was not found", rule="It must be", remedy="Freeze others")

    monkeypatch.setattr("bayesmap.fit.flux_points.flux_points", fail)
    path = config("profiles: [index]\nflux_points: {source: all}\n")
    path.write_text(path.read_text().replace("output: fit", "output: other"))
    assert main(["fit", str(path)]) == 3
    said = capsys.readouterr().out
    assert "missing, for a problem:\nBM-FT-063" in said
    files = {item.name for item in (folder / "other").iterdir()}
    assert {"result.json", "models.yaml", "profiles.json", "problems.txt"} <= files
    assert (folder / "other" / "problems.txt").read_text() in said


def test_all_means_the_bins_that_are_used(folder):
    dataset = read_dataset(folder / "data.fits.gz")
    used = dataset.mask_data.copy()
    used[0] = False
    masked = dataclasses.replace(dataset, mask=WcsNDMap(dataset.counts.geom, used))
    edges = Bands("all", {}).on([masked])
    np.testing.assert_allclose(edges.value, dataset.axis.edges[1:])


def test_profiles_are_shown_beside_few_draws(rng):
    """Too few for an interval: the picture of an interrupted run is drawn all the same."""
    fit = MapFit.from_dataset(toy_dataset(npix=8), toy_models(), priors="flat")
    fit.run()
    curve = fit.minos_profile("index", nvalues=5)["record"]
    draws = {curve.name: (("chain", "draw"), 2.2 + 0.1 * rng.standard_normal((2, 20)), {"unit": ""})}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    assert plot_profile(curve, tree=tree).axes
