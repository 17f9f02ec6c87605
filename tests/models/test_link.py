"""Links between parameters: equality and expressions, values, errors, order, mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesmap import MapFit, Models, Parameter, PointSpatialModel, PowerLawSpectralModel, SkyModel
from bayesmap.errors import ModelError, UnitsError
from bayesmap.models.link import evaluate_expression, slopes
from bayesmap.testing import toy_dataset, toy_models


def two(**links):
    """Two sources; `links` go to parameters of the second."""
    spectral = PowerLawSpectralModel(
        **{
            name: Parameter(name, *value, link=links.get(name, ""))
            for name, value in {"index": (3.0, ""), "amplitude": (2e-7, "cm-2 s-1 GeV-1")}.items()
        }
    )
    spatial = PointSpatialModel(
        lon_0=Parameter("lon_0", 83.5, "deg", link=links.get("lon_0", "")),
        lat_0=Parameter("lat_0", 22.1, "deg", min=-90.0, max=90.0, link=links.get("lat_0", "")),
    )
    return Models((*toy_models(), SkyModel(spectral, spatial, name="second")))


def test_a_linked_parameter_has_the_value_of_its_link_and_is_not_free():
    models = two(index="source.spectral.index", amplitude="source.spectral.amplitude")
    table = models.parameters
    assert table["second.spectral.index"].value == 2.2
    assert_allclose(table["second.spectral.amplitude"].quantity.to_value("cm-2 s-1 TeV-1"), 8e-10)
    assert "second.spectral.index" not in table.free_names
    changed = models.with_values({"source.spectral.index": 2.7})
    assert changed.parameters["second.spectral.index"].value == 2.7


def test_expressions_are_in_the_units_of_their_parameters():
    models = two(amplitude="1e-3 * {source.spectral.amplitude} * exp(-{source.spectral.index})")
    expected = 1e-3 * 8e-10 * np.exp(-2.2)
    assert_allclose(models.parameters["second.spectral.amplitude"].value, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("link", "value"),
    [("-{a} + 2 * 3", 2.0), ("({a} - 1) ** 2 / 4", 2.25), ("sqrt({a})", 2.0), ("log10({a} * 25)", 2.0),
     ("log(exp({a}))", 4.0)],
)  # fmt: skip
def test_arithmetic(link, value):
    assert_allclose(evaluate_expression(np, link, {"a": 4.0}), value, rtol=1e-15)


@pytest.mark.parametrize(
    "link",
    ["{a}.real", "__import__({a})", "{a} if {a} else 1", "[{a}]", "{a} @ 2", "exp({a}, 2)", "abs({a})", "'x' * {a}",
     "{a} +", "True + {a}", "(" * 300 + "{a}" + ")" * 300, "1 + " * 400 + "{a}", "lambda: {a}"],
)  # fmt: skip
def test_anything_but_arithmetic_is_refused(link):
    with pytest.raises(ModelError, match="BM-MO-023: the link .* cannot be read"):
        evaluate_expression(np, link, {"a": 4.0})


def test_chains_are_followed_and_circles_refused():
    models = two(index="source.spectral.index").with_links({"source.spectral.index": "2 * {toy-bkg.spectral.norm}"})
    assert models.parameters["second.spectral.index"].value == 2.0
    with pytest.raises(ModelError, match="BM-MO-022: the links .* go round in a circle"):
        models.with_links({"toy-bkg.spectral.norm": "second.spectral.index"})


def test_mistakes_in_names_and_units():
    with pytest.raises(ModelError, match=r"BM-MO-022.*'source.spectral.indx', which does not exist.*Did you mean"):
        two(index="source.spectral.indx")
    with pytest.raises(UnitsError, match="BM-GE-005"):
        two(index="source.spectral.amplitude")
    with pytest.raises(ModelError, match="BM-MO-022: a value was given for second.spectral.index, which is linked"):
        two(index="source.spectral.index").with_values({"second.spectral.index": 2.0})
    with pytest.raises(ModelError, match="BM-MO-006"):
        two(lat_0="100 * {source.spectral.index}")


def test_a_link_to_frozen_parameters_is_frozen():
    models = two(index="{source.spectral.reference} + 1")
    assert models.parameters["second.spectral.index"].frozen
    assert models.parameters["second.spectral.index"].value == 2.0


def test_slopes_of_expressions():
    table = two(index="{source.spectral.index} ** 2 + {toy-bkg.spectral.norm}").parameters
    found = slopes("second.spectral.index", table)
    assert found == {"source.spectral.index": pytest.approx(4.4, rel=1e-15), "toy-bkg.spectral.norm": 1.0}


@pytest.fixture(scope="module")
def linked():
    """Everything of the second source follows from the first, a tenth of a degree away from it."""
    models = two(
        index="source.spectral.index",
        amplitude="1e-4 * {source.spectral.amplitude}",
        lon_0="{source.spatial.lon_0} - 0.2",
        lat_0="source.spatial.lat_0",
    )
    return MapFit.from_dataset(toy_dataset(npix=12), models, priors="flat")


def test_the_fit_moves_what_is_linked(linked):
    """The prediction is that of two unlinked sources at the same values, wherever the first one goes.

    To 1e-5: the PSF's image is made for the metric of the map at the start, which differs by 0.14 deg.
    """
    free = MapFit.from_dataset(linked.dataset, two(), priors="flat")
    values = {"source.spectral.index": 2.6, "source.spatial.lon_0": 83.62, "source.spatial.lat_0": 22.02}
    own = values | {
        "second.spectral.index": 2.6, "second.spectral.amplitude": 8e-14,
        "second.spatial.lon_0": 83.42, "second.spatial.lat_0": 22.02,
    }  # fmt: skip
    assert_allclose(linked.npred(values).data, free.npred(own).data, rtol=1e-5)


def test_gradient_follows_the_links(linked):
    posterior = linked._posterior
    theta = posterior.coordinates.start + 0.01
    _, gradient = posterior.value_and_gradient(theta)
    for i, step in enumerate([1e-4, 1e-14, 1e-5, 1e-5, 1e-4]):
        up, down = theta.copy(), theta.copy()
        theta[1] = up[1] = down[1] = 8e-10
        up[i] += step
        down[i] -= step
        _, gradient = posterior.value_and_gradient(theta)
        slope = (posterior.log_posterior(up) - posterior.log_posterior(down)) / (2.0 * step)
        assert_allclose(gradient[i], slope, rtol=2e-5, atol=1e-4)


def test_errors_of_linked_parameters(linked):
    best = linked.run()
    table = best.model.parameters
    assert table["second.spectral.index"].error == table["source.spectral.index"].error
    expected = 1e-4 * table["source.spectral.amplitude"].error
    assert_allclose(table["second.spectral.amplitude"].error, expected, rtol=1e-9)
    assert_allclose(table["second.spatial.lon_0"].error, table["source.spatial.lon_0"].error, rtol=1e-9)
    assert table["second.spatial.lat_0"].value == table["source.spatial.lat_0"].value


def test_a_source_at_the_place_of_another_moves_with_it_over_the_pole():
    models = two(lon_0="source.spatial.lon_0", lat_0="source.spatial.lat_0")
    fit = MapFit.from_dataset(toy_dataset(npix=12), models, priors="flat")
    graph = fit._posterior.coordinates
    assert graph._same_place(("second.spatial.lon_0", "second.spatial.lat_0")) == "source"
    parts = fit.npred_components({"source.spectral.index": 3.0, "source.spatial.lon_0": 83.6})
    ratio = parts["second"].data / parts["source"].data
    assert_allclose(ratio, ratio[0, 6, 6], rtol=1e-9)
