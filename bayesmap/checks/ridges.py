r"""Ridges of a posterior: combinations of parameters that are known, of parameters that are not.

With R the correlation matrix of the draws, an eigenvalue of R below 0.01 (of two parameters: a correlation above 0.99)
belongs to such a combination, and the large entries of its eigenvector say which parameters take part.  Between models
the data do not say how much belongs to which: a background and a diffuse model of the same shape.  Within one model it
is a matter of its form, such as a reference energy far from the data, and no reason for distrust.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesmap.models.background import BackgroundModel, FoVBackgroundModel
from bayesmap.models.sky import Models, SkyModel

SMALLEST_EIGENVALUE = 0.01
PARTICIPATE = 0.9
"""Parameters take part, the largest entry first, until they hold this share of the eigenvector's square."""
DRAWS_EACH = 10
"""Draws for each parameter that a correlation matrix needs."""


@dataclass(frozen=True)
class Ridge:
    """One ridge.

    Parameters
    ----------
    names : tuple of str
        Parameters that take part.
    models : tuple of str
        Models that they belong to.
    correlation : float
        Correlation that two parameters with this eigenvalue would have.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    correlation: float

    @property
    def between_models(self) -> bool:
        """True if the data do not tell models apart."""
        return len(self.models) > 1

    def __str__(self) -> str:
        """Return it in words, with what to do."""
        joined = f"{', '.join(self.names[:-1])} and {self.names[-1]}"
        if self.between_models:
            return f"{joined} are known in combination only (correlation {self.correlation:.4f}): freeze one of them"
        return f"{joined} are correlated by {self.correlation:.4f}: another reference energy would tell them apart"


def ridges(draws: xr.Dataset, models: Models) -> tuple[Ridge, ...]:
    """Return the ridges of draws along ``chain`` and ``draw``.

    Parameters
    ----------
    draws : Dataset
        The group ``posterior``.
    models : Models
        Whose free parameters they are. Those of response models and pools are left out: they are known from their
        priors, and share an uncertainty by intent.

    Examples
    --------
    >>> from bayesmap.testing import toy_models
    >>> rng = np.random.default_rng(1)
    >>> index, norm = rng.normal(size=(2, 4, 500))
    >>> values = {"source.spectral.index": index, "toy-bkg.spectral.norm": norm - 20.0 * index}
    >>> draws = xr.Dataset({name: (("chain", "draw"), value) for name, value in values.items()})
    >>> (found,) = ridges(draws, toy_models())
    >>> found.names, round(found.correlation, 3)
    (('source.spectral.index', 'toy-bkg.spectral.norm'), 0.999)
    """
    owners = {
        name: model.name
        for model in models
        if isinstance(model, (SkyModel, BackgroundModel, FoVBackgroundModel))
        for name in model.named_parameters
    }
    names = [name for name in owners if name in draws and draws[name].values.std() > 0.0]
    if len(names) < 2 or draws.sizes["chain"] * draws.sizes["draw"] < DRAWS_EACH * len(names):
        return ()
    matrix = np.corrcoef([draws[name].values.ravel() for name in names])
    values, vectors = np.linalg.eigh(matrix)
    found = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value < SMALLEST_EIGENVALUE:
            parts = [names[i] for i in _participants(vector)]
            found.append(Ridge(tuple(parts), tuple(dict.fromkeys(owners[name] for name in parts)), 1.0 - float(value)))
    return tuple(found)


def _participants(vector: np.ndarray) -> list[int]:
    """Return the entries of an eigenvector that matter, two at least, in their order."""
    order = np.argsort(-np.abs(vector))
    needed = int(np.searchsorted(np.cumsum(vector[order] ** 2), PARTICIPATE)) + 1
    return sorted(int(i) for i in order[: max(needed, 2)])
