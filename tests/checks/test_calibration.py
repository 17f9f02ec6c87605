"""The record of a calibration: verdict and reasons, coverage, contraction, table, file."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from bayesmap.checks.bounds import share_bounds
from bayesmap.checks.calibration import Calibration, gather
from bayesmap.checks.calibration_file import calibration_csv, read_calibration, write_calibration
from bayesmap.errors import BayesmapIOError

N, L = 400, 99
NAMES = ("s.spectral.index", "s.spectral.amplitude", "log_likelihood")
UNITS = ("", "cm-2 s-1 TeV-1", "")


def made(truth_shift=0.0, width=1.0, sd=0.2, seed=1, n=N):
    """Posteriors of a normal mean with a standard normal prior: exact, or wrong in the first parameter."""
    rng = np.random.default_rng(seed)
    prior = rng.standard_normal((n, 2))
    gain = 1.0 - sd**2
    means = gain * prior + np.sqrt(gain) * sd * rng.standard_normal((n, 2))
    sds = np.full((n, 2), sd)
    sds[:, 0] *= width
    means[:, 0] += truth_shift * sd
    draws = means[:, None, :] + sds[:, None, :] * rng.standard_normal((n, 199, 2))
    below = np.sum(draws < prior[:, None, :], axis=1)
    ranks = np.sum(draws[:, :L] < prior[:, None, :], axis=1)
    third = rng.integers(0, L + 1, size=(n, 1))
    places = ((below + rng.random((n, 2))) / 200.0, (third + rng.random((n, 1))) / (L + 1))
    return Calibration(
        names=NAMES, units=UNITS, indices=np.arange(n), truths=np.concatenate([prior, third], axis=1),
        ranks=np.concatenate([ranks, third], axis=1),
        positions=np.concatenate(places, axis=1),
        means=means, sds=sds, prior_sds=np.ones(2), n_draws=L, refused={}, requested=n,
    )  # fmt: skip


@pytest.fixture(scope="module")
def right():
    return made()


def test_right_posteriors_are_calibrated(right):
    assert right.success, right.reasons
    assert right.notes == ()
    assert str(right).startswith(f"calibrated ({N} of {N} simulations have a posterior)\n")
    assert right.contraction == pytest.approx([0.96, 0.96])
    low, high = share_bounds(N, 0.6826894921)
    assert np.all((low <= right.shares(0.6826894921)) & (right.shares(0.6826894921) <= high))
    assert np.abs(right.z_scores).max() < 5.0
    assert right.z_scores.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"truth_shift": 0.7}, "draws too high"),
        ({"truth_shift": -0.7}, "draws too low"),
        ({"width": 0.6}, "draws too narrow"),
        ({"width": 1.7}, "draws too wide"),
    ],
)
def test_what_is_wrong_is_named(wrong, words):
    found = made(**wrong)
    assert not found.success
    assert str(found).startswith("NOT CALIBRATED")
    assert found.reasons[0].startswith("s.spectral.index: ranks are not uniform")
    assert found.reasons[0].endswith(words)
    assert not any(reason.startswith("s.spectral.amplitude") for reason in found.reasons)
    if "width" in wrong:
        assert any("interval holds the truth in" in reason for reason in found.reasons)


def test_coverage_of_every_mass_is_that_of_the_positions(right):
    for mass in (0.1, 0.5, 0.9):
        tail = 0.5 * (1.0 - mass)
        held = (right.positions >= tail) & (right.positions <= 1.0 - tail)
        np.testing.assert_allclose(right.shares(mass), held.mean(axis=0))


def test_a_returned_prior_is_named_and_is_no_reason():
    found = made(sd=0.999)
    assert found.success
    assert any(note.startswith("s.spectral.amplitude returns its prior") for note in found.notes)


def test_refused_simulations_are_counted(right):
    few = replace(right, refused={400: "BM-CK-022: a", 401: "BM-CK-022: b"}, requested=402)
    assert few.success
    assert "note: simulation 400 has no posterior: BM-CK-022: a" in str(few)
    many = replace(right, refused={400 + i: "BM-CK-022: a" for i in range(9)}, requested=409)
    assert many.reasons == ("9 of 409 simulations have no posterior",)
    assert many.notes[-1] == "... 6 more without"


def test_an_unfinished_run_is_no_success(right):
    assert replace(right, requested=500).reasons == ("400 of 500 simulations were run",)


def test_far_scores_decide_from_a_thousand_simulations_on(right):
    few = np.array(right.means)
    few[:3, 1] += 2.0
    assert any(note.startswith("s.spectral.amplitude: 3 of 400 z-scores") for note in replace(right, means=few).notes)
    many = made(n=1000)
    far = np.array(many.means)
    far[:5, 1] += 2.0
    assert replace(many, means=far).reasons == ("0.25 % of the z-scores are beyond 4, where 0.1 % may be",)


def test_no_simulation_says_nothing():
    refused = [{"i": 0, "truth": [0.0] * 3, "refused": "BM-CK-022: a"}]
    found = gather(NAMES, UNITS, refused, np.ones(2), L, requested=1)
    assert not found.success
    assert found.reasons[0] == "0 simulations have a posterior, which say nothing"
    assert found.truths.shape == (0, 3)


def test_order_does_not_matter(right):
    records = [
        {"i": i, "truth": right.truths[i].tolist(), "ranks": right.ranks[i].tolist(),
         "positions": right.positions[i].tolist(), "mean": right.means[i].tolist(), "sd": right.sds[i].tolist()}
        for i in range(5)
    ]  # fmt: skip
    found = gather(NAMES, UNITS, records[::-1], np.ones(2), L, requested=5)
    np.testing.assert_array_equal(found.ranks, right.ranks[:5])
    np.testing.assert_array_equal(found.means, right.means[:5])


def test_it_comes_back_from_a_file(right, tmp_path):
    given = replace(right, refused={400: "BM-CK-022: a"}, requested=401, provenance={"seed": 3})
    path = write_calibration(given, tmp_path / "calibration.json")
    again = read_calibration(path)
    for name in ("names", "units", "n_draws", "refused", "requested", "level", "masses", "provenance"):
        assert getattr(again, name) == getattr(given, name)
    for name in ("indices", "truths", "ranks", "positions", "means", "sds", "prior_sds"):
        np.testing.assert_array_equal(getattr(again, name), getattr(given, name))
    assert str(again) == str(given)
    record = json.loads(path.read_text())
    assert record["success"] is True
    assert record["quantities"]["s.spectral.index"]["contraction"] == pytest.approx(0.96)
    with pytest.raises(BayesmapIOError, match="BM-IO-032"):
        write_calibration(given, path)
    write_calibration(given, path, overwrite=True)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(BayesmapIOError, match="BM-IO-001"):
        read_calibration(tmp_path / "nothing.json")
    for text in ("", "{}", '{"kind": "calibration", "format": 7}', "[1]"):
        (tmp_path / "wrong.json").write_text(text)
        with pytest.raises(BayesmapIOError, match="BM-IO-020"):
            read_calibration(tmp_path / "wrong.json")


def test_the_table_as_csv(right):
    rows = list(csv.DictReader(calibration_csv(right).splitlines()))
    assert [row["quantity"] for row in rows] == list(NAMES)
    assert float(rows[1]["p_value"]) == right.p_values()[NAMES[1]]
    assert float(rows[0]["contraction"]) == pytest.approx(0.96)
    assert rows[2]["contraction"] == ""
