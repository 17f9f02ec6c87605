"""Flux points on real data beside Gammapy's estimator, and beside one-dimensional likelihoods in plain NumPy."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
import pytest
import scipy.optimize

from bayesmap import MapFit, flux_points, read_dataset, read_models

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
BRIGHT = 5.0
AGREEMENT = 0.2
"""Of Gammapy's errors."""


@dataclass(frozen=True)
class Case:
    """A data set, the best fit that is the reference, and both sets of points."""

    name: str
    source: str
    fit: MapFit
    edges: u.Quantity
    ours: Any
    theirs: dict[str, np.ndarray]
    dataset: Any

    @property
    def bright(self):
        return self.theirs["sqrt_ts"] > BRIGHT


def estimate(dataset, source, edges, *, reoptimize=False):
    """Return what Gammapy's estimator finds."""
    estimators = pytest.importorskip("gammapy.estimators", reason="gammapy is in the extra 'test'")
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimators.FluxPointsEstimator(source=source, energy_edges=edges, reoptimize=reoptimize).run(dataset)
    logging.disable(logging.NOTSET)
    return {name: np.asarray(getattr(found, name).data).ravel() for name in ("norm", "norm_err", "sqrt_ts")}


@pytest.fixture(scope="module", params=[("hess_crab_point", "crab"), ("cta_gc", "gc")], ids=lambda item: item[0])
def case(request, reference_data):
    gammapy = pytest.importorskip("gammapy", reason="gammapy is in the extra 'test'")
    from gammapy.datasets import MapDataset
    from gammapy.modeling.models import Models

    assert gammapy.__version__
    name, source = request.param
    record = json.loads((reference_data / "fits" / f"{name}.json").read_text())
    path = reference_data / f"{record['dataset']}.mapdataset.fits.gz"
    dataset = read_dataset(path, name=record["dataset"]).nodes_as_bins()
    fit = MapFit.from_dataset(dataset, read_models(record["models_best"]), exposure_order="after_psf", priors="flat")
    used = np.flatnonzero(dataset.mask_data.any(axis=(1, 2)))
    edges = dataset.axis.edges[used[0] : used[-1] + 2] * u.TeV
    peer = MapDataset.read(path, name=record["dataset"])
    peer.models = Models.from_dict(record["models_best"])
    ours = flux_points(fit, source, edges)
    return Case(name, source, fit, edges, ours, estimate(peer, source, edges), peer)


def say(*words):
    """Write to the record of the run (pytest -s shows it)."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def report(case, title, first, second, error):
    """Print a table of two sets of norms, for the record of the run."""
    say(f"\n{case.name}: {title}")
    for k in range(len(first)):
        say(f"  {case.edges[k]:9.4f}  {first[k]:9.4f} {second[k]:9.4f} +- {error[k]:.4f}  "
              f"difference {(first[k] - second[k]) / error[k]:+.3f} sigma")  # fmt: skip


def test_bright_bands_agree_with_gammapys_estimator(case):
    """The nuisances that bands share are fixed by all energies together: Gammapy holds them (reoptimize=False)."""
    norm, error = case.theirs["norm"], case.theirs["norm_err"]
    report(case, "ours, Gammapy's", case.ours.norm, norm, error)
    say("  errors ours / Gammapy's", np.round(case.ours.norm_err / error, 3))
    say("  sqrt(TS) ours, Gammapy's", np.round(case.ours.sqrt_ts, 2), np.round(case.theirs["sqrt_ts"], 2))
    say("  correlation\n", np.round(case.ours.correlation, 4))
    assert case.ours.success, case.ours.reasons
    assert case.bright.sum() >= 8
    assert np.all(np.abs(case.ours.norm - norm)[case.bright] <= AGREEMENT * error[case.bright])
    assert case.ours.norm_err[case.bright] == pytest.approx(error[case.bright], rel=0.03)
    assert case.ours.sqrt_ts[case.bright] == pytest.approx(case.theirs["sqrt_ts"][case.bright], rel=0.03)


def test_the_joint_correlation_is_shown(case):
    interior = case.ours.norm > 0.0
    found = case.ours.correlation[np.ix_(interior, interior)]
    assert np.all(np.isfinite(found))
    assert np.diag(found) == pytest.approx(1.0)
    off = found[~np.eye(len(found), dtype=bool)]
    assert np.all(np.abs(off) < 0.1)
    assert np.any(np.abs(off) > 1e-4)


def likelihood_norms(case, source, rest):
    """Return the best norm of each band with all else held, from predicted counts alone."""
    dataset = case.fit.dataset
    counts, used, centre = np.asarray(dataset.counts.data), dataset.mask_data, dataset.axis.center
    found = []
    for low, high in zip(case.edges.value[:-1], case.edges.value[1:], strict=True):
        here = used & ((centre > low) & (centre < high))[:, None, None]
        n, s, b = counts[here], source[here], rest[here]

        def slope(norm, n=n, s=s, b=b):
            return np.sum(s - n * s / (norm * s + b))

        smallest = -0.999 * np.min((b / s)[(n > 0) & (s > 0)], initial=1e9)
        found.append(scipy.optimize.brentq(slope, smallest, 50.0, xtol=1e-10))
    return np.array(found)


def test_with_the_rest_held_each_band_is_a_likelihood_of_one_number(case):
    """Whose predicted counts make the difference: ours give our norms, Gammapy's give Gammapy's."""
    parts = {name: np.asarray(item.data) for name, item in case.fit.npred_components().items()}
    rest = sum(part for name, part in parts.items() if name != case.source)
    ours = likelihood_norms(case, parts[case.source], rest)
    total = np.asarray(case.dataset.npred().data, dtype=np.float64)
    signal = np.asarray(case.dataset.npred_signal(model_names=[case.source]).data, dtype=np.float64)
    theirs = likelihood_norms(case, signal, total - signal)
    error, bright = case.theirs["norm_err"], case.bright
    report(case, "NumPy with our predicted counts, with Gammapy's", ours, theirs, error)
    assert np.all(np.abs(theirs - case.theirs["norm"])[bright] < 0.01 * error[bright])
    assert np.all(np.abs(ours - case.ours.norm)[bright] < 0.02 * error[bright])


def test_bands_alone_agree_with_a_background_fitted_in_each(case):
    """Gammapy's reoptimize=True: nothing is shared, so each band is fitted by itself, its background too."""
    if case.name != "hess_crab_point":
        pytest.skip("one data set is enough, and the other's second source is not constrained in a single bin")
    theirs = estimate(case.dataset, case.source, case.edges, reoptimize=True)
    # In one bin of energy norm and tilt are the same parameter.
    fit = MapFit.from_dataset(
        case.fit.dataset, case.fit.model.with_frozen({"tilt": True}), exposure_order="after_psf", priors="flat"
    )
    bright = np.flatnonzero(case.bright)
    ours = np.array([flux_points(fit, case.source, case.edges[k : k + 2]).norm[0] for k in bright])
    norm, error = theirs["norm"][bright], theirs["norm_err"][bright]
    say("\nbands alone", np.round((ours - norm) / error, 3))
    assert np.all(np.abs(ours - norm) <= AGREEMENT * error)
