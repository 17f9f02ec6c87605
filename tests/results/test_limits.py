"""One-sided limits against quantiles of known distributions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.results.derived import Derived
from bayesmap.results.limits import lower_limit, upper_limit


def tree_of(values, unit="TeV"):
    item = (("chain", "draw"), values, {"unit": unit})
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"crab.spectral.ecut": item})})


@pytest.mark.statistical
@pytest.mark.parametrize("mass", [0.9, 0.95, 0.99])
def test_limits_of_an_exponential(rng, mass):
    tree = tree_of(rng.exponential(2.0, (4, 2500)))
    above, below = upper_limit(tree, "crab.spectral.ecut", mass), lower_limit(tree, "crab.spectral.ecut", mass)
    assert abs(above.value + 2.0 * np.log(1.0 - mass)) < 4.0 * above.mcse
    assert abs(below.value + 2.0 * np.log(mass)) < 4.0 * below.mcse
    assert above.in_tail == round(10000 * (1.0 - mass))
    assert above.effective_in_tail == pytest.approx(above.in_tail, rel=0.2)
    assert str(above).startswith("crab.spectral.ecut < ")
    assert str(below).endswith(f"TeV ({mass:.1%})")
    assert above.quantity.unit == "TeV"


def test_limit_of_a_flux_of_zero_is_above_zero(rng):
    draws = np.abs(rng.standard_normal((4, 500)))
    item = Derived("crab.flux", None, xr.DataArray(draws, dims=("chain", "draw"), attrs={"unit": "cm-2 s-1"}))
    assert upper_limit(item.tree, item).value == pytest.approx(1.96, abs=0.15)


def test_too_few_draws_say_how_many_are_needed(rng):
    tree = tree_of(rng.standard_normal((4, 50)))
    with pytest.raises(BayesmapInputError, match=r"BM-FT-051: beyond the 0.95 limit .* lie 10 of 200 draws"):
        upper_limit(tree, "crab.spectral.ecut")
    with pytest.raises(BayesmapInputError, match=r"Draw at least \d+ draws in all"):
        lower_limit(tree, "crab.spectral.ecut", 0.9999)
    with pytest.raises(BayesmapInputError, match="Draw at least 400 independent draws"):
        upper_limit(tree_of(np.ones((4, 500))), "crab.spectral.ecut")


@pytest.mark.parametrize("mass", [0.0, 1.0, -0.5, np.nan])
def test_mass_is_a_probability(mass):
    with pytest.raises(BayesmapInputError, match="BM-FT-052: mass is"):
        upper_limit(tree_of(np.ones((2, 10))), "crab.spectral.ecut", mass)


def test_unknown_name_lists_those_with_draws():
    with pytest.raises(BayesmapInputError, match="BM-FT-053.*It holds crab.spectral.ecut.*Did you mean"):
        upper_limit(tree_of(np.ones((2, 10))), "crab.spectral.ecutt")


def test_the_tail_of_a_small_mass_is_what_lies_beyond(rng):
    tree = tree_of(rng.exponential(2.0, (4, 250)))
    assert upper_limit(tree, "crab.spectral.ecut", 0.3).in_tail == 700
    assert lower_limit(tree, "crab.spectral.ecut", 0.3).in_tail == 700
