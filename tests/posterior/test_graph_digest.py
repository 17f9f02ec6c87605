"""The fingerprint of a formula."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt

from bayesmap.posterior.graph_digest import graph_digest


def test_what_shared_variables_hold_counts():
    """They may be changed between two runs, as `pymc.Data` is meant to be."""

    def digest(held):
        x = pt.scalar("x")
        return graph_digest(pm.logp(pm.Normal.dist(held, 0.1), x), x)

    held = pytensor.shared(2.0)
    before = digest(held)
    assert digest(pytensor.shared(2.0)) == before
    held.set_value(np.nextafter(2.0, 3.0))
    assert digest(held) != before


def test_the_state_of_a_random_generator_does_not_count():
    assert graph_digest(pm.Normal.dist(2.0, 0.1)) == graph_digest(pm.Normal.dist(2.0, 0.1))
