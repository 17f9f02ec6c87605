"""What a compiled posterior is made of, so that another process can make the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayesmap.dataset import Dataset
from bayesmap.fit.options import FitOptions, observe_all
from bayesmap.models.named import NamedModel
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.provenance import data_hash, fingerprint

if TYPE_CHECKING:
    from bayesmap.fit.evaluation import Evaluation

ADDRESS = re.compile(rb" at 0x[0-9a-f]+")
"""Where an object lies in memory: part of the text of functions, another in every process."""
LONGEST_TEXT = 10_000
"""Bytes; more are the numbers of an array."""


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
            "data": _digest(repr((item.name, data_hash(item))).encode() for item in self.datasets),
            "models": _digest(part for model in self.models for part in _model(model)),
            "priors": posterior.variables.digest(),
            "options": _digest(repr(item).encode() for item in self.options.record().items()),
        }


def _model(model: NamedModel) -> Iterator[bytes]:
    """Yield all that a model is: classes, settings, parameters with their limits and links."""
    yield repr((model.name, type(model).__name__, model.datasets_names, getattr(model, "apply_irf", None))).encode()
    for part, component in model.components.items():
        yield repr((part, type(component).__name__)).encode()
        for name in component.settings:
            for item in fingerprint(getattr(component, name)):
                yield ADDRESS.sub(b"", item) if len(item) < LONGEST_TEXT else item
    for name, own in model.named_parameters.items():
        yield repr((name, own.value, own.unit, own.min, own.max, own.frozen, own.link)).encode()


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
