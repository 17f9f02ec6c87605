"""Flux points of a fit: worked out, printed and written where the configuration asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bayesmap.cli.output import PICTURE_DPI, file_name
from bayesmap.cli.progress import progress
from bayesmap.cli.wanted import Bands
from bayesmap.errors import BayesmapError, attempt

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.fit import MapFit
    from bayesmap.models.sky import Models
    from bayesmap.results.flux_points import FluxPoints


def flux_points_of(fit: MapFit, wanted: Mapping[str, Bands], problems: list[BayesmapError]) -> dict[str, FluxPoints]:
    """Return the flux points that are asked for, by source; a source that fails is a problem, and the others go on.

    Parameters
    ----------
    fit : MapFit
        At its best fit, whose spectra are the references.
    wanted : mapping of str to Bands
        By source.
    problems : list
        What went wrong is added to it.
    """
    from bayesmap.fit.flux_points import flux_points

    found = {}
    for name, bands in wanted.items():
        progress(f"flux points of {name}")
        edges = bands.on(fit.datasets)
        points = attempt(problems, partial(flux_points, fit, name, edges, **bands.options))
        if points is not None:
            found[name] = points
    return found


def write_flux_points(folder: Path, found: Mapping[str, FluxPoints], tree: xr.DataTree | None, models: Models) -> None:
    """Write the table of each source, which Gammapy reads, its text and its picture into a folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    found : mapping of str to FluxPoints
        By source.
    tree : xarray.DataTree, optional
        Posterior, whose band is shown beside.
    models : Models
        Best fit.
    """
    from bayesmap.plots.sed import plot_sed
    from bayesmap.results.flux import flux_band, log_energies

    for name, points in found.items():
        stem = f"flux-points-{file_name(name)}"
        points.write(folder / f"{stem}.fits")
        (folder / f"{stem}.txt").write_text(f"{points}\n")
        energy = log_energies(points.e_min[0], points.e_max[-1])
        band = None if tree is None else flux_band(tree, models, name, energy)
        figure = plot_sed(band, points=points, correlation=len(points) > 1)
        figure.savefig(folder / f"{stem}.png", dpi=PICTURE_DPI)
