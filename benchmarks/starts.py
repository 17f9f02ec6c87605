"""A hundred fits from bad start values: ``python -m benchmarks.starts [--starts N]``.

Simulated cubes: bright, faint and extended sources, two sources, weak background (0.05 counts a bin), at longitude
0 / 360 degrees, at the pole, and with a PSF much narrower than the error of the position. Ten starts each: amplitudes
off by up to a factor of 10, indices by 1, sizes by a factor of 3, background norms by 2, positions by up to 0.3 deg. A
fit is good if it reaches the best -2 ln posterior of all searches, one from the truth among them, within 0.01. A fit
that ends elsewhere and calls itself a success is counted as wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from collections.abc import Iterator

import numpy as np

from bayesmap.fit import MapFit, simulate
from bayesmap.inference.optimize import optimize
from bayesmap.models.background import FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel
from bayesmap.models.spatial.base import SpatialModel
from bayesmap.models.spatial.gaussian import GaussianSpatialModel
from bayesmap.models.spatial.point import PointSpatialModel
from bayesmap.models.spectral.power_law import PowerLawSpectralModel
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.testing import toy_response

OFFSET, FITS, SEED = 0.3, 10, 2
FACTORS = {"amplitude": 10.0, "sigma": 3.0, "norm": 2.0}


def models(*sources: tuple[SpatialModel, float]) -> Models:
    """Return sources of index 2.2 with shape and amplitude, and a free background."""
    spectra = [PowerLawSpectralModel(index=2.2, amplitude=f"{value} cm-2 s-1 TeV-1") for _, value in sources]
    named = [
        SkyModel(spectrum, shape, name=f"source{n}")
        for n, (spectrum, (shape, _)) in enumerate(zip(spectra, sources, strict=True))
    ]
    return Models((*named, FoVBackgroundModel("toy")))


def point(lon: float = 83.70, lat: float = 21.96) -> PointSpatialModel:
    """Return a point."""
    return PointSpatialModel(lon_0=lon, lat_0=lat)


def gauss(lon: float = 83.70, lat: float = 21.96, sigma: float = 0.25) -> GaussianSpatialModel:
    """Return a Gaussian."""
    return GaussianSpatialModel(lon_0=lon, lat_0=lat, sigma=sigma)


CASES = {
    "point": (models((point(), 8e-10)), {}, "default"),
    "point, flat priors": (models((point(), 8e-10)), {}, "flat"),
    "longitude 359.99": (models((point(359.99, 0.02), 8e-10)), {"center": (0.0, 0.0)}, "default"),
    "pole": (models((point(0.0, 90.0), 8e-10)), {"center": (40.0, 89.95)}, "default"),
    "weak background": (models((point(), 2e-10)), {"background": 0.05}, "default"),
    "weak background, flat priors": (models((point(), 2e-10)), {"background": 0.05}, "flat"),
    "faint": (models((point(), 1.5e-10)), {}, "default"),
    "extended": (models((gauss(), 2e-9)), {}, "default"),
    "two": (models((point(83.40, 21.86), 4e-10), (gauss(83.9, 22.2, 0.2), 1.5e-9)), {}, "default"),
    "narrow PSF": (models((point(), 4e-10)), {"psf_sigma": 0.07, "binsz": 0.05, "npix": 32}, "default"),
}


def build(name: str) -> tuple[MapFit, Models]:
    """Return the fit of a case to simulated counts, at the truth, and the truth."""
    truth, response, priors = CASES[name]
    dataset = simulate(toy_response(**{"npix": 18, **response}), truth, seed=SEED)
    return MapFit.from_dataset(dataset, truth, priors=priors), truth


def bad_starts(posterior: CompiledPosterior, truth: Models, number: int) -> Iterator[np.ndarray]:
    """Yield coordinates of bad starts with support."""
    rng = np.random.default_rng(SEED)
    coordinates = posterior.coordinates
    while number:
        theta = coordinates.to_theta({name: truth.parameters[name].value for name in coordinates.names})
        for i, name in enumerate(coordinates.names):
            bare = name.rsplit(".", 1)[1]
            theta[i] *= FACTORS.get(bare, 1.0) ** rng.uniform(-1.0, 1.0)
            theta[i] += rng.uniform(-1.0, 1.0) if bare == "index" else 0.0
        for pair in coordinates.moving.values():
            distance, angle = OFFSET * math.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * math.pi)
            theta[list(pair)] += distance * np.array([math.cos(angle), math.sin(angle)])
        if np.isfinite(posterior.log_posterior(theta)):
            number -= 1
            yield theta


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the fits of a case did: how many, good ones, wrong ones called a success, evaluations, misses, seconds."""

    fits: int
    good: int
    wrong: int
    gradients: float
    matrices: float
    misses: tuple[float, ...]
    seconds: float


def measure(name: str, fits: int = FITS, **options: int | None) -> Outcome:
    """Fit a case from bad starts; options are those of `optimize`."""
    fit, truth = build(name)
    posterior = fit._posterior
    begun = time.perf_counter()
    results = [
        optimize(posterior, fit._stat_at, start=theta, **options)[0] for theta in bad_starts(posterior, truth, fits)
    ]
    seconds = time.perf_counter() - begun
    best = max(item.log_posterior for item in [*results, fit.optimize()])
    losses = [2.0 * (best - item.log_posterior) for item in results]
    return Outcome(
        fits=len(results),
        good=sum(loss < 0.01 for loss in losses),
        wrong=sum(loss >= 0.01 and item.success for loss, item in zip(losses, results, strict=True)),
        gradients=float(np.mean([item.nfev - item.matrices for item in results])),
        matrices=float(np.mean([item.matrices for item in results])),
        misses=tuple(loss for loss in losses if loss >= 0.01),
        seconds=seconds,
    )


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description=__doc__)
    parser.add_argument("--fits", type=int, default=FITS, help="fits of each case")
    parser.add_argument("--starts", type=int, help="option `starts` of optimize")
    arguments = parser.parse_args()
    print("| case | fits | good | wrong | gradients | matrices | misses |\n|---|---|---|---|---|---|---|")
    total = [0, 0, 0]
    for name in CASES:
        found = measure(name, arguments.fits, starts=arguments.starts, random_seed=0)
        misses = ", ".join(f"{loss:.1f}" for loss in found.misses)
        print(
            f"| {name} | {found.fits} | {found.good} | {found.wrong} | {found.gradients:.1f} | {found.matrices:.1f} "
            f"| {misses} |",
            flush=True,
        )
        total = [a + b for a, b in zip(total, (found.fits, found.good, found.wrong), strict=True)]
    print(f"| all | {total[0]} | {total[1]} | {total[2]} | | | |")


if __name__ == "__main__":
    main()
