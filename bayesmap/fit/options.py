"""How a fit is set up: order of the exposure, convention, priors; and the functions compiled accordingly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.dataset.memory_limit import read_limit
from bayesmap.fit.arguments import check_choice
from bayesmap.fold.convention010 import build_convention010
from bayesmap.fold.forward import Fold, build_fold
from bayesmap.fold.spectrum import SpectrumFold, build_spectrum_fold
from bayesmap.irf.exposure import ENERGY_INTEGRATIONS
from bayesmap.models.sky import Models
from bayesmap.posterior.building import undisturbed
from bayesmap.posterior.compiled import CompiledPosterior, Observation, compile_posterior
from bayesmap.posterior.likelihood import ObservedCounts, observe, overdispersion_of, with_scatter
from bayesmap.posterior.on_off import ObservedOnOff, observe_on_off
from bayesmap.posterior.priors import build_variables

Counts = ObservedCounts | ObservedOnOff
EXPOSURE_ORDERS = ("true", "after_psf")
LIKELIHOODS = ("poisson", "negative_binomial")
CONVENTIONS = ("exact", "gammapy010")


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit; see `MapFit`.

    Raises
    ------
    BayesmapInputError
        BM-FT-003 for a word that is not one of the choices.
    """

    exposure_order: str
    convention: str
    priors: str | Mapping[Any, Any]
    energy_integration: str = "binned"
    likelihood: str = "poisson"
    memory_limit: float | str | None = None

    def __post_init__(self) -> None:
        check_choice("exposure_order", self.exposure_order, EXPOSURE_ORDERS)
        check_choice("convention", self.convention, CONVENTIONS)
        check_choice("energy_integration", self.energy_integration, ENERGY_INTEGRATIONS)
        check_choice("likelihood", self.likelihood, LIKELIHOODS)
        read_limit(self.memory_limit)

    def with_scatter(self, models: Models) -> Models:
        """Return the models, with an `OverdispersionModel` where the likelihood asks for one that is not there."""
        return with_scatter(models, self.likelihood)

    def fold(self, dataset: Dataset, models: Models) -> Fold | SpectrumFold:
        """Return the forward model of a dataset."""
        if not isinstance(dataset, MapDataset):
            return build_spectrum_fold(dataset, models)
        if self.convention == "gammapy010":
            return build_convention010(dataset, models)
        return build_fold(dataset, models, self.exposure_order, self.energy_integration)

    def observations(self, models: Models, counts: Sequence[Counts]) -> tuple[Observation, ...]:
        """Return forward model and counts of each dataset."""
        return tuple(Observation(self.fold(item.dataset, models), item) for item in counts)

    def compile(self, models: Models, counts: Sequence[Counts]) -> CompiledPosterior:
        """Return the compiled posterior."""
        geoms = [item.dataset.counts.geom for item in counts if isinstance(item.dataset, MapDataset)]
        with undisturbed():
            variables = build_variables(models, self.priors, geoms)
            return compile_posterior(self.observations(models, counts), variables)

    def record(self) -> dict[str, str]:
        """Return the options as text, for the provenance of a result."""
        priors = self.priors if isinstance(self.priors, str) else "given"
        named = ("exposure_order", "convention", "energy_integration", "likelihood")
        words = {name: str(getattr(self, name)) for name in named}
        return words | {"priors": priors}


def observe_all(datasets: Sequence[Dataset], models: Models) -> tuple[Counts, ...]:
    """Return the counts of checked datasets."""
    return tuple(
        observe(item, overdispersion_of(models, item.name)) if isinstance(item, MapDataset) else observe_on_off(item)
        for item in datasets
    )
