"""The twenty-five bad inputs (docs/trust.md): each is refused with code, value, place, rule and remedy.

Nothing is compiled and nothing is written. Runs that are stopped, killed or out of space are elsewhere: see the table.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bayesmap.cli.main import main
from bayesmap.errors import BayesmapError, ProblemList
from bayesmap.fit import MapFit
from bayesmap.fits.hdu import ReadLimits
from bayesmap.io.gammapy import read_dataset, write_dataset
from bayesmap.io.yaml import read_models, write_models
from bayesmap.posterior.preflight import preflight
from bayesmap.results.store import load_posterior
from bayesmap.testing import toy_models
from tests.trust.bad_data import BAD_DATA, BASE, SIZES
from tests.trust.bad_files import (
    BAD_FITS,
    BAD_MODELS,
    BAD_OUTPUTS,
    BAD_POSTERIORS,
    BAD_TEMPLATES,
    HOSTILE_YAML,
    MODEL,
    packed_bomb,
)

SLACK = 5.0
"""The bounds of the table are one second in process and five on the command line; here five times as much processor
time, for slow machines. `python -m tests.trust.measure` measures."""
CONFIG = "dataset: data.fits\nmodels: models.yaml\noutput: fit\n"
HEAVY = ("nutpie", "numba", "arviz", "matplotlib", "gammapy")


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.id)


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    """Make every way to a compiled function fail."""
    from pytensor.link.c.basic import CLinker
    from pytensor.link.numba.linker import NumbaLinker

    def refuse(*args, **kwargs):
        raise AssertionError("something was compiled")

    monkeypatch.setattr(CLinker, "make_thunk", refuse)
    monkeypatch.setattr(NumbaLinker, "make_thunk", refuse)
    monkeypatch.setattr("jax._src.compiler.backend_compile_and_load", refuse)


@pytest.fixture
def sound(tmp_path):
    """A complete analysis without a problem, in a folder of its own."""
    folder = tmp_path / "analysis"
    folder.mkdir()
    write_dataset(BASE, folder / "data.fits")
    write_models(toy_models(), folder / "models.yaml", checksum=False)
    (folder / "config.yaml").write_text(CONFIG)
    return folder


def snapshot(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def is_a_letter(problem: BayesmapError, code: str, says: str) -> None:
    """Assert that an error says what, with value and place, the rule, and the remedy."""
    assert problem.code == code
    assert says in str(problem)
    assert problem.rule
    assert problem.remedy
    assert problem.what != problem.rule


def check(folder: Path, capsys, code: str, says: str = "") -> None:
    """Assert that `bayesmap check` says so, in time, with the exit code of the error, and writes nothing."""
    before, start = snapshot(folder.parent), time.process_time()
    found = main(["check", str(folder / "config.yaml")])
    assert time.process_time() - start < 5.0 * SLACK
    text = capsys.readouterr().out
    assert text.startswith(f"1 problem found:\n- {code}: "), text
    assert says in text
    assert found == (4 if code.startswith("BM-IO") else 2)
    assert snapshot(folder.parent) == before


@each(BAD_DATA)
def test_data_and_models_in_process(case):
    dataset, models = case.make()
    start = time.process_time()
    (problem,) = preflight([dataset], models).problems
    assert time.process_time() - start < SLACK
    is_a_letter(problem, case.code, case.says)


REFUSED_LATE = ("BM-MO-010", "BM-MO-012")
"""These are no error of the model, which can be evaluated, but of a search or draws."""


@each([case for case in BAD_DATA if case.code not in REFUSED_LATE])
def test_the_fit_refuses_them(case):
    dataset, models = case.make()
    with pytest.raises(BayesmapError, match=f"^{case.code}: "):
        MapFit.from_dataset(dataset, models)


@each([case for case in BAD_DATA if case.code in REFUSED_LATE])
def test_the_verbs_refuse_them(case):
    fit = MapFit.from_dataset(*case.make())
    for verb in (fit.optimize, fit.run, fit.sample):
        with pytest.raises(BayesmapError, match=f"^{case.code}: "):
            verb()


@each(BAD_DATA)
def test_data_and_models_by_the_command(case, sound, capsys):
    dataset, models = case.make()
    names = ("counts", "exposure", "background", "mask")
    if case.maps:
        for name in names:
            if getattr(dataset, name) is not None:
                getattr(dataset, name).write(sound / f"{name}.fits")
        dataset.edisp.write(sound / "edisp.fits")
        lines = [
            f"  {path.stem}: {path.name}" for path in sorted(sound.glob("*.fits")) if path.stem in (*names, "edisp")
        ]
        if "psf" in case.maps:
            kernel_map(dataset).write(sound / "psf.fits")
            lines.append("  psf: psf.fits")
        text = "\n".join(["name: toy", "models: models.yaml", "output: fit", "maps:", *lines])
        (sound / "config.yaml").write_text(text)
    else:
        write_dataset(dataset, sound / "data.fits", overwrite=True)
    write_models(models, sound / "models.yaml", checksum=False, overwrite=True)
    check(sound, capsys, case.code)


def kernel_map(dataset):
    from bayesmap.maps import WcsGeom, WcsNDMap

    side = dataset.psf.data.shape[-1]
    geom = WcsGeom.create(skydir=(83.63, 22.01), npix=side, binsz=0.1, axes=[dataset.axis_true])
    return WcsNDMap(geom, dataset.psf.data)


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    with pytest.raises(BayesmapError, match=r"^BM-MO-004: \w+ has \w+ = -?0(\.1)? deg\. .* must be above zero"):
        SIZES[name]()


@pytest.mark.parametrize(("value", "code"), [("0.0", "BM-MO-004"), ("-0.1", "BM-CF-005")])
def test_sizes_by_the_command(value, code, sound, capsys):
    (sound / "models.yaml").write_text(
        MODEL.replace("PointSpatialModel", "GaussianSpatialModel")
        + f"        -   {{name: sigma, value: {value}, unit: deg}}\n"
    )
    check(sound, capsys, code, "components[0].spatial")


@each((*BAD_MODELS, *HOSTILE_YAML))
def test_model_files(case, sound, capsys):
    marker = sound / "marker"
    (sound / "models.yaml").write_text(case.content.replace("{marker}", str(marker)))
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(BayesmapError) as caught:
        read_models(sound / "models.yaml")
    assert time.process_time() - start < SLACK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 50_000
    is_a_letter(caught.value, case.code, case.says)
    assert not isinstance(caught.value, ProblemList)
    check(sound, capsys, case.code, "models.yaml")
    assert not marker.exists()


@each(HOSTILE_YAML)
def test_hostile_configurations(case, sound, capsys):
    (sound / "config.yaml").write_text(case.content)
    check(sound, capsys, case.code, "config.yaml")


@each(BAD_FITS)
def test_data_files(case, sound, capsys):
    path = sound / "data.fits"
    content = case.content if isinstance(case.content, bytes) else case.content(path.read_bytes())
    path.write_bytes(content)
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(BayesmapError) as caught:
        read_dataset(path)
    assert time.process_time() - start < SLACK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 150_000
    is_a_letter(caught.value, case.code, case.says)
    check(sound, capsys, case.code, "data.fits")


def test_a_limit_of_100_mb_stops_a_bomb(tmp_path):
    path = tmp_path / "data.fits.gz"
    path.write_bytes(packed_bomb())
    with pytest.raises(BayesmapError, match=r"^BM-IO-004: data.fits.gz has .* unpack to more than"):
        read_dataset(path, limits=ReadLimits(max_bytes=100_000_000, max_ratio=1e9))


@pytest.fixture
def no_socket(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)


@each(BAD_TEMPLATES)
def test_templates_elsewhere(case, sound, capsys, no_socket):
    (sound / "models.yaml").write_text(case.content)
    with pytest.raises(BayesmapError) as caught:
        read_models(sound / "models.yaml")
    is_a_letter(caught.value, case.code, case.says)
    assert "components[0].spatial.filename" in str(caught.value)
    check(sound, capsys, case.code, "components[0].spatial.filename")


@each(BAD_OUTPUTS)
def test_outputs(case, sound, capsys, monkeypatch):
    (sound / "there").mkdir()
    (sound / "there" / "results.txt").write_text("a month of work\n")
    monkeypatch.chdir(sound)
    (sound / "config.yaml").write_text(CONFIG.replace("output: fit", f"output: {case.output}"))
    check(sound, capsys, case.code, case.output.strip("./"))
    assert main(["fit", str(sound / "config.yaml")]) == 4
    assert (sound / "there" / "results.txt").read_text() == "a month of work\n"


@each(BAD_POSTERIORS)
def test_posteriors_of_objects(case, tmp_path):
    path = tmp_path / "posterior.nc"
    case.write(path)
    with pytest.raises(BayesmapError) as caught:
        load_posterior(path)
    is_a_letter(caught.value, case.code, "posterior.nc")
    assert caught.value.exit_code == 4
    assert [item.name for item in tmp_path.iterdir()] == ["posterior.nc"], "something was run"


SCRIPT = f"""
import json, os, sys, time
import jax
from pytensor.link.c.basic import CLinker
compiled = []
jax.monitoring.register_event_duration_secs_listener(lambda event, *a, **k: compiled.append(event))
CLinker.make_thunk = lambda *a, **k: compiled.append("c")
from bayesmap.cli.main import main
code = main(sys.argv[1:])
found = [event for event in compiled if event == "c" or event.endswith("backend_compile_duration")]
print(json.dumps([found, sorted(set({HEAVY!r}) & set(sys.modules))]))
sys.exit(code)
"""


def children() -> float:
    """Return the processor time of processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("kind", ["sound", "file"])
def test_the_command_in_a_process_of_its_own(kind, sound):
    """One of each kind; all of them in process above."""
    expected = {"sound": (0, "no problem found"), "file": (4, "BM-IO-003")}
    if kind == "file":
        (sound / "data.fits").write_bytes((sound / "data.fits").read_bytes()[:9000])
    start = children()
    command = [sys.executable, "-c", SCRIPT, "check", str(sound / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert children() - start < 5.0 * SLACK
    code, says = expected[kind]
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]
