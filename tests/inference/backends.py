"""What the tests of the backends share: ways to optimise, data that put a source out, a posterior that is watched."""

import importlib.util

import numpy as np
import pytest

from bayesmap.fit import MapFit
from bayesmap.testing import toy_dataset, toy_models

needs_sherpa = pytest.mark.skipif(
    importlib.util.find_spec("sherpa") is None,
    reason="sherpa is not installed: PyPI has its source only, its conda channel has it built",
)
SCIPY = ("L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead", "Powell", "COBYQA")
QUICK = ("L-BFGS-B", "SLSQP", "Nelder-Mead")
"""Those of the fast tier."""
WAYS = [
    *(
        pytest.param("scipy", {"method": method}, id=method, marks=[] if method in QUICK else pytest.mark.slow)
        for method in SCIPY
    ),
    *(
        pytest.param("minuit", {"strategy": k}, id=f"migrad-{k}", marks=[] if k == 1 else pytest.mark.slow)
        for k in (0, 1, 2)
    ),
    pytest.param("minuit", {"method": "simplex", "tol": 1e-4}, id="simplex", marks=pytest.mark.slow),
    pytest.param("minuit", {"method": "scan", "max_iterations": 2000}, id="scan", marks=pytest.mark.slow),
    pytest.param("sherpa", {}, id="sherpa-NelderMead", marks=needs_sherpa),
    pytest.param("sherpa", {"method": "GridSearch", "num": 3, "reach": 10.0}, id="GridSearch", marks=needs_sherpa),
    pytest.param("sherpa", {"method": "MonCar", "reach": 20.0}, id="MonCar", marks=[needs_sherpa, pytest.mark.slow]),
]
SOME = [way for way in WAYS if way.id in ("L-BFGS-B", "SLSQP", "Nelder-Mead", "migrad-1", "sherpa-NelderMead")]
AMPLITUDE = "source.spectral.amplitude"


def put_out_fit(free_position):
    """Return a fit whose counts lie below the background: the best amplitude is its limit, zero."""
    dataset = toy_dataset(npix=10, background=5.0)
    counts = dataset.counts
    dataset = dataset.with_counts(type(counts)(counts.geom, np.floor(0.8 * dataset.background.data)))
    frozen = {"toy-bkg.spectral.norm": True, "source.spectral.index": True}
    if not free_position:
        frozen |= {"source.spatial.lon_0": True, "source.spatial.lat_0": True}
    return MapFit.from_dataset(dataset, toy_models().with_frozen(frozen))


class Watched:
    """A posterior that keeps every theta at which it was worked out."""

    def __init__(self, posterior):
        self.posterior, self.seen = posterior, []

    def __getattr__(self, name):
        return getattr(self.posterior, name)

    def value_and_gradient(self, theta):
        self.seen.append(theta)
        return self.posterior.value_and_gradient(theta)

    def log_posterior(self, theta):
        self.seen.append(theta)
        return self.posterior.log_posterior(theta)
