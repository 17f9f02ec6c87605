"""What a configuration asks for besides best fit and posterior: profiles and flux points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bayesmap.cli.config import Config
from bayesmap.cli.profiles import ProfileOfOne, profiles_of, profiles_text, write_profiles
from bayesmap.cli.spectra import flux_points_of, write_flux_points

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.fit import MapFit
    from bayesmap.models.sky import Models
    from bayesmap.results.flux_points import FluxPoints


@dataclass(frozen=True)
class Extras:
    """Profiles and flux points of a fit; empty where none were asked for.

    Parameters
    ----------
    profiles : tuple of ProfileOfOne
        By parameter.
    flux_points : mapping of str to FluxPoints
        By source.
    """

    profiles: tuple[ProfileOfOne, ...] = ()
    flux_points: Mapping[str, FluxPoints] = field(default_factory=dict)

    @property
    def trusted(self) -> bool:
        """True if every interval and every set of flux points is."""
        intervals = all(one.success for item in self.profiles for one in item.intervals)
        return intervals and all(points.success for points in self.flux_points.values())

    def __str__(self) -> str:
        """Show tables, with an empty line between them."""
        tables = [profiles_text(self.profiles)] if self.profiles else []
        return "\n\n".join([*tables, *map(str, self.flux_points.values())])


NONE = Extras()


def work_out(fit: MapFit, config: Config) -> Extras:
    """Return what a configuration asks for.

    Parameters
    ----------
    fit : MapFit
        At its best fit.
    config : Config
        Checked configuration.
    """
    profiles = profiles_of(fit, config.profiles) if config.profiles else ()
    return Extras(profiles, flux_points_of(fit, config.flux_points))


def write_extras(folder: Path, extras: Extras, tree: xr.DataTree | None, models: Models) -> None:
    """Write files and pictures into a folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    extras : Extras
        What was asked for.
    tree : xarray.DataTree, optional
        Posterior, which is shown beside.
    models : Models
        Best fit.
    """
    if extras.profiles:
        write_profiles(folder, extras.profiles, tree)
    write_flux_points(folder, extras.flux_points, tree, models)
