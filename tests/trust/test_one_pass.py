"""`bayesmap check` says everything at once: ten faults in one analysis, of every kind, before anything is compiled."""

from __future__ import annotations

import builtins
from dataclasses import replace

import pytest

from bayesmap.cli.main import main
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.yaml import write_models
from bayesmap.maps import WcsNDMap
from bayesmap.models import FoVBackgroundModel, Models, PointSpatialModel, PoolModel
from bayesmap.testing import toy_models, toy_response
from tests.trust.bad_data import BASE, changed, source

CONFIG = """\
datasets:
- {file: sound.fits}
- {file: negative.fits}
- {file: nothing.fits}
models: models.yaml
output: sound.fits/fit
exposur_order: "true"
sample: {draws: 0}
optimize: {method: newton-raphson, backend: scipy}
priors:
  c.spectral.index: {type: Normal, mu: 2.0, sigma: -1.0}
  c.spectral.amplitude: {type: Uniform, lower: 1.0, upper: 2.0}
  c.spectral.indx: {type: Normal, mu: 2.0, sigma: 1.0}
profiles: [c.spectral.reference]
"""
PLANTED = {
    "BM-CF-001": "unknown key 'exposur_order'",
    "BM-CF-007": "sample.draws is int '0'",
    "BM-CF-053": "profiles names 'c.spectral.reference', which is not free",
    "BM-FT-042": "no method 'newton-raphson'",
    "BM-IN-004": "other: 1 of 1,200 counts bins are negative (min -5; first: energy=0 y=3 x=3)",
    "BM-IO-016": "datasets[2].file",
    "BM-IO-027": "sound.fits is not a folder",
    "BM-MO-001": "source 'c' at lon=93.0000",
    "BM-MO-002": "no parameter is called 'c.spectral.indx'",
    "BM-MO-010": "a, b are exchangeable",
    "BM-PR-003": "Normal(mu=2, sigma=-1) of c.spectral.index",
    "BM-PR-004": "Uniform(lower=1, upper=2) gives the start value 8e-10",
}


@pytest.fixture
def analysis(tmp_path):
    """Two data sets, sources and a background: sound until something is planted."""
    other = replace(toy_response(), name="other")
    write_dataset(BASE, tmp_path / "sound.fits")
    write_dataset(replace(other, counts=changed(other.counts, ((0, 3, 3), -5.0))), tmp_path / "negative.fits")
    backgrounds = FoVBackgroundModel("toy"), FoVBackgroundModel("other")
    models = Models((source("a"), source("b"), source("c", lon=93.0), *backgrounds))
    write_models(models, tmp_path / "models.yaml", checksum=False)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def test_all_planted_faults_are_found_at_once(analysis, capsys):
    assert main(["check", str(analysis / "config.yaml")]) == 4, "the gravest"
    lines = capsys.readouterr().out.splitlines()
    found = {line[2:11]: line for line in lines[1:]}
    assert sorted(line[2:11] for line in lines[1:]) == sorted(PLANTED), "each once, and nothing else"
    assert lines[0] == f"{len(PLANTED)} problems found:"
    for code, says in PLANTED.items():
        assert says in found[code], code


def test_the_exit_code_is_that_of_the_gravest(analysis, capsys):
    text = CONFIG.replace("- {file: nothing.fits}\n", "").replace("sound.fits/fit", "fit")
    (analysis / "config.yaml").write_text(text)
    assert main(["check", str(analysis / "config.yaml")]) == 2
    assert capsys.readouterr().out.startswith(f"{len(PLANTED) - 2} problems found:\n")


@pytest.fixture
def small(tmp_path):
    write_dataset(BASE, tmp_path / "data.fits")

    def check(models=None, text="", capsys=None):
        write_models(toy_models() if models is None else models, tmp_path / "m.yaml", checksum=False, overwrite=True)
        (tmp_path / "config.yaml").write_text(f"dataset: data.fits\nmodels: m.yaml\noutput: fit\n{text}")
        code = main(["check", str(tmp_path / "config.yaml")])
        return code, capsys.readouterr().out

    return check


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("sample: {tune: -1}\n", "BM-CF-007", "sample.tune is int '-1'. It must be a whole number >= 0, below 2^63"),
        ("optimize: {starts: 0, tolerance: -1}\n", "BM-CF-007", "optimize.starts is int '0'"),
        ("memory_limit: 400 MB\n", "BM-FT-020", "The limit is 400 MB"),
        ("memory_limit: much\n", "BM-FT-021", "memory_limit is 'much'"),
        ("priors: {source.spectral.reference: {type: Normal, mu: 1, sigma: 1}}\n", "BM-PR-006", "which is frozen"),
        ("priors: {index: {type: Normal, mu: 2 TeV, sigma: 1}}\n", "BM-PR-002", "mu of the prior"),
    ],
)
def test_what_the_fit_refuses_later_is_said_now(small, capsys, text, code, says):
    status, out = small(text=text, capsys=capsys)
    assert status == 2
    assert f"- {code}: " in out
    assert says in out


def test_start_values_without_support(small, capsys, tmp_path):
    """No amplitude and no background: the bins with counts are named."""
    dark = replace(BASE, background=None, counts=changed(BASE.counts, ((1, 10, 10), 7.0), ((1, 10, 11), 2.0)))
    write_dataset(dark, tmp_path / "data.fits", overwrite=True)
    status, out = small(Models(toy_models(amplitude=0.0).models[:1]), capsys=capsys)
    assert status == 2
    assert "BM-MO-020: the start values make dataset 'toy' impossible: 2 of 1,200 bins" in out
    assert "first: energy=1 y=10 x=10, energy=1 y=10 x=11" in out


@pytest.mark.parametrize(
    ("package", "text", "code"),
    [
        ("iminuit", "optimize: {backend: minuit}\n", "BM-FT-040"),
        ("numpyro", "sample: {nuts_sampler: numpyro}\n", "BM-FT-004"),
    ],
)
def test_optional_packages_that_are_missing(small, capsys, monkeypatch, package, text, code):
    importing = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return importing(name, *args, **kwargs)

    for module in ("bayesmap.inference.backends.minuit", "bayesmap.inference.samplers.numpyro_nuts"):
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    status, out = small(text=text, capsys=capsys)
    assert status == 2
    assert f"- {code}: " in out
    assert f"'{package}', which is not installed" in out


def test_a_background_for_nobody_and_a_source_for_nobody(small, capsys):
    models = toy_models(PointSpatialModel(lon_0=83.7, lat_0=21.96)).models[:1]
    status, out = small(Models((*models, FoVBackgroundModel("elsewhere"))), capsys=capsys)
    assert status == 2
    assert "1 problem found:\n- BM-CF-052: background model 'elsewhere-bkg' belongs to data set elsewhere" in out


def test_flux_points_that_cannot_be(small, capsys, tmp_path):
    """A band without data, and a source in a pool: said before the fit, not after it."""
    mask = BASE.mask_data.copy()
    mask[2] = False
    write_dataset(replace(BASE, mask=WcsNDMap(BASE.counts.geom, mask)), tmp_path / "data.fits", overwrite=True)
    edges = [f"{value:.15g} TeV" for value in BASE.axis.edges]
    status, out = small(text=f"flux_points: {{source: [{', '.join(edges)}]}}\n", capsys=capsys)
    assert status == 2
    assert "1 problem found:\n- BM-FT-062: between 5.84804 and 20 TeV no bin of the data is used" in out
    pool = PoolModel(("x.spectral.index", "y.spectral.index"), name="pool")
    models = Models((source("x"), source("y", lon=83.4), pool, FoVBackgroundModel("toy")))
    status, out = small(models, text=f"flux_points: {{x: [{', '.join(edges[:3])}]}}\n", capsys=capsys)
    assert status == 2
    assert "1 problem found:\n- BM-FT-068: x.spectral.index is in the pool 'pool'" in out


def test_a_list_of_data_sets_in_a_file_of_its_own(analysis, capsys):
    """One is not there, another has negative counts: both are said."""
    (analysis / "config.yaml").write_text("datasets: list.yaml\nmodels: models.yaml\noutput: fit\n")
    entry = "- {{name: {0}, type: MapDataset, filename: {0}.fits}}\n"
    (analysis / "list.yaml").write_text("datasets:\n" + entry.format("negative") + entry.format("nothing"))
    assert main(["check", str(analysis / "config.yaml")]) == 4
    out = capsys.readouterr().out
    assert "BM-IN-004: negative: 1 of 1,200 counts bins are negative" in out
    assert "BM-IO-016: datasets[1].filename names the file 'nothing.fits'" in out
    (analysis / "list.yaml").write_text("datasets: []\n")
    assert main(["check", str(analysis / "config.yaml")]) == 2
    assert "BM-FT-012: the datasets are named (there are none)" in capsys.readouterr().out
