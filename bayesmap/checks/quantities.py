"""Quantities whose ranks a calibration looks at: parameters, densities, fluxes of the sources, predicted counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesmap.models.sky import SkyModel
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.derived import integrals
from bayesmap.results.spectral_draws import all_parameters

OF_THE_DATA = ("log_likelihood", "log_prior", "total_npred", "hottest_bin")
"""Quantities that every fit has besides its parameters: a dropped likelihood is seen in the first of them only."""


class Quantities:
    """Ranked quantities of a posterior, compiled once for any counts.

    They may depend on the data (the bin with most counts) but not on the truth, of which ranks would not be uniform.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of one or more datasets.
    """

    def __init__(self, posterior: CompiledPosterior) -> None:
        self.posterior = posterior
        self._fluxes = {model.name: self._flux(model) for model in self._sources()}

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters, `OF_THE_DATA`, and ``<source>.flux``: photons between the ends of the data's energies."""
        return (*self.posterior.coordinates.names, *OF_THE_DATA, *(f"{name}.flux" for name in self._fluxes))

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Unit of each quantity; empty for a number without one."""
        table = self.posterior.coordinates.models.parameters
        own = [table[name].unit for name in self.posterior.coordinates.names]
        return (*own, *("" for _ in OF_THE_DATA), *("cm-2 s-1" for _ in self._fluxes))

    def __call__(self, observed: CompiledPosterior, theta: np.ndarray, hottest: int) -> np.ndarray:
        """Return the quantities of many theta, shape (n, n_quantity).

        Parameters
        ----------
        observed : CompiledPosterior
            The same functions with the counts of a simulation.
        theta : ndarray, shape (n, size)
            Points.
        hottest : int
            Selected bin with most counts, see `hottest`.
        """
        values = observed.coordinates.to_many_values(theta)
        figures = np.asarray(self._figures(jnp.asarray(theta), hottest, observed.constants))
        return np.concatenate([values, figures, self._flux_columns(values)], axis=1)

    def hottest(self, counts: np.ndarray) -> int:
        """Return the place of the selected bin with most counts, of all datasets as one vector."""
        return int(np.argmax(np.where(self._selected, counts, -1.0)))

    @cached_property
    def _selected(self) -> np.ndarray:
        return np.concatenate([item.dataset.mask_data.ravel() for item in self.posterior.counts.values()])

    @cached_property
    def _figures(self) -> Callable[..., Any]:
        """Quantities `OF_THE_DATA` of many theta: one call, however many there are."""
        functions, selected = self.posterior.functions, self._selected
        predicted = [functions[f"{name}/npred"] for name in self.posterior.counts]

        def one(theta: Any, hottest: Any, constants: Any) -> Any:
            npred = jnp.concatenate([function(theta, constants).ravel() for function in predicted])
            densities = [functions[name](theta, constants) for name in ("log_likelihood", "log_prior")]
            return jnp.stack([*densities, jnp.where(selected, npred, 0.0).sum(), npred[hottest]])

        return jax.jit(lambda many, hottest, constants: jax.lax.map(lambda x: one(x, hottest, constants), many))

    def _sources(self) -> list[SkyModel]:
        """Return the sources that have a flux and whose spectrum is not fixed."""
        models = self.posterior.coordinates.models
        fluxes = [model for model in models.sky_models if not model.spectral_model.is_norm]
        return [model for model in fluxes if any(not item.frozen or item.link for item in _own(model))]

    def _flux(self, model: SkyModel) -> Callable[[dict[str, Any]], float]:
        edges = [item.dataset.axis.edges for name, item in self.posterior.counts.items() if model.applies_to(name)]
        return integrals(model, float(min(e[0] for e in edges)), float(max(e[-1] for e in edges)), 0.0)

    def _flux_columns(self, values: np.ndarray) -> np.ndarray:
        models, columns = self.posterior.coordinates.models, []
        known = all_parameters(dict(zip(self.posterior.coordinates.names, values.T, strict=True)), models)
        for source, flux in self._fluxes.items():
            names = [item.name for item in models[source].spectral_model.parameters]  # type: ignore[union-attr]
            own = [np.broadcast_to(known[f"{source}.spectral.{name}"], len(values)) for name in names]
            # One at a time: the quadratures of models without a formula spread over energies of their own.
            columns.append([flux(dict(zip(names, one, strict=True))) for one in zip(*own, strict=True)])
        return np.reshape(columns, (len(columns), len(values))).T


def _own(model: SkyModel) -> tuple[Any, ...]:
    return tuple(model.spectral_model.parameters)
