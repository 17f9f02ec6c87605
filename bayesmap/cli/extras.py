"""What a configuration asks for besides best fit and posterior: profiles and flux points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bayesmap.cli.config import Config
from bayesmap.cli.profiles import ProfileOfOne, profiles_of, profiles_text, write_profiles
from bayesmap.cli.spectra import flux_points_of, write_flux_points
from bayesmap.errors import BayesmapError

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
    problems : tuple of str
        Why some of it is missing.
    """

    profiles: tuple[ProfileOfOne, ...] = ()
    flux_points: Mapping[str, FluxPoints] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """True if all that was asked for is there, and every interval and every set of flux points is to be trusted."""
        intervals = all(one.success for item in self.profiles for one in item.intervals)
        return not self.problems and intervals and all(points.success for points in self.flux_points.values())

    def __str__(self) -> str:
        """Show tables, with an empty line between them."""
        tables = [profiles_text(self.profiles)] if self.profiles else []
        missing = ["\n".join(["missing, for a problem:", *self.problems])] if self.problems else []
        return "\n\n".join([*tables, *map(str, self.flux_points.values()), *missing])


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
    problems: list[BayesmapError] = []
    profiles = profiles_of(fit, config.profiles, problems) if config.profiles else ()
    points = flux_points_of(fit, config.flux_points, problems)
    return Extras(profiles, points, tuple(map(str, problems)))


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
    if extras.problems:
        (folder / "problems.txt").write_text("\n".join(extras.problems) + "\n")
    if extras.profiles:
        write_profiles(folder, extras.profiles, tree)
    write_flux_points(folder, extras.flux_points, tree, models)
