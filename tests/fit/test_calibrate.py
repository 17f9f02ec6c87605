"""Calibration of a fit: the same numbers wherever they are worked out, and what is finished is kept."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from bayesmap import MapFit, Prior, calibrate
from bayesmap.checks.sbc import Method
from bayesmap.errors import BayesmapInputError, PriorError
from bayesmap.fit import workers
from bayesmap.fit.calibrate import identity_of, job_of
from bayesmap.fit.job import Job
from bayesmap.fit.runs import FILE
from bayesmap.testing import toy_models, toy_response

PRIORS = {"amplitude": Prior("Gamma", mu=8e-10, sigma=2e-10), "norm": Prior("Gamma", mu=1.0, sigma=0.2)}
MODELS = toy_models().with_frozen({"lon_0": True, "lat_0": True, "index": True})
SIMULATIONS, SEED = 5, 3


def make_fit(priors=PRIORS, models=MODELS, **response):
    return MapFit.from_dataset(toy_response(npix=10, **response), models, priors=priors)


@pytest.fixture(scope="module")
def fit():
    return make_fit()


@pytest.fixture(scope="module")
def alone(fit):
    """In this process, one after the other."""
    return calibrate(fit, SIMULATIONS, random_seed=SEED, cores=1)


def same(one, other, number=SIMULATIONS):
    """Every array equal to the bit."""
    for field in fields(one):
        value = getattr(one, field.name)
        if isinstance(value, np.ndarray) and field.name != "prior_sds":
            np.testing.assert_array_equal(value[:number], getattr(other, field.name)[:number], err_msg=field.name)
    np.testing.assert_array_equal(one.prior_sds, other.prior_sds)


@pytest.fixture(scope="module")
def run(fit, tmp_path_factory):
    """Folder of a run of all simulations in two processes, of which the second one continued the first."""
    folder = tmp_path_factory.mktemp("run")
    common = {"random_seed": SEED, "cores": 2, "output": folder}
    seen, told = [], []
    calibrate(fit, 3, progress=lambda *done: seen.append(done), **common)
    assert seen == [(0, 3, 0), (1, 3, 1), (2, 3, 2), (3, 3, 3)]
    calibrate(fit, SIMULATIONS, notice=told.append, **common | {"cores": 1})
    assert told == ["3 of 5 simulations are there from an earlier run"]
    return folder


def test_processes_give_the_same_numbers_and_a_run_goes_on(fit, alone, run):
    """The file holds each simulation once; where all are there, nothing is left to do."""
    lines = [json.loads(line) for line in (run / FILE).read_text().splitlines()[1:]]
    assert sorted(line["i"] for line in lines) == list(range(SIMULATIONS))
    seen = []
    found = calibrate(fit, SIMULATIONS, random_seed=SEED, output=run, progress=lambda *done: seen.append(done))
    same(found, alone)
    assert seen == []
    assert found.provenance["seed"] == SEED
    assert set(found.provenance) >= {"data", "models", "priors", "options", "settings", "versions"}


def test_fewer_simulations_are_the_first_ones(fit, alone, run):
    same(calibrate(fit, 2, random_seed=SEED, output=run), alone, 2)


def test_a_torn_line_is_run_again(fit, alone, run, tmp_path):
    path = tmp_path / FILE
    path.write_bytes((run / FILE).read_bytes()[:-40])
    common = {"random_seed": SEED, "cores": 1, "output": tmp_path}
    told, seen = [], []
    again = calibrate(fit, SIMULATIONS, notice=told.append, progress=lambda *done: seen.append(done), **common)
    same(again, alone)
    assert told[0].startswith("the last line of an earlier run was not finished")
    assert seen == [(4, 5, 0), (5, 5, 1)]


def identity(fit, seed=SEED, simulator=None, **method):
    return identity_of("calibration", fit, simulator, job_of(fit, simulator, Method(**method), seed))


@pytest.mark.parametrize(
    ("change", "different"),
    [
        ({"seed": 4}, {"seed"}),
        ({"tune": 90}, {"settings"}),
        ({"sampler": {"target_accept": 0.9}}, {"settings"}),
        ({"fit": {"priors": PRIORS | {"norm": Prior("Gamma", mu=1.0, sigma=0.3)}}}, {"priors"}),
        ({"fit": {"background": 0.6}}, {"data"}),
        ({"fit": {"models": MODELS.with_values({"index": 2.3})}}, {"models"}),
        # limits cut the prior
        (
            {"fit": {"models": MODELS.with_parameters({"norm": MODELS.parameters["norm"].replace(max=9.0)})}},
            {"models", "priors"},
        ),
        ({"simulator": {}}, {"simulator data"}),
    ],
)
def test_what_results_depend_on(fit, change, different):
    other = make_fit(**change["fit"]) if "fit" in change else fit
    given = {key: make_fit(**value) if key == "simulator" else value for key, value in change.items() if key != "fit"}
    own, found = identity(fit), identity(other, **given)
    assert {name for name in found if own.get(name) != found[name]} >= different
    assert {name for name in own if own[name] != found.get(name)} <= different


def test_results_of_another_run_are_refused(fit, run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    common = {"cores": 1, "output": tmp_path / "copy"}
    with pytest.raises(BayesmapInputError, match=r"BM-CK-023.*seed was 3, is 4"):
        calibrate(fit, 1, random_seed=4, **common)
    calibrate(fit, 1, random_seed=4, overwrite=True, **common)
    assert '"seed": 4' in (tmp_path / "copy" / FILE).read_text()


@pytest.mark.slow
def test_the_identity_is_the_same_in_every_process(fit):
    code = """
import json
from tests.fit.test_calibrate import identity, make_fit
print(json.dumps(identity(make_fit())))
"""
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(found.stdout) == identity(fit)


def test_a_folder_of_something_else_is_left_alone(fit, tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(BayesmapInputError, match="BM-CK-023.*no run that could be continued"):
        calibrate(fit, 1, cores=1, output=tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"simulations": 0}, "BM-FT-005: simulations is 0"),
        ({"cores": 0}, "BM-FT-005: cores is 0"),
        ({"level": 1.0}, "BM-FT-005: level is 1.0"),
        ({"masses": (0.5, 2.0)}, "BM-FT-005: masses is 2.0"),
        ({"sampler": {"chains": 4}}, "BM-FT-041.*'chains'"),
    ],
)
def test_numbers_that_make_no_sense(fit, wrong, words):
    with pytest.raises(BayesmapInputError, match=words):
        calibrate(fit, **{"simulations": 1, "cores": 1} | wrong)


def test_a_prior_without_an_integral_is_named():
    with pytest.raises(PriorError, match="BM-CK-020.*source.spectral.amplitude ~ Flat"):
        calibrate(make_fit("flat"), 1, cores=1)


def test_a_simulator_of_other_parameters_is_refused(fit):
    other = make_fit(models=toy_models(), priors="default")
    with pytest.raises(BayesmapInputError, match=r"BM-CK-021.*source\.spectral\.index"):
        calibrate(fit, 1, cores=1, simulator=other)


def test_simulations_without_posterior_have_a_reason(fit, monkeypatch):
    from bayesmap.checks import sbc

    monkeypatch.setattr(sbc, "_least_ess", lambda values: 50.0)
    monkeypatch.setattr(sbc, "LONGEST", 2)
    found = calibrate(fit, 1, random_seed=SEED, cores=1)
    assert found.refused[0].startswith("BM-CK-022: 396 draws are worth 50 independent ones. 99 are needed")
    assert found.reasons[1] == "1 of 1 simulations have no posterior"


def test_what_cannot_be_sent_is_refused():
    job = Job(lambda: 0, None, None, 1)
    with pytest.raises(BayesmapInputError, match="BM-CK-026"):
        job.to_bytes()


class Dying:
    """A job whose processes die, or that fails."""

    def __init__(self, how, folder):
        self.how, self.folder = how, folder

    def prepare(self):
        return self.run

    def run(self, i, truth):
        if self.how == "error":
            raise BayesmapInputError("BM-FT-005", what="a test", rule="none", remedy="none")
        first = self.folder / f"died-{i}"
        if self.how == "always" or not first.exists():
            first.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return {"i": i}


def results(how, folder, number=3):
    tasks = [(i, np.zeros(1)) for i in range(number)]
    return list(workers.run_in_processes(pickle.dumps(Dying(how, folder)), tasks, 2))


@pytest.mark.slow
def test_a_process_that_dies_costs_nothing(tmp_path):
    assert sorted(item["i"] for item in results("once", tmp_path, 2)) == [0, 1]


@pytest.mark.slow
def test_processes_that_always_die_are_an_error(tmp_path):
    with pytest.raises(BayesmapInputError, match=r"BM-CK-027.*3 processes.*exit code -9"):
        results("always", tmp_path, 1)


@pytest.mark.slow
def test_an_error_in_a_process_is_raised_here(tmp_path):
    with pytest.raises(BayesmapInputError, match="BM-FT-005: a test"):
        results("error", tmp_path, 1)
