"""`MapFit`: the door of the package, with the interface of Gammapy 0.10; and `simulate`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.pointwise import pointwise_log_likelihood, posterior_predictive
from bayesmap.checks.predictive import PredictiveMaps, predictive_maps
from bayesmap.checks.verdict import judge
from bayesmap.dataset import MapDataset
from bayesmap.errors import FitStateError
from bayesmap.fit.arguments import check_background_names, check_choice, check_interval, free_name, free_pair
from bayesmap.fit.options import FitOptions
from bayesmap.fit.seed_format import laplace_interval, posterior_contour, posterior_interval
from bayesmap.inference.covariance import laplace
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import WARM_UP, sample
from bayesmap.inference.whitening import inside
from bayesmap.io.gammapy import to_bayesmap_edisp, to_bayesmap_map, to_bayesmap_mask, to_bayesmap_psf
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models
from bayesmap.posterior.build import build_posterior
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.posterior.likelihood import ObservedCounts, cash, observe
from bayesmap.results.fit import CovarianceResult, FitResult, merge
from bayesmap.results.intervals import check_sigma
from bayesmap.results.posterior import posterior_tree


class MapFit:
    """Fit of a model to a counts cube.

    Parameters
    ----------
    model : SkyModel, Models or iterable of them
        What the sky may look like. It is never changed; see `model`.
    counts, exposure : WcsNDMap, path or live Gammapy map
        Observed counts (energy, lat, lon), and exposure (energy_true, lat, lon).
    background : WcsNDMap, path or live map, optional
        Expected background counts.
    mask : WcsNDMap, path or live map, optional
        Boolean; True where a bin is used.
    psf, edisp : RadialPSF or PSFKernel, EnergyDispersion; path or live object, optional
        Point spread function in true energy; energy dispersion.
    background_model : BackgroundModel, optional
        Background map with a free norm; instead of `background`.
    exposure_order : str
        ``"true"``: exposure at the true position, before the PSF; ``"after_psf"``: at the pixel, after it.
    convention : str
        ``"exact"``, or ``"gammapy010"`` to reproduce the seed's numbers.
    energy_integration : str
        ``"binned"``: one exposure for each true-energy bin; ``"interpolated"``: log-log between the bin centres.
    priors : str or dict
        What free parameters without a prior of their own get: ``"default"``, documented weakly informative ones;
        ``"flat"``, so that the best fit is the maximum of the likelihood; or a dict of name and prior (the rest gets
        the default ones).
    allow_asimov : bool
        True to accept fractional (expected) counts.
    name : str
        Name of the dataset.

    Raises
    ------
    BayesmapInputError
        With a code, for inputs that cannot be fitted; all problems of the data at once.

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> fit = MapFit.from_dataset(toy_dataset(), toy_models())
    >>> best = fit.run()
    >>> best.success
    True
    """

    def __init__(
        self,
        model: Any,
        counts: Any,
        exposure: Any,
        background: Any = None,
        mask: Any = None,
        psf: Any = None,
        edisp: Any = None,
        background_model: Any = None,
        *,
        exposure_order: str = "true",
        convention: str = "exact",
        energy_integration: str = "binned",
        priors: str | Mapping[str, Any] = "default",
        allow_asimov: bool = False,
        name: str = "dataset",
    ) -> None:
        counts = to_bayesmap_map(counts)
        dataset = MapDataset(
            name=name,
            counts=counts,
            exposure=to_bayesmap_map(exposure),
            background=None if background is None else to_bayesmap_map(background),
            psf=to_bayesmap_psf(psf),
            edisp=to_bayesmap_edisp(edisp, axis=counts.geom.axes[0] if counts.geom.axes else None),
            mask=to_bayesmap_mask(mask),
        )
        models = Models(model)
        if background_model is not None:
            models = models + background_model
        chosen = FitOptions(exposure_order, convention, priors, energy_integration)
        self._set_up(dataset, models, chosen, allow_asimov=allow_asimov)

    @classmethod
    def from_dataset(
        cls,
        dataset: MapDataset,
        models: Any,
        *,
        exposure_order: str = "true",
        convention: str = "exact",
        energy_integration: str = "binned",
        priors: str | Mapping[str, Any] = "default",
        allow_asimov: bool = False,
    ) -> MapFit:
        """Return the fit of models to a dataset; parameters as of the class."""
        fit = cls.__new__(cls)
        chosen = FitOptions(exposure_order, convention, priors, energy_integration)
        fit._set_up(dataset, Models(models), chosen, allow_asimov=allow_asimov)
        return fit

    def _set_up(self, dataset: MapDataset, models: Models, options: FitOptions, *, allow_asimov: bool) -> None:
        dataset.check(allow_asimov=allow_asimov)
        self.dataset = dataset
        self._start = check_background_names(models, dataset).for_dataset(dataset.name)
        self._options = options
        self._counts: ObservedCounts = observe(dataset)
        self._log_factorials = float(self._counts.log_factorials.get_value())
        self._posterior = options.compile(dataset, self._start, self._counts)
        self._theta = self._posterior.coordinates.start
        self._best: FitResult | None = None
        self._covariance: CovarianceResult | None = None
        self._tree: xr.DataTree | None = None

    @property
    def model(self) -> Models:
        """The current models: the start values, and after `optimize` or `covariance` the best ones."""
        if self._covariance is not None:
            return self._covariance.model
        return self._start if self._best is None else self._best.model

    @property
    def free_parameters(self) -> tuple[str, ...]:
        """Free parameters by qualified name."""
        return self._posterior.coordinates.names

    @property
    def priors(self) -> dict[str, str]:
        """Prior of each free parameter in words, by qualified name."""
        return self._posterior.variables.table()

    @cached_property
    def pymc_model(self) -> Any:
        """The posterior as a `pymc.Model`: everything that PyMC and ArviZ do works on it."""
        return build_posterior(self._options.fold(self.dataset, self._start), self._posterior.variables, self.dataset)

    @property
    def initial_values(self) -> dict[str, np.ndarray]:
        """The current values, moved off limits, for ``pymc.sample(model=fit.pymc_model, initvals=...)``."""
        return self._posterior.variables.values(inside(self._posterior, self._theta))

    @property
    def stat(self) -> np.ndarray:
        r"""Cash statistic :math:`2(\mu - n\ln\mu)` of every bin at the current models, mask not applied."""
        return cash(np.asarray(self.dataset.counts.data), self._posterior.npred(self._theta))

    def npred(self, values: Mapping[str, Any] | None = None) -> WcsNDMap:
        """Return predicted counts.

        Parameters
        ----------
        values : dict, optional
            Name -> float in the parameter's unit or Quantity, in place of the current ones. Names of frozen
            parameters are allowed, and cost a compilation.

        Returns
        -------
        WcsNDMap, shape (n_energy, n_lat, n_lon)
        """
        posterior, theta = self._at(values)
        return WcsNDMap(self.dataset.counts.geom, posterior.npred(theta))

    def npred_components(self, values: Mapping[str, Any] | None = None) -> dict[str, WcsNDMap]:
        """Return predicted counts of each model by name; parameters as of `npred`."""
        posterior, theta = self._at(values)
        return {name: WcsNDMap(self.dataset.counts.geom, data) for name, data in posterior.components(theta).items()}

    def log_likelihood(self, values: Mapping[str, Any] | None = None) -> float:
        """Return the Poisson log-likelihood of the counts in the mask, ln n! included."""
        posterior, theta = self._at(values)
        return posterior.log_likelihood(theta)

    def total_stat(self, values: Mapping[str, Any] | None = None) -> float:
        r"""Return the Cash statistic :math:`2\sum(\mu - n\ln\mu)` over the mask."""
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

    def optimize(self, backend: str = "newton", **options: Any) -> FitResult:
        """Find the best fit.

        Parameters
        ----------
        backend : str
            ``"newton"``: damped Newton method with the exact Hessian.
        **options
            ``tolerance`` (sigma), ``max_iterations``, ``progress`` (called with iteration and state).
        """
        self._best, self._theta = optimize(self._posterior, self._stat_at, backend, **options)
        self._covariance = self._tree = None
        return self._best

    def covariance(self, backend: str = "laplace") -> CovarianceResult:
        """Return the covariance at the last optimum, from the exact Hessian.

        Raises
        ------
        FitStateError
            BM-FT-001 before `optimize`.
        """
        check_choice("backend", backend, ("laplace",))
        if self._best is None:
            raise FitStateError(
                "BM-FT-001",
                what="covariance was called before optimize",
                rule="The covariance is taken at the optimum",
                remedy="Call optimize() first, or run() for both",
            )
        self._covariance = laplace(self._posterior, self._best.model, self._theta)
        return self._covariance

    def run(
        self, optimize_opts: Mapping[str, Any] | None = None, covariance_opts: Mapping[str, Any] | None = None
    ) -> FitResult:
        """Optimize, then work out the covariance; return the best fit with errors.

        `optimize_opts` and `covariance_opts` are arguments of these two.
        """
        best = self.optimize(**(optimize_opts or {}))
        covariance = self.covariance(**(covariance_opts or {}))
        self._best = merge(best, covariance)
        return self._best

    def sample(
        self,
        draws: int = 1000,
        tune: int = WARM_UP,
        chains: int = 4,
        cores: int | None = None,
        random_seed: int | None = None,
        nuts_sampler: str = "nutpie",
        **options: Any,
    ) -> xr.DataTree:
        """Draw from the posterior by NUTS, in coordinates whitened by the Laplace covariance at the optimum.

        Optimizes first where that was not done yet.

        Parameters
        ----------
        draws, tune, chains, cores : int
            Draws and warm-up of each chain, number of chains, how many run at a time (the draws do not depend on it).
        random_seed : int, optional
            Seed; the same one gives the same draws, bit for bit.
        nuts_sampler : str
            ``"nutpie"``, ``"numpyro"`` or ``"pymc"``.
        **options
            Of `bayesmap.inference.sample.sample`.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``, and a verdict
            (`bayesmap.summarise` shows it first).
        """
        if self._best is None:
            self.optimize()
        numbers = {"draws": draws, "tune": tune, "chains": chains, "cores": cores, "random_seed": random_seed}
        settings: dict[str, Any] = numbers | {"nuts_sampler": nuts_sampler} | options
        found = sample(self._posterior, self._theta, lambda: self.pymc_model, **settings)
        self._tree = posterior_tree(found, self._posterior.variables, self.dataset, self._options.record())
        self._tree.attrs["verdict"] = judge(self._tree, self._posterior.variables).to_json()
        return self._tree

    def confidence(
        self, parameter: str, backend: str = "nuts", sigma: float = 1.0, *, kind: str = "eti", **options: Any
    ) -> dict[str, Any]:
        """Return the credible interval of a parameter around its best value.

        Parameters
        ----------
        parameter : str
            Qualified name, or a bare one if it is unique.
        backend : str
            ``"nuts"``: from the draws of the last `sample` (made now where there are none); ``"laplace"``: from the
            covariance.
        sigma : float
            The interval holds the probability erf(sigma / sqrt 2).
        kind : str
            ``"eti"``: equal tails, or ``"hdi"``: highest density.
        **options
            Of `sample`, where draws are made now.

        Returns
        -------
        dict
            ``errp``, ``errn`` (distances of the ends from the best ``value``, in the parameter's unit), ``success``,
            ``nfev``, ``backend``, and the fields of `bayesmap.results.intervals.Interval`.
        """
        check_interval(backend, sigma, kind, options)
        name = free_name(self._start.parameters, parameter)
        if backend == "laplace":
            return laplace_interval(self._errors(), name, sigma)
        return posterior_interval(self._draws(options), self.model, name, sigma, kind)

    def minos_contour(
        self, x: str, y: str, numpoints: int = 100, sigma: float = 1.0, *, backend: str = "nuts", **options: Any
    ) -> dict[str, Any]:
        r"""Return the credible contour of two parameters.

        The region of highest density that holds the probability :math:`1 - e^{-\sigma^2/2}` of both parameters
        together (39.3 % for one sigma, MINUIT's level); for a joint 68.3 % take sigma = 1.515.

        Parameters
        ----------
        x, y : str
            Parameters by name.
        numpoints, sigma, backend, **options
            Points to return; size of the region; the rest as of `confidence`.

        Returns
        -------
        dict
            ``x``, ``y`` (points, in the parameters' units), ``success``, ``mass``, ``pieces``, ``x_info``, ``y_info``.
        """
        check_choice("backend", backend, ("nuts",))
        check_sigma(sigma)
        first, second = free_pair(self._start.parameters, x, y)
        return posterior_contour(self._draws(options), first, second, sigma, numpoints)

    def predictive(self, tree: xr.DataTree | None = None, **options: Any) -> PredictiveMaps:
        """Return posterior predictive maps; options of `bayesmap.checks.predictive.predictive_maps`."""
        return predictive_maps(self._posterior, self._tree_or(tree), self.dataset, **options)

    def posterior_predictive(self, tree: xr.DataTree | None = None, **options: Any) -> xr.DataTree:
        """Return the posterior with Poisson counts per selected bin; see `bayesmap.checks.pointwise`."""
        return posterior_predictive(self._posterior, self._tree_or(tree), self.dataset, **options)

    def pointwise_log_likelihood(self, tree: xr.DataTree | None = None, **options: Any) -> xr.DataTree:
        """Return the posterior with the log-likelihood per bin, as `arviz.loo` reads it; options as above."""
        return pointwise_log_likelihood(self._posterior, self._tree_or(tree), self.dataset, **options)

    def _tree_or(self, tree: xr.DataTree | None) -> xr.DataTree:
        return self._draws({}) if tree is None else tree

    def _draws(self, options: Mapping[str, Any]) -> xr.DataTree:
        """Return the draws of the last `sample`, made now where there are none or other ones are asked for."""
        return self.sample(**options) if self._tree is None or options else self._tree

    def _errors(self) -> CovarianceResult:
        """Return the covariance at the optimum, worked out now where that was not done yet."""
        if self._best is None:
            self.optimize()
        return self._covariance if self._covariance is not None else self.covariance()

    def _stat_at(self, theta: np.ndarray) -> float:
        return -2.0 * (self._posterior.log_likelihood(theta) + self._log_factorials)

    def _at(self, values: Mapping[str, Any] | None) -> tuple[CompiledPosterior, np.ndarray]:
        """Return functions and coordinates at the current values, with some replaced."""
        if values is None:
            return self._posterior, self._theta
        table = self._start.parameters
        given = {table.resolve(name): table[name].to_unit_value(value) for name, value in values.items()}
        frozen = {name: value for name, value in given.items() if name not in self.free_parameters}
        current = self._posterior.coordinates.to_values(self._theta)
        posterior = self._posterior
        if frozen:
            posterior = self._options.compile(self.dataset, self._start.with_values(frozen), self._counts)
        return posterior, posterior.coordinates.to_theta({name: given.get(name, current[name]) for name in current})
