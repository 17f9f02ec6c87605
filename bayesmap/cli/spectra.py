"""Flux points of a fit: worked out, printed and written where the configuration asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bayesmap.cli.output import PICTURE_DPI, file_name
from bayesmap.cli.progress import progress
from bayesmap.cli.wanted import Bands

if TYPE_CHECKING:
    from bayesmap.fit import MapFit
    from bayesmap.results.flux_points import FluxPoints


def flux_points_of(fit: MapFit, wanted: Mapping[str, Bands]) -> dict[str, FluxPoints]:
    """Return the flux points that are asked for, by source.

    Parameters
    ----------
    fit : MapFit
        At its best fit, whose spectra are the references.
    wanted : mapping of str to Bands
        By source.
    """
    from bayesmap.fit.flux_points import flux_points

    found = {}
    for name, bands in wanted.items():
        progress(f"flux points of {name}")
        found[name] = flux_points(fit, name, bands.on(fit.datasets), **bands.options)
    return found


def write_flux_points(folder: Path, found: Mapping[str, FluxPoints]) -> None:
    """Write the table of each source, which Gammapy reads, its text and its picture into a folder."""
    from bayesmap.plots.flux_points import plot_flux_points

    for name, points in found.items():
        stem = f"flux-points-{file_name(name)}"
        points.write(folder / f"{stem}.fits")
        (folder / f"{stem}.txt").write_text(f"{points}\n")
        plot_flux_points(points).savefig(folder / f"{stem}.png", dpi=PICTURE_DPI)
