"""Several data sets in one configuration: checked in one pass, fitted together, results by name."""

from __future__ import annotations

import json
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from bayesmap import FoVBackgroundModel, Models, SpectrumDatasetOnOff, simulate, write_datasets
from bayesmap.cli.config import read_config
from bayesmap.cli.fit import build_fit
from bayesmap.cli.inputs import load_inputs
from bayesmap.cli.main import main
from bayesmap.errors import BayesmapError, BayesmapIOError, ConfigError, ProblemList
from bayesmap.fit import options
from bayesmap.io.gammapy import read_dataset, write_dataset
from bayesmap.io.spectrum import write_spectrum
from bayesmap.io.yaml import read_models, write_models
from bayesmap.maps.map import WcsNDMap
from bayesmap.results.store import load_posterior
from bayesmap.testing import toy_models, toy_response

ENTRIES = """\
datasets:
- {file: run-1.fits.gz, weights: weights.fits.gz}
- {file: run-2.fits.gz, name: second, psf_max_radius: 0.7}
- {type: spectrum, file: tev.fits}
models: models.yaml
output: fit
"""
CONFIG = ENTRIES + "sample: {draws: 40, tune: 60, chains: 2}\n"
FILES = {"result.json", "covariance.tsv", "models.yaml", "posterior.nc", "summary.txt", "summary.json"}
KINDS = {"npred": "fits.gz", "maps": "png", "spectrum": "png", "predictive": "png"}
OF_A_RUN = {f"{kind}-{run}.{end}" for run in ("run-1", "second") for kind, end in KINDS.items()}


def spectrum():
    """An On/Off spectrum of the toy's source."""
    toy = toy_response(npix=8)
    return SpectrumDatasetOnOff(
        name="tev",
        axis=toy.axis,
        counts=[190.0, 62.0, 16.0],
        counts_off=[60.0, 9.0, 0.0],
        acceptance=1.0,
        acceptance_off=5.0,
        axis_true=toy.axis_true,
        exposure=toy.exposure.data[:, 4, 4],
        edisp=toy.edisp,
    )


def write_ogip(folder, data, livetime):
    """Write a spectrum as PHA, background, ARF and RMF."""
    cards = {"EXPOSURE": livetime, "ANCRFILE": "arf.fits", "RESPFILE": "rmf.fits", "OBS_ID": data.name}
    for name, counts, scale in (("pha", data.counts, data.acceptance), ("bkg", data.counts_off, data.acceptance_off)):
        columns = {"CHANNEL": np.arange(3), "COUNTS": counts, "BACKSCAL": scale}
        table = fits.BinTableHDU(Table(columns), name="SPECTRUM")
        table.header.update(cards | ({"BACKFILE": "bkg.fits"} if name == "pha" else {}))
        table.writeto(folder / f"{name}.fits")
    edges = data.axis_true.edges * u.TeV
    area = {"ENERG_LO": edges[:-1], "ENERG_HI": edges[1:], "SPECRESP": data.exposure / livetime * u.cm**2}
    fits.BinTableHDU(Table(area), name="SPECRESP").writeto(folder / "arf.fits")
    data.edisp.write(folder / "rmf.fits")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two runs with weights for one of them, a spectrum, and models."""
    folder = tmp_path_factory.mktemp("joint")
    still = {"source.spatial.lon_0": True, "source.spatial.lat_0": True}
    source = Models(toy_models()["source"]).with_frozen(still)
    for seed, name in ((1, "run-1"), (2, "run-2")):
        run = simulate(replace(toy_response(npix=8), name=name), source, seed)
        write_dataset(run, folder / f"{name}.fits.gz")
    write_spectrum(spectrum(), folder / "tev.fits")
    geom = toy_response(npix=8).counts.geom
    WcsNDMap(geom, np.full(geom.shape, 0.5)).write(folder / "weights.fits.gz")
    write_models(source + FoVBackgroundModel("run-1") + FoVBackgroundModel("second"), folder / "models.yaml")
    return folder


@pytest.fixture
def write(files, tmp_path):
    """Return a function that writes a configuration beside the files."""
    for name in ("run-1.fits.gz", "run-2.fits.gz", "tev.fits", "weights.fits.gz", "models.yaml"):
        (tmp_path / name).write_bytes((files / name).read_bytes())

    def write_config(text):
        (tmp_path / "config.yaml").write_text(text)
        return tmp_path / "config.yaml"

    return write_config


@pytest.fixture(scope="module")
def fitted(files):
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    (files / "config.yaml").write_text(CONFIG)
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["fit", str(files / "config.yaml")])
    return code, files / "fit", out.getvalue(), err.getvalue()


def test_every_data_set_has_its_files(fitted):
    code, folder, _, _ = fitted
    assert code in (0, 3)  # so few draws that the verdict may say no
    names = {path.name for path in folder.iterdir()}
    others = {"residuals-run-1.png", "residuals-second.png", "correlation.png"}
    others |= {"npred-tev.tsv", "spectrum-tev.png", "corner.png", "trace.png", "sed-source.png"}
    assert names >= FILES | OF_A_RUN | others
    assert not {"maps-tev.png", "residuals-tev.png"} & names


def test_the_summary_lists_all(fitted):
    _, folder, out, err = fitted
    assert "run-1, second, tev: data and models are fine" in err
    assert "predictive checks of second: 80 of 80 draws" in err
    named = [line for line in out.splitlines() if line.startswith(("run-1 ", "second ", "tev "))]
    rows = [line.split() for line in named if "draws" not in line]
    assert [row[0] for row in rows] == ["run-1", "second", "tev"]
    assert rows[2][1] == "268"
    assert all(abs(float(counts) - float(predicted)) < 0.1 * float(counts) for _, counts, predicted in rows)
    assert "total stat (-2 ln L, without ln n!): " in out
    record = json.loads((folder / "result.json").read_text())
    assert [item["name"] for item in record["datasets"]] == ["run-1", "second", "tev"]
    assert record["success"] is True
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["predictive_p_values"]) == {"run-1", "second"}
    assert set(summary["predictive_p_values"]["second"]) == {"deviance", "total", "largest_excess"}
    assert [item["name"] for item in summary["provenance"]["dataset"]] == ["run-1", "second", "tev"]
    tree = load_posterior(folder / "posterior.nc")
    assert set(tree["observed_data"].data_vars) == {"run-1.counts", "second.counts", "tev.counts"}


def test_the_table_of_the_spectrum_has_counts_and_prediction(fitted):
    _, folder, _, _ = fitted
    lines = [line.split("\t") for line in (folder / "npred-tev.tsv").read_text().splitlines()]
    table = dict(zip(lines[0], np.array(lines[1:], dtype=float).T, strict=True))
    np.testing.assert_array_equal(table["counts"], [190.0, 62.0, 16.0])
    np.testing.assert_allclose(table["background"], [12.1, 1.9, 0.1])
    assert abs(table["npred_signal"][0] - 178.0) < 30.0


def test_check_describes_all(write, capsys):
    assert main(["check", str(write(CONFIG))]) == 0
    text = capsys.readouterr().out
    assert "dataset run-1: 3 x 8 x 8 bins (energy, lat, lon), 192 selected" in text
    assert "dataset second: 3 x 8 x 8 bins" in text
    assert "dataset tev: 3 bins (energy), 3 selected, 268 counts on and 69 off" in text
    assert text.endswith("no problem found\n")


def test_problems_of_all_data_sets_in_one_pass_with_their_names(write, tmp_path, capsys):
    run = read_dataset(tmp_path / "run-1.fits.gz")
    write_dataset(replace(run, counts=run.counts.copy_with(data=run.counts.data - 500.0)), tmp_path / "bad.fits.gz")
    write_spectrum(replace(spectrum(), counts=[1.5, 2.0, 3.0]), tmp_path / "off.fits")
    (tmp_path / "empty.fits").write_bytes(b"nothing")
    path = write(
        CONFIG.replace("{file: run-1.fits.gz, weights: weights.fits.gz}", "{file: bad.fits.gz, name: first}")
        .replace("{file: run-2.fits.gz, name: second, psf_max_radius: 0.7}", "{file: empty.fits, name: second}")
        .replace("tev.fits", "off.fits")
    )  # fmt: skip
    assert main(["check", str(path)]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 problems found:"
    assert lines[1].startswith("- BM-IO-002: datasets[1] (second): ")
    assert lines[2].startswith("- BM-IN-004: first: ")
    assert lines[3].startswith("- BM-IN-040: tev: ")


def test_names_are_those_of_one_data_set_each(write, capsys):
    assert main(["check", str(write(CONFIG.replace("name: second", "name: run-1")))]) == 2
    assert "BM-CF-051: 2 data sets are called 'run-1'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ("[]", "BM-CF-007: datasets is list .*a list of data sets"),
        ("3", "BM-CF-007: datasets is int '3'"),
        ("[run-1.fits.gz]", r"BM-CF-007: datasets\[0\] is str .*a mapping with the key 'file'"),
        ("[{name: a}]", r"BM-CF-050: datasets\[0\] has not exactly one of 'file' and 'maps'"),
        ("[{file: tev.fits, maps: {counts: tev.fits, exposure: tev.fits}}]", "BM-CF-050.*not exactly one"),
        ("[{type: ogip}]", r"BM-CF-050: datasets\[0\] has no 'file'"),
        ("[{type: ogp, file: tev.fits}]", r"BM-CF-007: datasets\[0\].type is str 'ogp'.*map, spectrum, ogip"),
        ("[{type: spectrum, file: tev.fits, irf: map}]", r"BM-CF-001: datasets\[0\].irf: .*key of the type spectrum"),
        ("[{file: tev.fits, wieghts: tev.fits}]", r"BM-CF-001: datasets\[0\].wieghts.*Did you mean 'weights'"),
        ("[{file: tev.fits, irf: middle}]", "BM-CF-007.*single, center, map"),
    ],
)
def test_wrong_entries(write, entries, match):
    with pytest.raises(ConfigError, match=match):
        read_config(write(f"datasets: {entries}\nmodels: models.yaml\noutput: fit\n"))


def test_every_wrong_entry_is_told(write):
    text = "datasets: [{file: nothing.fits}, {file: ../x.fits, name: 3}]\nmodels: models.yaml\noutput: fit\n"
    with pytest.raises(ProblemList) as caught:
        read_config(write(text))
    assert [problem.code for problem in caught.value.problems] == ["BM-IO-016", "BM-IO-012", "BM-CF-007"]


def test_data_are_named_in_one_way(write):
    with pytest.raises(ConfigError, match="BM-CF-020: both 'dataset' and 'datasets' are given"):
        read_config(write(CONFIG + "dataset: run-1.fits.gz\n"))
    with pytest.raises(ConfigError, match="BM-CF-050: 'name', 'psf_max_radius' and 'datasets' are given"):
        read_config(write(CONFIG + "name: x\npsf_max_radius: 0.3\n"))
    with pytest.raises(BayesmapIOError, match="BM-IO-012"):
        read_config(write("datasets: ../datasets.yaml\nmodels: models.yaml\noutput: fit\n"))


def test_a_list_of_gammapy_is_the_same_as_its_entries(write, tmp_path, capsys):
    runs = [read_dataset(tmp_path / "run-1.fits.gz"), read_dataset(tmp_path / "run-2.fits.gz", name="second")]
    write_datasets(tmp_path / "datasets.yaml", [*runs, spectrum()], overwrite=True)
    path = write("datasets: datasets.yaml\nmodels: models.yaml\noutput: fit\n")
    inputs = load_inputs(read_config(path))
    assert [item.name for item in inputs.datasets] == ["run-1", "second", "tev"]
    assert main(["check", str(path)]) == 0
    assert "dataset tev: 3 bins" in capsys.readouterr().out
    (tmp_path / "second.fits").write_bytes(b"nothing")
    with pytest.raises(BayesmapError, match=r"BM-IO-002: datasets\[1\]: second.fits"):
        load_inputs(read_config(path))


def test_background_models_name_data_sets(write, tmp_path, capsys):
    models = read_models(tmp_path / "models.yaml")[:2] + FoVBackgroundModel("secnd")
    write_models(models, tmp_path / "models.yaml", overwrite=True)
    assert main(["check", str(write(CONFIG))]) == 2
    out = capsys.readouterr().out
    assert "BM-CF-052: background model 'secnd-bkg' belongs to data set secnd. " in out
    assert "run-1, second, tev. Did you mean 'second'?" in out


def test_an_ogip_spectrum_alone(write, tmp_path):
    """With one data set there are no names in the files of the result."""
    write_ogip(tmp_path, spectrum(), livetime=1000.0)
    models = read_models(tmp_path / "models.yaml")[:1]
    write_models(models, tmp_path / "source.yaml")
    path = write("datasets: [{type: ogip, file: pha.fits}]\nmodels: source.yaml\noutput: fit\nsample: false\n")
    assert main(["fit", str(path)]) == 0
    names = {item.name for item in (tmp_path / "fit").iterdir()}
    models = {"models.yaml", "models_covariance.dat"}
    files = {"analysis.json", "result.json", "covariance.tsv", "npred.tsv", "spectrum.png", "correlation.png"}
    assert names == models | files
    record = json.loads((tmp_path / "fit" / "result.json").read_text())
    assert abs(record["parameters"]["source.spectral.index"]["value"] - 2.2) < 0.3
    assert record["dataset"]["name"] == "tev"


def test_ogip_files_of_an_entry(write, tmp_path, monkeypatch):
    for name in ("pha.fits", "bkg.fits", "arf.fits", "rmf.fits"):
        (tmp_path / name).touch()
    entry = "{type: ogip, file: pha.fits, name: x, background: bkg.fits, arf: arf.fits, rmf: rmf.fits}"
    write_models(read_models(tmp_path / "models.yaml")[:1], tmp_path / "models.yaml", overwrite=True)
    config = read_config(write(f"datasets: [{entry}]\nmodels: models.yaml\noutput: fit\n"))
    seen = {}

    def read(path, **given):
        seen.update(given, path=path)
        return replace(spectrum(), name="x")

    monkeypatch.setattr("bayesmap.cli.inputs.read_ogip", read)
    assert load_inputs(config).datasets[0].name == "x"
    folder = tmp_path.resolve()
    expected = {"background": folder / "bkg.fits", "arf": folder / "arf.fits", "rmf": folder / "rmf.fits"}
    assert seen == expected | {"path": str(folder / "pha.fits"), "name": "x", "allow_paths": ()}


def test_weights_and_likelihood_of_a_single_data_set(write, tmp_path):
    write_models(read_models(tmp_path / "models.yaml")[:2], tmp_path / "models.yaml", overwrite=True)
    text = "dataset: run-1.fits.gz\nweights: weights.fits.gz\nmodels: models.yaml\noutput: fit\n"
    config = read_config(write(text.replace("models.yaml", "models.yaml\nlikelihood: negative_binomial")))
    inputs = load_inputs(config)
    assert inputs.datasets[0].weights.data.min() == 0.5
    assert "scatter.counts.overdispersion" in build_fit(inputs, config).free_parameters
    with pytest.raises(ConfigError, match="BM-CF-007: likelihood is str 'gauss'.*poisson, negative_binomial"):
        read_config(write(text + "likelihood: gauss\n"))


def test_the_words_are_those_of_the_library():
    from bayesmap.cli import config

    assert config.LIKELIHOODS == options.LIKELIHOODS
