"""Every reason of the verdict is found where it was put in; healthy posteriors give none."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayesmap.checks.verdict import judge
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.exp_cutoff_power_law import ExpCutoffPowerLawSpectralModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel

NAMES = (
    "a.spectral.index",
    "a.spectral.amplitude",
    "b.spectral.index",
    "b.spectral.amplitude",
    "toy-bkg.spectral.norm",
)
CENTERS = (2.0, 5.0, 3.0, 9.0, 1.0)
WIDTHS = (0.1, 0.4, 0.1, 0.5, 0.05)
ENDLESS = ((-np.inf,) * 5, (np.inf,) * 5)


def source(name, lon, spectral=PowerLawSpectralModel):
    models = Models(SkyModel(spectral(), PointSpatialModel(lon_0=lon, lat_0=1.0), name=name))
    return models.with_frozen({f"{name}.spatial.{bare}": True for bare in ("lon_0", "lat_0")})


def variables(bounds=ENDLESS, lon_b=2.0, spectral_b=PowerLawSpectralModel):
    models = Models((*source("a", 1.0), *source("b", lon_b, spectral_b), FoVBackgroundModel("toy")))
    limits = tuple(np.array(ends, dtype=float) for ends in bounds)
    coordinates = SimpleNamespace(models=models, names=NAMES, derived=frozenset())
    return SimpleNamespace(coordinates=coordinates, bounds=lambda: limits)


def healthy(seed=0, n_chain=4, n_draw=1000):
    """Return independent normal draws with the statistics of a good run."""
    rng = np.random.default_rng(seed)
    shape = (n_chain, n_draw)
    draws = {
        name: (("chain", "draw"), center + width * rng.standard_normal(shape))
        for name, center, width in zip(NAMES, CENTERS, WIDTHS, strict=True)
    }
    stats = {
        "diverging": np.zeros(shape, bool),
        "reached_max_treedepth": np.zeros(shape, bool),
        "energy": rng.standard_normal(shape),
    }
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(draws),
            "sample_stats": xr.Dataset({name: (("chain", "draw"), item) for name, item in stats.items()}),
        }
    )
    tree.attrs = {"status": "finished", "notes": json.dumps([])}
    return tree


def change(tree, group, name, values):
    tree[group][name] = tree[group][name].copy(data=values)
    return tree


@pytest.mark.statistical
@pytest.mark.parametrize("seed", range(20))
def test_healthy_posteriors_are_ok(seed):
    found = judge(healthy(seed), variables())
    assert found.ok, found
    assert found.status == "ok"
    assert found.measures["r_hat"] < 1.01
    assert found.measures["ess_bulk"] > 2000
    assert found.measures["divergences"] == 0
    assert (found.measures["chains"], found.measures["draws"]) == (4, 1000)


def test_a_run_of_thirty_draws_is_short():
    found = judge(healthy(n_draw=30), variables())
    assert "few_draws" in found.status
    assert any(reason.startswith("few_draws: bulk ESS of ") for reason in found.reasons)
    assert any("below 400" in reason for reason in found.reasons)


@pytest.mark.parametrize("n_draw", [1, 3])
def test_a_run_too_short_for_any_figure_says_so(n_draw):
    found = judge(healthy(n_draw=n_draw), variables())
    assert found.reasons == (f"few_draws: {n_draw} draws a chain",)


def test_a_shifted_chain_has_not_converged():
    tree = healthy()
    index = tree["posterior"][NAMES[2]].values.copy()
    index[3] += 0.5 * WIDTHS[2]
    found = judge(change(tree, "posterior", NAMES[2], index), variables())
    (reason,) = [item for item in found.reasons if item.startswith("not_converged")]
    assert NAMES[2] in reason
    assert found.measures["r_hat"] > 1.01


def test_chains_of_different_widths_have_not_converged():
    tree = healthy()
    index = tree["posterior"][NAMES[2]].values.copy()
    index[0] = CENTERS[2] + 4.0 * (index[0] - CENTERS[2])
    assert "not_converged" in judge(change(tree, "posterior", NAMES[2], index), variables()).status


def test_a_random_walk_has_few_draws():
    tree = healthy()
    walk = np.cumsum(np.random.default_rng(1).standard_normal((4, 1000)), axis=1)
    found = judge(change(tree, "posterior", NAMES[0], walk), variables())
    assert {"not_converged", "few_draws"} <= set(found.status.split(", "))


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # ArviZ divides by their variance
def test_chains_that_never_moved_are_not_trusted():
    found = judge(change(healthy(), "posterior", NAMES[0], np.full((4, 1000), 2.0)), variables())
    assert not found.ok


def test_divergences_are_counted():
    tree = healthy()
    diverging = np.zeros((4, 1000), bool)
    diverging[2, [5, 700, 701]] = True
    found = judge(change(tree, "sample_stats", "diverging", diverging), variables())
    assert found.reasons[0].startswith("divergent: 3 draws")
    assert found.measures["divergences"] == 3


def test_low_energy():
    energy = np.cumsum(np.random.default_rng(1).standard_normal((4, 1000)), axis=1)
    found = judge(change(healthy(), "sample_stats", "energy", energy), variables())
    assert found.status == "low_energy"
    assert found.measures["e_bfmi"] < 0.3


@pytest.mark.parametrize(("share", "status"), [(0.04, "ok"), (0.06, "tree_depth")])
def test_deep_trees(share, status):
    deep = np.zeros((4, 1000), bool)
    deep[:, : int(1000 * share)] = True
    assert judge(change(healthy(), "sample_stats", "reached_max_treedepth", deep), variables()).status == status


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_draws_that_are_not_finite(bad):
    tree = healthy()
    index = tree["posterior"][NAMES[0]].values.copy()
    index[1, 400] = bad
    assert judge(change(tree, "posterior", NAMES[0], index), variables()).status == "not_finite"


@pytest.mark.parametrize("n_chain", [1, 2, 3])
def test_few_chains(n_chain):
    found = judge(healthy(n_chain=n_chain), variables())
    assert found.status == "few_chains"
    assert f"{n_chain} chains" in found.reasons[0]


def test_an_interrupted_run_says_so():
    tree = healthy()
    tree.attrs["status"] = "interrupted"
    found = judge(tree, variables())
    assert found.reasons == ("interrupted: 4 chains of 1000 draws were kept",)


def bounds(index, low, high):
    lower, upper = (np.array(ends, dtype=float) for ends in ENDLESS)
    lower[index], upper[index] = low, high
    return lower, upper


@pytest.mark.parametrize("side", [0, 1])
def test_a_pile_up_at_an_end_of_the_support(side):
    tree, rng = healthy(), np.random.default_rng(4)
    away = 0.1 * rng.exponential(size=(4, 1000))
    values = away if side == 0 else 1.0 - away
    found = judge(change(tree, "posterior", NAMES[4], values), variables(bounds(4, 0.0, 1.0)))
    (reason,) = found.reasons
    assert reason.startswith("at_bound: 1")
    assert f"at_bound: {np.mean(away < 0.01):.0%} of the draws of {NAMES[4]} lie at the end {side:g}" in reason


@pytest.mark.statistical
@pytest.mark.parametrize("seed", range(20))
def test_an_upper_limit_is_no_pile_up(seed):
    """The amplitude of a source that is not there falls from zero as an exponential: a fine posterior."""
    values = np.random.default_rng(seed).exponential(size=(4, 1000))
    found = judge(change(healthy(seed), "posterior", NAMES[1], values), variables(bounds(1, 0.0, np.inf)))
    assert found.ok, found


def test_a_spike_at_an_open_ended_bound_is_a_pile_up():
    tree, rng = healthy(), np.random.default_rng(4)
    values = np.where(rng.random((4, 1000)) < 0.3, 1e-6 * rng.random((4, 1000)), rng.gamma(9.0, size=(4, 1000)))
    assert judge(change(tree, "posterior", NAMES[1], values), variables(bounds(1, 0.0, np.inf))).status == "at_bound"


def test_a_support_much_wider_than_the_posterior_is_no_pile_up():
    """A norm of 1.0 +- 0.05 between 0 and 100 lies in the first hundredth of its support, and nowhere near its end."""
    assert judge(healthy(), variables(bounds(4, 0.0, 100.0))).ok


def test_a_position_at_its_declared_limit_is_a_pile_up():
    limited = PointSpatialModel(lon_0=Parameter("lon_0", 1.2, "deg", min=1.0, max=1.5), lat_0=1.0)
    models = Models(SkyModel(PowerLawSpectralModel(), limited, name="a"))
    names = ("a.spatial.lon_0", "a.spatial.lat_0")
    endless = (np.full(2, -np.inf), np.full(2, np.inf))
    coordinates = SimpleNamespace(models=models, names=names, derived=frozenset({0, 1}))
    tree, rng = healthy(), np.random.default_rng(6)
    dims = ("chain", "draw")
    draws = {
        names[0]: (dims, 1.5 - 0.02 * rng.exponential(size=(4, 1000))),
        names[1]: (dims, rng.normal(size=(4, 1000))),
    }
    tree["posterior"] = xr.DataTree(xr.Dataset(draws))
    found = judge(tree, SimpleNamespace(coordinates=coordinates, bounds=lambda: endless))
    assert found.status == "at_bound"
    assert "a.spatial.lon_0 lie at the end 1.5" in found.reasons[0]


def twins(**options):
    """Draws in which the parameters of `a` and `b` overlap."""
    tree, rng = healthy(), np.random.default_rng(3)
    for name, center, width in zip(NAMES[2:4], CENTERS[:2], WIDTHS[:2], strict=True):
        change(tree, "posterior", name, center + width * rng.standard_normal((4, 1000)))
    return judge(tree, variables(**options))


def test_exchangeable_sources_are_told():
    found = twins(lon_b=1.0)
    assert found.reasons == ("exchangeable: a and b may exchange their names",)


def test_sources_at_different_frozen_places_or_of_different_kinds_are_not_exchangeable():
    assert twins(lon_b=2.0).ok
    assert twins(lon_b=1.0, spectral_b=ExpCutoffPowerLawSpectralModel).ok


def test_sources_that_differ_in_one_parameter_are_not_exchangeable():
    assert judge(healthy(), variables(lon_b=1.0)).ok


def test_notes_are_kept():
    tree = healthy()
    tree.attrs["notes"] = json.dumps(["the mode was not found"])
    assert judge(tree, variables()).notes == ("the mode was not found",)


def test_a_name_that_another_begins_with_is_another_source():
    """J1745 has no free parameters of J1745.6-2900, though these begin with its name."""
    models = Models((*source("J1745", 1.0), *source("J1745.6-2900", 1.0)))
    models = models.with_frozen({f"J1745.spectral.{bare}": True for bare in ("index", "amplitude")})
    names = tuple(models.parameters.free_names)
    rng = np.random.default_rng(1)
    draws = xr.Dataset({name: (("chain", "draw"), rng.normal(2.0, 0.1, (4, 1000))) for name in names})
    tree = healthy()
    tree["posterior"] = xr.DataTree(draws)
    endless = (np.full(2, -np.inf), np.full(2, np.inf))
    found = judge(
        tree,
        SimpleNamespace(
            coordinates=SimpleNamespace(models=models, names=names, derived=frozenset()), bounds=lambda: endless
        ),
    )
    assert found.ok, found


def test_a_mode_that_was_found_is_told():
    tree = healthy()
    tree.attrs["modes"] = json.dumps(["another optimum, at x"])
    assert judge(tree, variables()).reasons == ("multimodal: another optimum, at x",)


def test_models_that_the_data_do_not_tell_apart_are_a_ridge():
    tree, rng = healthy(), np.random.default_rng(8)
    amplitude = tree["posterior"][NAMES[1]].values
    norm = CENTERS[4] - (amplitude - CENTERS[1]) * WIDTHS[4] / WIDTHS[1] + 1e-3 * rng.standard_normal(amplitude.shape)
    found = judge(change(tree, "posterior", NAMES[4], norm), variables())
    assert found.status == "ridge"
    assert f"{NAMES[1]} and {NAMES[4]}" in found.reasons[0]


def test_a_strong_correlation_within_a_model_is_a_note():
    tree, rng = healthy(), np.random.default_rng(8)
    index = tree["posterior"][NAMES[0]].values
    amplitude = CENTERS[1] + (index - CENTERS[0]) * WIDTHS[1] / WIDTHS[0] + 1e-3 * rng.standard_normal(index.shape)
    found = judge(change(tree, "posterior", NAMES[1], amplitude), variables())
    assert found.ok
    (note,) = found.notes
    assert "reference energy" in note
