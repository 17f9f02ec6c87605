"""What a compiled posterior is made of, so that another process can make the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayesmap.dataset import Dataset
from bayesmap.fit.options import FitOptions, observe_all
from bayesmap.models.named import NamedModel
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fingerprint import digest, fingerprint
from bayesmap.results.provenance import data_hash

if TYPE_CHECKING:
    from bayesmap.fit.evaluation import Evaluation


@dataclass(frozen=True)
class Recipe:
    """Ingredients of a posterior; they can be sent to other processes, the compiled functions cannot.

    Parameters
    ----------
    datasets : tuple of MapDataset or SpectrumDatasetOnOff
        Checked data sets.
    models : Models
        Models with their start values.
    options : FitOptions
        How the fit is set up.
    """

    datasets: tuple[Dataset, ...]
    models: Models
    options: FitOptions

    @classmethod
    def of(cls, fit: Evaluation) -> Recipe:
        """Return the ingredients of a fit."""
        return cls(fit.datasets, fit._start, fit._options)

    def compile(self) -> CompiledPosterior:
        """Return the posterior."""
        return self.options.compile(self.models, observe_all(self.datasets, self.models))

    def identity(self, posterior: CompiledPosterior) -> dict[str, str]:
        """Return what tells data, models and priors from others; the same in every process.

        Parameters
        ----------
        posterior : CompiledPosterior
            Made by this recipe.
        """
        return {
            "data": digest(repr((item.name, data_hash(item))).encode() for item in self.datasets),
            "models": model_digest(self.models),
            "priors": posterior.variables.digest(),
            "options": digest(repr(item).encode() for item in self.options.record().items()),
        }


def model_digest(models: Iterable[NamedModel]) -> str:
    """Return what tells models from others; the same in every process."""
    return digest(part for model in models for part in _model(model))


def _model(model: NamedModel) -> Iterator[bytes]:
    """Yield all that a model is: classes, settings, parameters with their limits and links."""
    yield repr((model.name, model.datasets_names, getattr(model, "apply_irf", None))).encode()
    yield from fingerprint((type(model), dict(model.components), model.named_parameters))
