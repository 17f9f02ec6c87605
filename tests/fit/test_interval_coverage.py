"""Coverage at one truth: the numbers of the plain loop, verdict, file, and where it may run."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from bayesmap import MapFit, interval_coverage
from bayesmap.checks.coverage import coverage, laplace_ends, nuts, profile_ends
from bayesmap.checks.coverage_study import read_study, study_csv, study_record
from bayesmap.cli.calibrate import write_results
from bayesmap.errors import BayesmapInputError, BayesmapIOError, FitStateError
from bayesmap.testing import toy_dataset
from tests.fit.test_calibrate import MODELS

N, SEED = 6, 5


@pytest.fixture(scope="module")
def fit():
    return MapFit.from_dataset(toy_dataset(MODELS, npix=10), MODELS, priors="flat")


@pytest.fixture(scope="module")
def found(fit, tmp_path_factory):
    methods = ("laplace", "profile", "nuts")
    output = tmp_path_factory.mktemp("coverage")
    return interval_coverage(
        fit, N, truth="start", methods=methods, draws=120, tune=60, random_seed=SEED, cores=1, output=output
    )


def test_every_method_gives_the_numbers_of_the_plain_loop(fit, found):
    """One after the other, each with a run of its own, in the order of the simulations."""
    posterior = fit._posterior
    truths = np.tile(posterior.coordinates.start, (N, 1))
    given = {"laplace": laplace_ends, "profile": profile_ends, "nuts": nuts(draws=120, tune=60)}
    for name, method in given.items():
        plain = coverage(posterior, truths, method, random_seed=SEED)
        for field in ("truths", "values", "errors", "ends"):
            np.testing.assert_array_equal(getattr(found.methods[name], field), getattr(plain, field))


@pytest.mark.slow
def test_a_method_does_not_depend_on_the_others_nor_on_the_process(fit, found):
    alone = interval_coverage(fit, 3, truth="start", methods=["nuts"], draws=120, tune=60, random_seed=SEED, cores=2)
    np.testing.assert_array_equal(alone.methods["nuts"].ends, found.methods["nuts"].ends[:3])


def test_truths_of_every_kind(fit):
    def truth_of(truth):
        return interval_coverage(fit, 1, truth=truth, methods=["laplace"], random_seed=SEED, cores=1).truth

    start = MODELS.parameters["source.spectral.amplitude"].value
    assert truth_of("start")["source.spectral.amplitude"] == start
    assert truth_of({"amplitude": 5e-10})["source.spectral.amplitude"] == 5e-10
    assert truth_of({"amplitude": 5e-10})["toy-bkg.spectral.norm"] == 1.0
    best = fit.optimize().model.parameters
    assert truth_of("fit")["toy-bkg.spectral.norm"] == pytest.approx(best["toy-bkg.spectral.norm"].value, rel=1e-12)


def test_the_verdict_names_method_and_parameter(found):
    assert found.success, found.reasons
    assert str(found).startswith(f"intervals hold the truth as they say ({N} simulations)\n")
    laplace = found.methods["laplace"]
    many = 200  # the same sets again and again, with ends that miss half of them
    ends = np.tile(laplace.ends[:1], (many, 1, 1, 1))
    truths = np.tile(laplace.truths[:1], (many, 1))
    ends[: many // 2, :, 0] = np.inf
    values, errors = (np.tile(item[:1], (many, 1)) for item in (laplace.values, laplace.errors))
    missing = replace(laplace, ends=ends, truths=truths, values=values, errors=errors)
    wrong = replace(found, methods={"laplace": missing}, done=many, requested=many)
    assert not wrong.success
    assert str(wrong).startswith(
        "INTERVALS DO NOT HOLD WHAT THEY SAY (200 simulations)\n- laplace: the 68.27 % interval"
    )
    assert any("95.45 % interval of source.spectral.amplitude" in reason for reason in wrong.reasons)


def test_failed_simulations_have_reasons(found):
    laplace = found.methods["laplace"]
    few = replace(laplace, failed=("simulation 7: a", "simulation 8: b", "simulation 9: c", "simulation 10: d"))
    study = replace(found, methods={"laplace": few}, done=10, requested=12)
    assert study.reasons[:2] == (
        "10 of 12 simulations were run",
        "laplace: 4 of 10 simulations have no intervals",
    )
    assert study.notes == (
        "laplace: simulation 7: a", "laplace: simulation 8: b", "laplace: simulation 9: c",
        "laplace: ... 1 more without intervals",
    )  # fmt: skip


def test_files(found, tmp_path):
    """Open sides are infinite: JSON has no number for them, and they come back all the same."""
    laplace = found.methods["laplace"]
    ends = laplace.ends.copy()
    ends[0, 0, 0, 0] = -np.inf
    study = replace(found, methods=dict(found.methods) | {"laplace": replace(laplace, ends=ends)})
    write_results(tmp_path / "out", study)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"coverage.{end}" for end in
                                                                    ("json", "txt", "csv", "png")}  # fmt: skip
    again = read_study(tmp_path / "out" / "coverage.json")
    np.testing.assert_array_equal(again.methods["laplace"].ends, ends)
    assert str(again) == str(study)
    assert study_record(again) == json.loads((tmp_path / "out" / "coverage.json").read_text())
    rows = list(csv.DictReader(study_csv(study).splitlines()))
    assert len(rows) == 3 * 2 * 2
    assert {row["method"] for row in rows} == {"laplace", "profile", "nuts"}
    with pytest.raises(BayesmapIOError, match="BM-IO-001"):
        read_study(tmp_path / "nothing")
    (tmp_path / "wrong.json").write_text('{"kind": "calibration", "format": 1}')
    with pytest.raises(BayesmapIOError, match="BM-IO-020"):
        read_study(tmp_path / "wrong.json")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"methods": ["bootstrap"]}, "BM-FT-003: methods is 'bootstrap'"),
        ({"methods": []}, "BM-FT-003: methods is ''"),
        ({"truth": "prior"}, "BM-FT-003: truth is 'prior'"),
        ({"truth": {"index": 2.0}}, "BM-FT-010"),
        ({"draws": 0}, "BM-FT-005"),
    ],
)
def test_arguments_that_make_no_sense(fit, wrong, words):
    with pytest.raises(BayesmapInputError, match=words):
        interval_coverage(fit, 1, cores=1, **wrong)


def test_a_best_fit_that_failed_is_no_truth():
    fit = MapFit.from_dataset(toy_dataset(MODELS, npix=10), MODELS, priors="flat")
    fit.optimize(max_iterations=1)
    with pytest.raises(FitStateError, match="BM-CK-022"):
        interval_coverage(fit, 1, cores=1)
