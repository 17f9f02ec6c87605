"""The likelihood of datasets at the current models, and at others: what `MapFit` evaluates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.dataset.memory import Memory, check_memory, estimate_data
from bayesmap.dataset.memory_limit import read_limit
from bayesmap.dataset.names import check_names
from bayesmap.fit.arguments import dataset_name
from bayesmap.fit.options import FitOptions, observe_all
from bayesmap.fold.positions import edge_notes
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.free import check_free
from bayesmap.models.of_datasets import models_of
from bayesmap.models.sky import Models, check_not_linked
from bayesmap.models.twins import check_twins
from bayesmap.posterior.building import undisturbed
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.likelihood import cash
from bayesmap.posterior.memory import estimate


class Evaluation:
    """Posterior of one or more datasets, at values.

    Parameters
    ----------
    datasets : sequence of MapDataset or SpectrumDatasetOnOff
        Observations, each with a name of its own.
    models : Models
        All models; those that belong to none of the datasets are left out.
    options : FitOptions
        How it is set up.
    allow_asimov : bool
        True to accept fractional counts.
    """

    def __init__(
        self, datasets: tuple[Dataset, ...], models: Models, options: FitOptions, *, allow_asimov: bool
    ) -> None:
        names = tuple(item.name for item in datasets)
        check_names(names)
        for item in datasets:
            item.check(allow_asimov=allow_asimov)
        self.datasets = datasets
        self._start = models_of(models, names)
        self._options = options
        check_memory(estimate_data(datasets), read_limit(options.memory_limit), datasets)
        self._counts = observe_all(datasets, self._start)
        self._log_factorials = float(sum(item.log_factorials.get_value() for item in self._counts))
        self._posterior = options.compile(self._start, self._counts)
        self._theta = self._posterior.coordinates.start

    @property
    def dataset(self) -> Dataset:
        """The dataset of a fit of one."""
        name = dataset_name(self.names, None)
        return self.datasets[self.names.index(name)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the datasets."""
        return tuple(item.name for item in self.datasets)

    @cached_property
    def memory(self) -> Memory:
        """Estimate of the process's peak memory in a fit; nothing is compiled for it."""
        with undisturbed():
            return estimate(self.datasets, self._posterior)

    def check_memory(self) -> None:
        """Refuse a fit of nothing, of twins, or that needs more memory than its limit, before it is compiled.

        Raises
        ------
        ModelError
            BM-MO-010, BM-MO-012.
        BayesmapInputError
            BM-FT-020.
        """
        check_free(self._start)
        check_twins(self._start, self._posterior.variables.chosen)
        check_memory(self.memory, read_limit(self._options.memory_limit), self.datasets)

    @property
    def edge_notes(self) -> tuple[str, ...]:
        """Which sources stand off the maps, seen only by what the PSF brings in."""
        maps = (item for item in self.datasets if isinstance(item, MapDataset))
        return tuple(note for item in maps for note in edge_notes(item, self._start))

    @property
    def free_parameters(self) -> tuple[str, ...]:
        """Free parameters by qualified name."""
        return self._posterior.coordinates.names

    @property
    def priors(self) -> dict[str, str]:
        """Prior of each free parameter in words, by qualified name."""
        return self._posterior.variables.table()

    @property
    def stat(self) -> np.ndarray:
        r"""Cash statistic :math:`2(\mu - n\ln\mu)` of every bin at the current models, mask not applied.

        Of a fit of several datasets, see `stat_of`.
        """
        return self.stat_of(None)

    def stat_of(self, dataset: str | None = None) -> np.ndarray:
        r"""Return the Cash statistic of every bin of a dataset, mask not applied.

        Of a spectrum, and of overdispersed or weighted counts, minus two times the log-likelihood of each selected bin.
        """
        name = dataset_name(self.names, dataset)
        item, posterior = self.datasets[self.names.index(name)], self._posterior.of(name)
        counts = posterior.counts[name]
        if isinstance(item, MapDataset) and not counts.overdispersion and item.weights is None:
            return cash(np.asarray(item.counts.data), posterior.npred(self._theta))
        return -2.0 * posterior.pointwise(self._theta)

    def npred(self, values: Mapping[str, Any] | None = None, *, dataset: str | None = None) -> Any:
        """Return predicted counts.

        Parameters
        ----------
        values : dict, optional
            Name -> float in the parameter's unit or Quantity, in place of the current ones. Names of frozen
            parameters are allowed, and cost a compilation.
        dataset : str, optional
            Name of the dataset, in a fit of several.

        Returns
        -------
        WcsNDMap, shape (n_energy, n_lat, n_lon); of a spectrum, source counts as an array of shape (n_energy,)

        Raises
        ------
        BayesmapInputError
            BM-FT-011 if it is not clear which dataset is meant.
        """
        name = dataset_name(self.names, dataset)
        posterior, theta = self._at(values)
        return self._as_map(name, posterior.of(name).npred(theta))

    def npred_components(
        self, values: Mapping[str, Any] | None = None, *, dataset: str | None = None
    ) -> dict[str, Any]:
        """Return predicted counts of each model by name; parameters as of `npred`."""
        name = dataset_name(self.names, dataset)
        posterior, theta = self._at(values)
        return {model: self._as_map(name, data) for model, data in posterior.of(name).components(theta).items()}

    def draw_counts(self, rng: np.random.Generator, *, dataset: str | None = None) -> np.ndarray:
        """Return random counts of a dataset at the current models, by the law of its counts; shape of the counts."""
        name = dataset_name(self.names, dataset)
        return self._posterior.of(name).draw(self._theta, rng)

    def _as_map(self, name: str, data: np.ndarray) -> Any:
        item = self.datasets[self.names.index(name)]
        return WcsNDMap(item.counts.geom, data) if isinstance(item, MapDataset) else data

    def log_likelihood(self, values: Mapping[str, Any] | None = None) -> float:
        """Return the log-likelihood of the counts in the masks of all datasets, ln n! included."""
        posterior, theta = self._at(values)
        return posterior.log_likelihood(theta)

    def total_stat(self, values: Mapping[str, Any] | None = None) -> float:
        r"""Return the Cash statistic :math:`2\sum(\mu - n\ln\mu)` over the masks.

        For any law of the counts: minus twice `log_likelihood`, without its terms ln n!.
        """
        return -2.0 * (self.log_likelihood(values) + self._log_factorials)

    def log_posterior(self, values: Mapping[str, Any] | None = None) -> float:
        """Return the log-posterior density."""
        posterior, theta = self._at(values)
        return posterior.log_posterior(theta)

    def log_posterior_gradient(self, values: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Return the derivative of the log-posterior by each free parameter, per unit of the parameter."""
        posterior, theta = self._at(values)
        _, gradient = posterior.value_and_gradient(theta)
        slopes = np.linalg.solve(posterior.coordinates.jacobian(theta).T, gradient)
        return dict(zip(posterior.coordinates.names, map(float, slopes), strict=True))

    def _stat_at(self, theta: np.ndarray) -> float:
        # Of the function that the fit has compiled, and the prior, which is compiled in no time.
        value, _ = self._posterior.value_and_gradient(theta)
        return -2.0 * (value - self._posterior.log_prior(theta) + self._log_factorials)

    def _at(self, values: Mapping[str, Any] | None) -> tuple[CompiledPosterior, np.ndarray]:
        """Return functions and coordinates at the current values, with some replaced."""
        if values is None:
            return self._posterior, self._theta
        table = self._start.parameters
        given = {table.resolve(name): table[name].to_unit_value(value) for name, value in values.items()}
        for name in given:
            check_not_linked(name, table[name])
        frozen = {name: value for name, value in given.items() if name not in self.free_parameters}
        current = self._posterior.coordinates.to_values(self._theta)
        posterior = self._posterior
        if frozen:
            posterior = self._options.compile(self._start.with_values(frozen), self._counts)
        return posterior, posterior.coordinates.to_theta({name: given.get(name, current[name]) for name in current})
