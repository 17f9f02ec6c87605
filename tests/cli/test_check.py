"""`bayesmap check` says everything that is wrong, cheaply, and writes nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bayesmap.cli import demo_data
from bayesmap.cli.main import main
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.yaml import write_models

HEAVY = {"arviz", "nutpie", "numba", "matplotlib", "gammapy"}
CONFIG = "name: demo\ndataset: data.fits.gz\nmodels: models.yaml\noutput: fit\n"


@pytest.fixture
def folder(tmp_path):
    """A complete analysis without a problem."""
    write_dataset(demo_data.empty_dataset(), tmp_path / "data.fits.gz")
    write_models(demo_data.start_models(), tmp_path / "models.yaml", checksum=False)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_nothing_wrong(folder, capsys):
    before = snapshot(folder)
    assert main(["check", str(folder / "config.yaml")]) == 0
    text = capsys.readouterr().out
    assert "dataset demo: 6 x 42 x 58 bins (energy, lat, lon), 14,616 selected, 0 counts" in text
    assert "models: center, remnant, nebula, demo-bkg" in text
    assert "free parameters (16): center.spectral.index" in text
    assert text.endswith("no problem found\n")
    assert snapshot(folder) == before


def test_all_problems_of_data_and_models_in_one_pass(folder, capsys):
    dataset = demo_data.empty_dataset()
    counts, exposure = dataset.counts.data.copy(), dataset.exposure.data.copy()
    counts[0, 3, 3:6] = -5.0
    exposure[2, 1, 1] = float("inf")
    broken = replace(
        dataset, counts=dataset.counts.copy_with(data=counts), exposure=dataset.exposure.copy_with(data=exposure)
    )
    write_dataset(broken, folder / "data.fits.gz", overwrite=True)
    models = (folder / "models.yaml").read_text()
    (folder / "models.yaml").write_text(models.replace("name: index", "name: idx", 1))
    assert main(["check", str(folder / "config.yaml")]) == 2
    text = capsys.readouterr().out
    assert text.startswith("3 problems found:\n- BM-")
    assert all(code in text for code in ("BM-IN-004", "BM-IN-012", "BM-CF-001"))
    assert "Did you mean 'index'" in text


def test_problems_of_the_configuration(folder, capsys):
    (folder / "config.yaml").write_text(CONFIG + "psf_max_radus: 1\nallow_asimov: maybe\n")
    assert main(["check", str(folder / "config.yaml")]) == 2
    assert capsys.readouterr().out.startswith("2 problems found:\n- BM-CF-001")


def test_a_file_that_is_not_fits_is_exit_code_4(folder, capsys):
    (folder / "data.fits.gz").write_bytes(b"no fits file")
    assert main(["check", str(folder / "config.yaml")]) == 4
    assert "BM-IO-00" in capsys.readouterr().out


def test_missing_configuration(tmp_path, capsys):
    assert main(["check", str(tmp_path / "nothing.yaml")]) == 4
    assert "BM-IO-016" in capsys.readouterr().out


def test_nothing_heavy_is_imported(folder):
    script = (
        "import sys; from bayesmap.cli.main import main; code = main(sys.argv[1:]); "
        f"print(sorted({HEAVY!r} & set(sys.modules))); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "check", str(folder / "config.yaml")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_separate_maps_are_one_dataset(folder, capsys):
    dataset = demo_data.empty_dataset()
    names = ("counts", "exposure", "background", "mask")
    for name in names:
        getattr(dataset, name).write(folder / f"{name}.fits.gz")
    dataset.edisp.write(folder / "edisp.fits.gz")
    lines = [f"  {name}: {name}.fits.gz" for name in (*names, "edisp")]
    (folder / "config.yaml").write_text(
        "\n".join(["name: demo", "models: models.yaml", "output: fit", "maps:", *lines])
    )
    assert main(["check", str(folder / "config.yaml")]) == 0
    assert "6 x 42 x 58 bins" in capsys.readouterr().out
