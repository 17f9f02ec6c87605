r"""Predictive check of a dataset: many discrepancies from the same replicated data, with p-values of the whole map.

At each draw :math:`\theta_s` from the posterior counts :math:`n^{rep}` are drawn, and every discrepancy is compared:

.. math:: p = \frac1S\sum_s \left[T(n^{rep}_s, \theta_s) > T(n, \theta_s)\right] .

These p-values are conservative: the parameters were fitted to the same counts, so that of true models they pile up near
one half, and a value below alpha comes in at most 2 alpha of the cases.  With one draw only, and many replicated data
sets at it, the rank of T is exactly uniform over data sets whose truth comes from the prior, as the draw from the
posterior and the truth then have one joint law with the data.

References
----------
Gelman, Meng & Stern 1996, Statistica Sinica 6, 733.  Meng 1994, Annals of Statistics 22, 1142 (the bound 2 alpha).
Johnson 2007, Bayesian Analysis 2, 719 (one draw, and pivotal quantities).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.checks.check_record import QUANTILES, Band, DatasetCheck, Discrepancy, Place
from bayesmap.checks.discrepancies import exceeds, map_discrepancies, spectrum_discrepancies, spectrum_sums
from bayesmap.checks.grouping import Grouping, disk_key, disk_position, group, pixel_size, ring_key
from bayesmap.checks.pit import PitSums, start_pit
from bayesmap.checks.predictive import MapSums, PredictiveMaps, start_maps
from bayesmap.checks.replication import Replica, observed_counts, only_law, replica_at, replicate
from bayesmap.checks.residuals import residual_significance
from bayesmap.checks.tails import Tails, tails_of
from bayesmap.dataset import MapDataset
from bayesmap.posterior.compiled import CompiledPosterior

DRAWS = 1000
"""Draws that are used unless told otherwise."""
RANKED = 999
"""Data sets replicated at one draw, among which the observed one is ranked."""
Sums = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Measure:
    """What is measured of a dataset: sums of counts, and discrepancies of two sets of sums."""

    dataset: Any
    grouping: Grouping | None

    def sums(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        return spectrum_sums(self.dataset, counts) if self.grouping is None else self.grouping.sums(counts)

    def discrepancies(self, counts: Sums, npred: Sums) -> dict[str, float]:
        if self.grouping is None:
            return spectrum_discrepancies(counts, npred)
        return map_discrepancies(self.grouping, counts, npred)

    @property
    def bands(self) -> tuple[str, ...]:
        """Sums that become bands."""
        return ("energy", *(ring_key(name) for name in (self.grouping.rings if self.grouping else ())))


def check_dataset(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    *,
    positions: Mapping[str, tuple[float, float, float]],
    radii: tuple[float, ...] | None = None,
    random_seed: int = 0,
    ranked: int = RANKED,
    progress: Callable[[int, int], None] | None = None,
) -> DatasetCheck:
    """Check one dataset.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of the dataset.
    theta : ndarray, shape (n_chain, n_draw, size)
        Draws.
    positions : mapping of str to (lon, lat, size)
        Where radial profiles are taken, and how far the source there reaches; deg, frame of the map.
    radii : tuple of float, optional
        Of the disks in which an excess is searched, deg; see `group`.
    random_seed : int
        Seed of the replicated counts.
    ranked : int
        Data sets replicated at one draw.
    progress : callable, optional
        Called with (done, all).
    """
    law, points = only_law(posterior), theta.reshape(-1, theta.shape[-1])
    data = law.dataset
    draw_rng, rank_rng, pit_rng = map(np.random.default_rng, np.random.SeedSequence(random_seed).spawn(3))
    measure = _Measure(data, group(data, positions, radii) if isinstance(data, MapDataset) else None)
    observed, tails = measure.sums(observed_counts(law)), tails_of(law)
    seen = _collect(measure, observed, tails, replicate(posterior, points, draw_rng, progress))
    chosen = points[rank_rng.integers(len(points))]
    found = _discrepancies(seen, _ranks(posterior, measure, observed, chosen, ranked, rank_rng), theta.shape[:2])
    bands = _bands(measure, observed, {key: np.array(rows) for key, rows in seen.bands.items()})
    transforms = seen.pit.result(tails(posterior.npred(chosen), posterior.spread(chosen)), len(points), pit_rng)
    return DatasetCheck(
        name=data.name,
        draws=len(points),
        discrepancies=found,
        spectrum=bands.pop("energy"),
        profiles={key.removeprefix(ring_key("")): band for key, band in bands.items()},
        places={} if measure.grouping is None else _places(measure, observed, measure.sums(seen.mean / len(points))),
        pit=transforms,
        maps=_maps(seen.maps, data, found, seen.bands["energy"]),
    )


@dataclass(frozen=True)
class _Seen:
    """What was collected over the draws: discrepancies, sums of replicated counts, sums for maps and transforms."""

    observed: list[dict[str, float]]
    replicated: list[dict[str, float]]
    bands: dict[str, list[np.ndarray]]
    mean: np.ndarray
    maps: MapSums | None
    pit: PitSums


def _collect(
    measure: _Measure, observed: Sums, tails: Callable[[np.ndarray, float], Tails], replicas: Iterable[Replica]
) -> _Seen:
    mask = measure.dataset.mask_data
    n_bin = int(np.count_nonzero(mask))
    maps = None if measure.grouping is None else start_maps(mask.shape, n_bin)
    seen = _Seen([], [], {key: [] for key in measure.bands}, np.zeros(mask.shape), maps, start_pit(n_bin))
    for item in replicas:
        probabilities = tails(item.npred, item.spread)
        seen.pit.add(probabilities)
        if maps is not None:
            maps.add(item.npred, probabilities)
        seen.mean[...] += item.expected
        expected, replicated = measure.sums(item.expected), measure.sums(item.counts)
        seen.observed.append(measure.discrepancies(observed, expected))
        seen.replicated.append(measure.discrepancies(replicated, expected))
        for key, rows in seen.bands.items():
            rows.append(replicated[key])
    return seen


def _ranks(
    posterior: CompiledPosterior,
    measure: _Measure,
    observed: Sums,
    chosen: np.ndarray,
    ranked: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return the p-value of each discrepancy among data replicated at one draw, ties broken at random."""
    npred, spread = posterior.npred(chosen), posterior.spread(chosen)
    first = replica_at(posterior, npred, spread, rng)
    expected = measure.sums(first.expected)
    ours = measure.discrepancies(observed, expected)
    theirs = [
        measure.discrepancies(measure.sums(replica_at(posterior, npred, spread, rng).counts), expected)
        for _ in range(ranked)
    ]
    found = {}
    for name, value in ours.items():
        values = np.array([row[name] for row in theirs])
        ties = int(np.sum(values == value))
        found[name] = float((np.sum(values > value) + rng.integers(ties + 1) + rng.random()) / (ranked + 1))
    return found


def _discrepancies(seen: _Seen, ranks: dict[str, float], shape: tuple[int, ...]) -> dict[str, Discrepancy]:
    """Return the discrepancies with p-values and errors."""
    found = {}
    for name in seen.observed[0]:
        observed, replicated = (np.array([row[name] for row in rows]) for rows in (seen.observed, seen.replicated))
        beyond = exceeds(replicated, observed)
        p_value = float(beyond.mean())
        found[name] = Discrepancy(name, p_value, _error(beyond.reshape(shape)), ranks[name], observed, replicated)
    return found


def _error(beyond: np.ndarray) -> float:
    """Return the standard error of a mean of correlated zeros and ones, shape (n_chain, n_draw).

    With half a success added on both sides, so that it is not zero where all are alike.
    """
    import arviz as az

    n, share = beyond.size, (beyond.sum() + 0.5) / (beyond.size + 1.0)
    effective = float(n)
    if np.ptp(beyond) > 0.0 and beyond.shape[1] >= 4:
        effective = min(effective, float(az.ess(beyond, method="mean")))
    return float(np.sqrt(share * (1.0 - share) / effective))


def _bands(measure: _Measure, observed: Sums, rows: Mapping[str, np.ndarray]) -> dict[str, Band]:
    found = {}
    for key, values in rows.items():
        rings = None if measure.grouping is None else measure.grouping.rings.get(key.removeprefix(ring_key("")))
        edges, unit = (measure.dataset.axis.edges, "TeV") if rings is None else (rings.edges, "deg")
        above = exceeds(values, observed[key]).mean(axis=0)
        found[key] = Band(edges, unit, observed[key], np.quantile(values, QUANTILES, axis=0), above)
    return found


def _places(measure: _Measure, observed: Sums, expected: Sums) -> dict[str, Place]:
    """Return where the observed counts lie farthest above and below the mean prediction."""
    if measure.grouping is None:
        raise AssertionError("a spectrum has no places")
    geom = measure.dataset.counts.geom.to_image()
    found = {}
    for word, sign in (("excess", 1.0), ("deficit", -1.0)):
        best: tuple[float, float, int] = (-np.inf, 0.0, 0)
        for radius in measure.grouping.radii:
            image = sign * residual_significance(observed[disk_key(radius)], expected[disk_key(radius)])
            best = max(best, (float(image.max()), radius, int(image.argmax())))
        value, radius, index = best
        inside = (float(sums[disk_key(radius)].flat[index]) for sums in (observed, expected))
        lon, lat = disk_position(geom, radius, index)
        found[word] = Place(lon, lat, radius * pixel_size(geom), sign * value, *inside)
    return found


def _maps(maps: MapSums | None, dataset: Any, found: Mapping[str, Discrepancy], spectra: Any) -> PredictiveMaps | None:
    if maps is None:
        return None
    p_values = {name: found[name].p_value for name in ("deviance", "total", "largest_excess")}
    return maps.result(dataset, p_values, np.array(spectra))
