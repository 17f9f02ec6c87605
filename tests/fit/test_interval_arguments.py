"""What `confidence` and `minos_contour` refuse before anything is sampled, and starts at a limit."""

import numpy as np
import pytest

from bayesmap.errors import BayesmapInputError, ModelError
from bayesmap.fit import MapFit
from bayesmap.fit.arguments import free_name
from bayesmap.testing import toy_dataset, toy_models

AMPLITUDE = "source.spectral.amplitude"


@pytest.fixture(scope="module")
def fit():
    return MapFit.from_dataset(toy_dataset(npix=10), toy_models())


def test_a_frozen_parameter_has_no_interval(fit):
    with pytest.raises(BayesmapInputError, match=r"^BM-FT-010: source\.spectral\.reference is frozen.*Unfreeze it"):
        fit.confidence("source.spectral.reference")
    with pytest.raises(BayesmapInputError, match=r"^BM-FT-010: toy-bkg\.spectral\.tilt is frozen"):
        fit.minos_contour("index", "tilt")


@pytest.mark.parametrize(
    ("models", "remedy"),
    [
        (toy_models().with_links({"index": f"2 + {{{AMPLITUDE}}}"}), "index is linked.*Remove its link, or use one of"),
        (toy_models().with_frozen({"index": True}), "index is frozen.*Unfreeze it, or use one of"),
    ],
)
def test_the_remedy_is_that_of_the_parameter(models, remedy):
    with pytest.raises(BayesmapInputError, match=f"{remedy} {AMPLITUDE}, "):
        free_name(models.parameters, "index")


def test_where_nothing_is_free_nothing_is_offered():
    models = toy_models()
    table = models.with_frozen(dict.fromkeys(models.parameters.free_names, True)).parameters
    with pytest.raises(BayesmapInputError, match=r"Unfreeze it\.$"):
        free_name(table, "index")


@pytest.mark.parametrize("options", [{"draws": 5}, {"kind": "hdi"}, {"typo": 1}])
def test_the_laplace_interval_takes_no_options_of_draws(fit, options):
    with pytest.raises(BayesmapInputError, match="^BM-FT-010: backend 'laplace' was given"):
        fit.confidence("index", backend="laplace", **options)


def test_words_numbers_and_names_are_checked_first(fit):
    with pytest.raises(BayesmapInputError, match="^BM-FT-003: kind is 'nonsense'"):
        fit.confidence("index", kind="nonsense")
    with pytest.raises(BayesmapInputError, match="^BM-FT-007: sigma is -1"):
        fit.minos_contour("index", "amplitude", sigma=-1)
    with pytest.raises(BayesmapInputError, match="^BM-FT-010: a contour of source.spectral.index with itself"):
        fit.minos_contour("index", "source.spectral.index")
    with pytest.raises(ModelError, match="^BM-MO-002: no parameter is called 'indx'"):
        fit.confidence("indx")
    assert fit._tree is None


def test_initial_values_of_a_best_fit_at_a_limit_lie_inside():
    """Counts below the background: the amplitude's best value is zero, where PyMC's transform is infinite."""
    dataset = toy_dataset(npix=10, background=5.0)
    counts = dataset.counts
    dataset = dataset.with_counts(type(counts)(counts.geom, np.floor(0.8 * dataset.background.data)))
    norm = {"toy-bkg.spectral.norm": True, "source.spatial.lon_0": True, "source.spatial.lat_0": True}
    fit = MapFit.from_dataset(dataset, toy_models().with_frozen(norm | {"source.spectral.index": True}))
    best = fit.optimize()
    assert best.model.parameters[AMPLITUDE].value == 0.0
    assert fit.initial_values[AMPLITUDE] > 0.0
