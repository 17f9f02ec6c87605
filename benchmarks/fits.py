"""Optimum and covariance, warm, beside Gammapy's fit."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.gammapy_peer import Peer
from benchmarks.ours import Mine
from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import median_time

REFERENCE = ("cta_gc", "fermi_crab_plpos", "hess_crab_gauss")


def measure(settings: Settings) -> Result:
    """Return times of whole fits."""
    result = Result()
    table = Table("`optimize` and `covariance`, warm", ["data", "bayesmap, s", "Gammapy `Fit.run`, s", "ratio"])
    table.text = "From the same start values; Gammapy with explicit first steps, without which some fits fail."
    for case in REFERENCE[:1] if settings.quick else REFERENCE:
        dataset, models, record = cases.reference(settings.folder, case)
        mine, peer = Mine(dataset, models, exposure_order="after_psf"), Peer.of_reference(settings.folder, record)
        ours, theirs = median_time(mine.fit, settings.runs), median_time(peer.fit, settings.runs)
        table.rows.append([case, ours, theirs, ours / theirs])
        if case == "cta_gc":
            result.figures.append(Figure("cta_gc: optimize + covariance / Fit.run", ours / theirs, "<= 0.05"))
    result.tables.append(table)
    return result
