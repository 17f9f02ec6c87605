"""Profiles of a fit: closed forms, MINOS, independent optima, open sides, and what is refused."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar

from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.fit import MapFit
from bayesmap.inference.named import NamedPosterior
from bayesmap.models import FoVBackgroundModel, Models
from bayesmap.testing import toy_dataset, toy_models
from tests.inference.backends import AMPLITUDE, put_out_fit

INDEX = "source.spectral.index"
NORM = "toy-bkg.spectral.norm"


@pytest.fixture(scope="module")
def fit():
    found = MapFit.from_dataset(toy_dataset(npix=12), toy_models(), priors="flat")
    assert found.run().success
    return found


@pytest.fixture(scope="module")
def informed():
    """A fit whose priors matter."""
    found = MapFit.from_dataset(toy_dataset(npix=12), toy_models())
    assert found.run().success
    return found


@pytest.fixture(scope="module")
def background():
    """A background alone, with a free norm: the statistic is 2 (norm B - N ln norm) and a constant."""
    found = MapFit.from_dataset(toy_dataset(npix=12), Models([FoVBackgroundModel("toy")]), priors="flat")
    assert found.run().success
    return found


@pytest.fixture(scope="module")
def put_out():
    """Counts below the background, whose norm is free too: the best amplitude is its limit, zero."""
    found = put_out_fit(free_position=False)
    found = MapFit.from_dataset(found.dataset, found._start.with_frozen({NORM: False}))
    found.optimize()
    return found


def lowest(fit, held):
    """Return the rise of -2 ln p at held values, all others found again by SciPy from the best fit."""
    named, errors = NamedPosterior(fit._posterior), fit.covariance().errors
    best = named.values(fit._theta)
    peak, others = named.log_posterior(best), np.array([name not in held for name in fit.free_parameters])
    values = best.copy()
    for name, value in held.items():
        values[fit.free_parameters.index(name)] = value

    def rise(x):
        point = values.copy()
        point[others] = best[others] + errors[others] * x
        value, gradient = named.value_and_gradient(point)
        return 2.0 * (peak - value), -2.0 * errors[others] * gradient[others]

    return minimize(rise, np.zeros(others.sum()), jac=True, method="BFGS", options={"gtol": 1e-5}).fun


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 5.0])
def test_a_background_alone_has_a_profile_in_closed_form(background, sigma):
    data = background.dataset
    expected, counted = data.background.data[data.mask_data].sum(), data.counts.data[data.mask_data].sum()

    def rise(norm):
        best = counted / expected
        return 2.0 * (expected * (norm - best) - counted * np.log(norm / best)) - sigma**2

    found = background.confidence("norm", backend="profile", sigma=sigma)
    best = counted / expected
    ends = brentq(rise, 1e-3 * best, best, xtol=1e-14), brentq(rise, best, 10.0 * best, xtol=1e-14)
    error = best / np.sqrt(counted)
    assert found["success"]
    assert found["message"] == ""
    assert found["value"] == pytest.approx(best, abs=1e-3 * error)
    assert [found["lower"], found["upper"]] == pytest.approx(ends, abs=1e-4 * error)
    curve = background.minos_profile("norm", bounds=3, nvalues=7)
    assert curve["delta"] == pytest.approx(rise(curve["values"]) + sigma**2, abs=1e-6)
    assert curve["likelihood"] == pytest.approx([background.total_stat({NORM: v}) for v in curve["values"]], rel=1e-12)


def test_the_interval_is_that_of_minos(fit):
    for name, sigma in ((INDEX, 1.0), (NORM, 2.0)):
        found, other = (fit.confidence(name, backend, sigma) for backend in ("profile", "minuit"))
        error = fit.confidence(name, "laplace")["errp"]
        assert found["success"], found["message"]
        assert found["errp"] == pytest.approx(other["errp"], abs=0.01 * error)
        assert found["errn"] == pytest.approx(other["errn"], abs=0.01 * error)
        assert found["nfev"] < 0.2 * other["nfev"]


def test_what_the_interval_says(fit):
    found = fit.confidence("index", "profile", sigma=2.0)
    assert (found["name"], found["unit"], found["kind"], found["statistic"]) == (INDEX, "", "profile", "posterior")
    assert found["mass"] == pytest.approx(0.9545, abs=1e-4)
    assert found["upper"] - found["errp"] == pytest.approx(found["value"])
    assert not found["open_lower"]
    assert found["record"].upper == found["upper"]
    for end in (found["lower"], found["upper"]):
        assert lowest(fit, {INDEX: end}) == pytest.approx(4.0, abs=2e-3)


def test_a_profile_lies_below_the_slice_and_touches_it_at_the_best(fit):
    values = np.linspace(1.7, 2.7, 9)
    held, moved = fit.likelihood_profile("index", values), fit.minos_profile("index", values)
    assert (held["kind"], moved["kind"]) == ("slice", "profile")
    assert np.all(moved["stat"] <= held["stat"])
    assert np.array_equal(held["values"], values)
    assert np.array_equal(held["likelihood"], held["stat"])  # flat priors
    best = fit.model.parameters[INDEX].value
    at_best = [verb("index", [best])["delta"][0] for verb in (fit.likelihood_profile, fit.minos_profile)]
    assert at_best == pytest.approx([0.0, 0.0], abs=1e-4)
    assert held["stat"] == pytest.approx([fit.total_stat({INDEX: value}) for value in values], abs=1e-3)
    for value, delta in list(zip(values, moved["delta"], strict=True))[::4]:
        assert delta == pytest.approx(lowest(fit, {INDEX: value}), abs=1e-4)


def test_neither_order_nor_company_of_the_values_matters(fit):
    """Every point starts from its neighbour: the result is that of the point alone."""
    values = np.array([2.6, 1.6, 2.1, 2.0, 2.9])
    together = fit.minos_profile("index", values)
    alone = [fit.minos_profile("index", [value])["stat"][0] for value in values]
    assert together["stat"] == pytest.approx(alone, abs=1e-5)
    again = fit.minos_profile("index", values[::-1])
    assert np.array_equal(again["stat"][::-1], together["stat"])


def test_bounds_as_the_seed_has_them(fit):
    error = fit.covariance().errors[fit.free_parameters.index(INDEX)]
    best = fit.model.parameters[INDEX].value
    plain = fit.likelihood_profile("index")
    assert plain["values"] == pytest.approx(np.linspace(best - 2.0 * error, best + 2.0 * error, 11), rel=1e-4)
    assert fit.likelihood_profile("index", bounds=(1.0, 3.0), nvalues=3)["values"].tolist() == [1.0, 2.0, 3.0]
    assert fit.likelihood_profile("lon_0", bounds=("83.6 deg", "5022 arcmin"), nvalues=2)["values"] == pytest.approx(
        [83.6, 83.7]
    )


def test_contours_lie_on_their_level(fit):
    pair = ("source.spectral.index", "source.spectral.amplitude")
    steps = []
    found = fit.minos_contour(*pair, 12, sigma=2.0, backend="profile", progress=lambda *done: steps.append(done))
    assert found["success"], found["message"]
    assert steps[-1] == (12, 12)
    assert found["delta"] == pytest.approx(4.0, abs=1e-3)
    for x, y in list(zip(found["x"], found["y"], strict=True))[::3]:
        assert lowest(fit, dict(zip(pair, (x, y), strict=True))) == pytest.approx(4.0, abs=1e-3)
    assert found["mass"] == pytest.approx(1.0 - np.exp(-2.0))
    assert np.array_equal(found["pieces"][0][0], found["pieces"][0][-1])
    # Its shadow on each axis is the interval of that parameter.
    for name, points in zip(pair, (found["x"], found["y"]), strict=True):
        interval = fit.confidence(name, "profile", 2.0)
        width = interval["upper"] - interval["lower"]
        assert points.max() == pytest.approx(interval["upper"], abs=0.05 * width)
        assert points.max() <= interval["upper"] + 1e-4 * width


def test_a_slice_contour_lies_on_its_level(fit):
    pair = ("source.spectral.index", "source.spectral.amplitude")
    found = fit.likelihood_contour(*pair, 8)
    best = fit.total_stat()
    for x, y in zip(found["x"], found["y"], strict=True):
        assert fit.total_stat(dict(zip(pair, (x, y), strict=True))) - best == pytest.approx(1.0, abs=1e-3)
    wide = fit.minos_contour(*pair, 8, backend="profile")
    assert np.ptp(found["x"]) < np.ptp(wide["x"])
    assert found["record"].kind == "slice"


def test_minuits_contour_is_the_same(fit):
    pair = ("lon_0", "lat_0")
    other = fit.minos_contour(*pair, 4, backend="minuit", strategy=0)
    assert other["success"], other["message"]
    assert (len(other["x"]), other["backend"]) == (4, "minuit")
    names = [info["name"] for info in (other["x_info"], other["y_info"])]
    for x, y in list(zip(other["x"], other["y"], strict=True))[::2]:
        assert lowest(fit, dict(zip(names, (x, y), strict=True))) == pytest.approx(1.0, abs=0.02)


def test_posterior_and_likelihood(informed, fit):
    """With priors the two differ; the likelihood's profile is that of the fit with flat priors."""
    free, plain = (item.confidence("index", "profile", statistic="likelihood") for item in (informed, fit))
    bound = informed.confidence("index", "profile")
    error = fit.confidence("index", "laplace")["errp"]
    for key in ("value", "lower", "upper"):
        assert free[key] == pytest.approx(plain[key], abs=1e-3 * error)
    assert abs(bound["value"] - free["value"]) > 1e-3 * error
    assert bound["value"] == pytest.approx(informed.model.parameters[INDEX].value, abs=1e-3 * error)
    curve = informed.minos_profile("index", [2.0, 2.4], statistic="likelihood")
    assert curve["stat"] == pytest.approx(fit.minos_profile("index", [2.0, 2.4])["stat"], abs=1e-5)
    assert curve["stat_best"] == pytest.approx(fit.total_stat(), abs=1e-5)
    mixed = informed.likelihood_profile("index", [2.2])
    assert mixed["likelihood"][0] == pytest.approx(informed.total_stat({INDEX: 2.2}), abs=1e-3)
    named, place = NamedPosterior(informed._posterior), {INDEX: 2.2}
    assert mixed["delta"][0] == pytest.approx(
        2.0 * (named.log_posterior(named.values(informed._theta)) - informed.log_posterior(place)), abs=1e-4
    )


def test_an_open_side_is_no_number(put_out):
    found = put_out.confidence(AMPLITUDE, "profile")
    assert found["success"]
    assert found["open_lower"]
    assert not found["open_upper"]
    assert np.isnan(found["errn"])
    assert np.isnan(found["lower"])
    assert found["message"].startswith(f"below: the best fit is at the limit at {AMPLITUDE} = 0 TeV-1 s-1 cm-2 (")
    assert found["message"].endswith("(limit 0 TeV-1 s-1 cm-2), the level is 1: an open side, no number")
    # The other parameter by a search along it.
    free = put_out.model.parameters[NORM].value

    def stat(norm, amplitude):
        return -2.0 * put_out.log_posterior({AMPLITUDE: amplitude, NORM: norm})

    lows = [minimize_scalar(stat, (0.9 * free, free), args=(a,), tol=1e-10).fun for a in (0.0, found["upper"])]
    assert lows[1] - lows[0] == pytest.approx(1.0, abs=1e-3)
    curve = put_out.minos_profile(AMPLITUDE, bounds=(0.0, found["upper"]), nvalues=3)
    assert curve["delta"][[0, 2]] == pytest.approx([0.0, 1.0], abs=1e-3)


def test_open_directions_of_a_contour(put_out):
    found = put_out.minos_contour(AMPLITUDE, NORM, 16, backend="profile")
    assert found["success"], found["message"]
    assert found["open"].any()
    assert np.array_equal(np.isnan(found["x"]), found["open"])
    assert "open: the limit was reached below the level" in found["message"]
    (piece,) = found["pieces"]
    assert len(piece) == 16 - found["open"].sum()
    assert np.all(piece[:, 0] > 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": []}, r"BM-FT-030: values are \[\]"),
        ({"values": [2.0, np.nan]}, "BM-FT-030: values are"),
        ({"nvalues": 0}, "BM-FT-030: nvalues is 0"),
        ({"nvalues": 2.5}, "BM-FT-030: nvalues is 2.5"),
        ({"bounds": -1}, "BM-FT-030: bounds is -1"),
        ({"bounds": (3.0, 2.0)}, "BM-FT-030: bounds are 3 and 2"),
        ({"bounds": (1.0, 2.0, 3.0)}, r"BM-FT-030: bounds is \(1.0, 2.0, 3.0\)"),
        ({"bounds": None}, "BM-FT-030: bounds is None"),
        ({"statistic": "chi2"}, "BM-FT-003: statistic is 'chi2'"),
    ],
)
def test_what_makes_no_grid_is_refused(fit, options, message):
    with pytest.raises(BayesmapInputError, match=message):
        fit.minos_profile("index", **options)


def test_names_limits_and_numbers_are_checked(fit, put_out):
    with pytest.raises(BayesmapInputError, match="BM-FT-031: values of amplitude outside its limits: 1, for"):
        put_out.minos_profile(AMPLITUDE, [-1e-12, 1e-12])
    with pytest.raises(BayesmapInputError, match="BM-FT-032: amplitude has no standard deviation"):
        put_out.minos_profile(AMPLITUDE)
    for numpoints in (3, 10.0):
        with pytest.raises(BayesmapInputError, match="BM-FT-033: numpoints is"):
            fit.likelihood_contour("index", "amplitude", numpoints)
    with pytest.raises(ModelError, match="BM-MO-002: no parameter is called 'indx'"):
        fit.minos_profile("indx")
    with pytest.raises(BayesmapInputError, match="BM-FT-010: a contour of source.spectral.index with itself"):
        fit.likelihood_contour("index", INDEX)
    with pytest.raises(BayesmapInputError, match="BM-FT-007: sigma is 0"):
        fit.confidence("index", "profile", sigma=0)
    with pytest.raises(BayesmapInputError, match="BM-FT-010: backend 'profile' was given kind"):
        fit.confidence("index", "profile", kind="hdi")
    with pytest.raises(BayesmapInputError, match="BM-FT-041: the backend 'profile' has no option 'draws'"):
        fit.confidence("index", "profile", draws=10)
    with pytest.raises(BayesmapInputError, match="BM-FT-003: backend is 'hesse'"):
        fit.minos_contour("index", "amplitude", backend="hesse")
