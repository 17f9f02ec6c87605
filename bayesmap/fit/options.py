"""How a fit is set up: order of the exposure, convention, priors; and the functions compiled accordingly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayesmap.dataset import MapDataset
from bayesmap.fit.arguments import check_choice
from bayesmap.fold.convention010 import build_convention010
from bayesmap.fold.forward import Fold, build_fold
from bayesmap.irf.exposure import ENERGY_INTEGRATIONS
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior, compile_posterior
from bayesmap.posterior.likelihood import ObservedCounts
from bayesmap.posterior.priors import build_variables

EXPOSURE_ORDERS = ("true", "after_psf")
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
    priors: str | Mapping[str, Any]
    energy_integration: str = "binned"

    def __post_init__(self) -> None:
        check_choice("exposure_order", self.exposure_order, EXPOSURE_ORDERS)
        check_choice("convention", self.convention, CONVENTIONS)
        check_choice("energy_integration", self.energy_integration, ENERGY_INTEGRATIONS)

    def fold(self, dataset: MapDataset, models: Models) -> Fold:
        """Return the forward model."""
        if self.convention == "gammapy010":
            return build_convention010(dataset, models)
        return build_fold(dataset, models, self.exposure_order, self.energy_integration)

    def compile(self, dataset: MapDataset, models: Models, counts: ObservedCounts) -> CompiledPosterior:
        """Return the compiled posterior."""
        variables = build_variables(models, self.priors, dataset.counts.geom)
        return compile_posterior(self.fold(dataset, models), counts, variables)

    def record(self) -> dict[str, str]:
        """Return the options as text, for the provenance of a result."""
        priors = self.priors if isinstance(self.priors, str) else "given"
        words = {name: str(getattr(self, name)) for name in ("exposure_order", "convention", "energy_integration")}
        return words | {"priors": priors}
