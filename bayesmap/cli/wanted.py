"""The keys `profiles` and `flux_points` of a configuration: what is worked out besides best fit and posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from bayesmap.cli.values import choice, flag, positive, text
from bayesmap.dataset import Dataset
from bayesmap.dataset.bands import check_used, checked_edges
from bayesmap.errors import BayesmapError, ConfigError, attempt, raise_problems
from bayesmap.io.safe_yaml import check_keys, wrong_kind
from bayesmap.models.bands import banded_models
from bayesmap.models.component import did_you_mean
from bayesmap.models.fluxes import check_flux
from bayesmap.models.sky import Models, SkyModel

if TYPE_CHECKING:
    from bayesmap.cli.config import Config

ALL = "all"
KEYS = ("energy_edges", "backend", "shape", "ul_mass")
BACKENDS = ("laplace", "nuts")
EDGES = "all, or energies with their unit, such as [1 TeV, 3 TeV, 10 TeV]"


@dataclass(frozen=True)
class Bands:
    """Flux points that are asked for.

    Parameters
    ----------
    edges : Quantity or "all"
        Edges of the bands; "all" for the energy bins of the only data set, between the first and the last that is used.
    options : dict
        Of `bayesmap.flux_points`.
    """

    edges: u.Quantity | str
    options: Mapping[str, Any]

    def on(self, datasets: Sequence[Dataset]) -> u.Quantity:
        """Return the edges, checked against the bins of the data.

        Raises
        ------
        BayesmapInputError
            BM-FT-060 or 061.
        ConfigError
            BM-CF-054 for "all" with several data sets.
        """
        if isinstance(self.edges, str):
            if len(datasets) > 1:
                raise ConfigError(
                    "BM-CF-054",
                    what="flux_points asks for all energy bins, and there are several data sets",
                    rule="The bins of several data sets may differ",
                    remedy="Give the edges of the bands, such as [1 TeV, 3 TeV, 10 TeV]",
                )
            used = np.flatnonzero(datasets[0].mask_data.reshape(datasets[0].axis.nbin, -1).any(axis=1))
            return u.Quantity(datasets[0].axis.edges[used[0] : used[-1] + 2], "TeV")
        checked_edges(self.edges, [item.axis for item in datasets])
        return self.edges


def read_profiles(where: str, value: Any) -> str | tuple[str, ...]:
    """Return ``"all"``, or the names of the parameters whose profiles are asked for.

    Raises
    ------
    ConfigError
        BM-CF-007 for a value of the wrong kind.
    """
    if value == ALL:
        return ALL
    if not isinstance(value, list) or not value:
        raise wrong_kind(where, value, "all, or a list of parameters")
    return tuple(text(f"{where}[{k}]", item) for k, item in enumerate(value))


def read_flux_points(where: str, value: Any) -> Mapping[str, Bands]:
    """Return what flux points are asked for, by source.

    Raises
    ------
    ConfigError
        BM-CF-001 for an unknown option, BM-CF-007 for a value of the wrong kind.
    ProblemList
        If there are several problems.
    """
    if not isinstance(value, Mapping) or not value:
        raise wrong_kind(where, value, f"a mapping of sources to {EDGES}")
    problems: list[BayesmapError] = []
    found = {str(name): attempt(problems, _bands, f"{where}.{name}", item) for name, item in value.items()}
    raise_problems(problems)
    return {name: bands for name, bands in found.items() if bands is not None}


def _bands(where: str, value: Any) -> Bands:
    if not isinstance(value, Mapping):
        return Bands(_edges(where, value), {})
    check_keys(value, KEYS, where)
    options = {key: item for key, item in value.items() if key != "energy_edges"}
    if "backend" in options:
        choice(BACKENDS)(f"{where}.backend", options["backend"])
    if "shape" in options:
        flag(f"{where}.shape", options["shape"])
    expected = "a number between 0 and 1"
    if "ul_mass" in options and positive(f"{where}.ul_mass", options["ul_mass"], expected) >= 1.0:
        raise wrong_kind(f"{where}.ul_mass", options["ul_mass"], expected)
    return Bands(_edges(f"{where}.energy_edges", value.get("energy_edges", ALL)), options)


def _edges(where: str, value: Any) -> u.Quantity | str:
    if value == ALL:
        return ALL
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_kind(where, value, EDGES)
    try:
        return u.Quantity([u.Quantity(item).to("TeV") for item in value])
    except (TypeError, ValueError, u.UnitConversionError) as error:
        raise wrong_kind(where, value, EDGES) from error


def wanted_problems(config: Config, models: Models, datasets: Sequence[Dataset]) -> list[BayesmapError]:
    """Return what is wrong with the names and energies of `profiles` and `flux_points`."""
    problems: list[BayesmapError] = []
    for name in () if config.profiles == ALL else config.profiles:
        attempt(problems, _check_free, models, name)
    for name, bands in config.flux_points.items():
        source = attempt(problems, _source, models, name)
        edges = attempt(problems, bands.on, datasets) if datasets else None
        if source is not None and edges is not None:
            attempt(problems, _check_bands, models, source, edges, datasets)
    return problems


def _check_free(models: Models, name: str) -> None:
    table = models.parameters
    if not table[table.resolve(name)].free:
        raise ConfigError(
            "BM-CF-053",
            what=f"profiles names {name!r}, which is not free",
            rule=f"A profile is of a free parameter: {', '.join(table.free_names) or 'there is none'}",
            remedy="Choose one of these, or unfreeze it" if table.free_names else "Unfreeze it",
        )


def _check_bands(models: Models, source: SkyModel, edges: u.Quantity, datasets: Sequence[Dataset]) -> None:
    """Refuse what the flux points themselves would refuse after the fit."""
    check_flux(source)
    banded_models(models, source, edges.to_value("TeV"), shape=False)
    check_used(datasets, edges.to_value("TeV"))


def _source(models: Models, name: str) -> SkyModel:
    sources = tuple(model.name for model in models.sky_models)
    if name not in sources:
        raise ConfigError(
            "BM-CF-053",
            what=f"flux_points names {name!r}, which is no source",
            rule=f"Flux points are of a source of the models: {', '.join(sources) or 'there is none'}",
            remedy=did_you_mean(name, sources) if sources else "Add a source to the models",
        )
    return models[name]  # type: ignore[return-value]
