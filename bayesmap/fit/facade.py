"""`MapFit`: the door of the package, with the interface of Gammapy 0.10; and `simulate`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.pointwise import pointwise_log_likelihood, posterior_predictive
from bayesmap.checks.predictive import PredictiveMaps, predictive_maps
from bayesmap.checks.prior_report import PriorReport, prior_report
from bayesmap.checks.verdict import judge
from bayesmap.dataset import Dataset, MapDataset
from bayesmap.errors import FitStateError
from bayesmap.fit.arguments import dataset_name
from bayesmap.fit.checking import Checks
from bayesmap.fit.leave_out import leave_out
from bayesmap.fit.options import FitOptions
from bayesmap.fit.stored import draw_store
from bayesmap.inference.backends.registry import COVARIANCES, load
from bayesmap.inference.modes import modes_json
from bayesmap.inference.optimize import optimize
from bayesmap.inference.sample import WARM_UP, check_settings, sample
from bayesmap.inference.whitening import inside
from bayesmap.io.gammapy import to_bayesmap_edisp, to_bayesmap_map, to_bayesmap_mask, to_bayesmap_psf
from bayesmap.models.sky import Models
from bayesmap.posterior.build import build_posterior
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.fit import CovarianceResult, FitResult, merge
from bayesmap.results.loo import Loo
from bayesmap.results.posterior import posterior_tree


class MapFit(Checks):
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
        ``"flat"``, so that the best fit is the maximum of the likelihood; or a dict of name and prior, or of several
        names and a `MultivariatePrior` (the rest gets the default ones).
    allow_asimov : bool
        True to accept fractional (expected) counts.
    likelihood : str
        ``"poisson"``, or ``"negative_binomial"`` for counts that scatter more: an `OverdispersionModel` is added.
    memory_limit : float or str, optional
        Bytes, or text such as ``"8 GB"``, above which a fit is refused before it is compiled; by default what the
        machine has left.
    weights : WcsNDMap, path or live map, optional
        Weight of each bin's log-likelihood, between 0 and 1.
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
        priors: str | Mapping[Any, Any] = "default",
        allow_asimov: bool = False,
        likelihood: str = "poisson",
        memory_limit: float | str | None = None,
        weights: Any = None,
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
            weights=None if weights is None else to_bayesmap_map(weights),
        )
        models = Models(model)
        if background_model is not None:
            models = models + background_model
        chosen = FitOptions(exposure_order, convention, priors, energy_integration, likelihood, memory_limit)
        self._set_up((dataset,), models, chosen, allow_asimov=allow_asimov)

    @classmethod
    def from_dataset(cls, dataset: Dataset, models: Any, **options: Any) -> MapFit:
        """Return the fit of models to a dataset; options as of the class (see `from_datasets`)."""
        return cls.from_datasets([dataset], models, **options)

    @classmethod
    def from_datasets(
        cls,
        datasets: Iterable[Dataset],
        models: Any,
        *,
        exposure_order: str = "true",
        convention: str = "exact",
        energy_integration: str = "binned",
        priors: str | Mapping[Any, Any] = "default",
        allow_asimov: bool = False,
        likelihood: str = "poisson",
        memory_limit: float | str | None = None,
    ) -> MapFit:
        """Return the joint fit of models to several datasets, maps and spectra, whose likelihoods multiply.

        Parameters
        ----------
        datasets : iterable of MapDataset or SpectrumDatasetOnOff
            Each with a name of its own; instruments, geometries and binnings may differ.
        models : Models
            A model belongs to all datasets, or to those that its `datasets_names` names.
        exposure_order, convention, energy_integration, priors, allow_asimov, likelihood, memory_limit
            As of the class.

        Raises
        ------
        BayesmapInputError
            BM-FT-012 for names that are used twice; else as of the class.
        """
        fit = cls.__new__(cls)
        chosen = FitOptions(exposure_order, convention, priors, energy_integration, likelihood, memory_limit)
        fit._set_up(tuple(datasets), Models(models), chosen, allow_asimov=allow_asimov)
        return fit

    def _set_up(
        self, datasets: tuple[Dataset, ...], models: Models, options: FitOptions, *, allow_asimov: bool
    ) -> None:
        Checks.__init__(self, datasets, options.with_scatter(models), options, allow_asimov=allow_asimov)
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
    def best(self) -> FitResult | None:
        """The last best fit; None before `optimize`."""
        return self._best

    @cached_property
    def pymc_model(self) -> Any:
        """The posterior as a `pymc.Model`: everything that PyMC and ArviZ do works on it."""
        return build_posterior(self._options.observations(self._start, self._counts), self._posterior.variables)

    @property
    def initial_values(self) -> dict[str, np.ndarray]:
        """The current values, moved off limits, for ``pymc.sample(model=fit.pymc_model, initvals=...)``."""
        return self._posterior.variables.values(inside(self._posterior, self._theta))

    def optimize(self, backend: str = "newton", **options: Any) -> FitResult:
        """Find the best fit.

        Parameters
        ----------
        backend : str
            ``"newton"``: quasi-Newton steps, certified by the exact Hessian at the optimum; ``"scipy"``, ``"minuit"``
            or ``"sherpa"``: those of other packages, judged the same way where they end.
        **options
            ``starts`` (search from so many start values, scattered around the given ones, and keep the best; by
            default one, and with newton a few more after a hard way) and ``random_seed`` of these; ``tolerance``
            (sigma) and ``max_iterations``; of newton ``progress`` (called with iteration and state), of the others
            ``method`` and more, see the function `run` of `bayesmap.inference.backends` of that name.
        """
        self.check_memory()
        best, self._theta = optimize(self._posterior, self._stat_at, backend, **options)
        self._best = replace(best, notes=(*best.notes, *self.edge_notes))
        self._covariance = self._tree = None
        return self._best

    def covariance(self, backend: str = "laplace") -> CovarianceResult:
        """Return the covariance at the last optimum.

        Parameters
        ----------
        backend : str
            ``"laplace"``: from the exact Hessian; ``"minuit"``: from HESSE, strategy 2.

        Raises
        ------
        FitStateError
            BM-FT-001 before `optimize`.
        """
        work_out = load("covariance", COVARIANCES, backend)
        if self._best is None:
            raise FitStateError(
                "BM-FT-001",
                what="covariance was called before optimize",
                rule="The covariance is taken at the optimum",
                remedy="Call optimize() first, or run() for both",
            )
        self._covariance = work_out(self._posterior, self._best.model, self._theta, self._best.hessian)
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
        modes: bool = True,
        *,
        store: str | os.PathLike[str] | None = None,
        resume: bool = False,
        overwrite: bool = False,
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
        modes : bool
            Search for other modes of the posterior (`bayesmap.inference.modes`), a few more optimisations; the
            verdict names those that matter. Only from a best fit that is to be trusted.
        store : path-like, optional
            Folder into which nutpie's draws are written while they are made, every 250 draws of a chain or 10 s;
            `bayesmap.load_posterior` reads what a killed run left there.
        resume : bool
            True to continue the run whose draws lie in `store`: its finished chains are kept, the others are run again
            from their seeds, and the posterior is bit for bit that of a run without interruption.
        overwrite : bool
            True to delete the draws in `store`, if they are not continued.
        **options
            Of `bayesmap.inference.sample.sample`.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``, and a verdict
            (`bayesmap.summarise` shows it first).

        Raises
        ------
        BayesmapInputError
            BM-FT-002, 004, 005, 015, 016 for the options; BM-IO-021 for a store of other data, models or settings,
            BM-IO-022 for one that is there unasked.
        BayesmapIOError
            BM-IO-023 to 026 for a store that cannot be used, BM-IO-028 for a chain that is not what it was.
        FitStateError
            BM-FT-006, 008, 014.
        """
        best = self._best or self.optimize()
        numbers = {"draws": draws, "tune": tune, "chains": chains, "cores": cores, "random_seed": random_seed}
        settings: dict[str, Any] = numbers | {"nuts_sampler": nuts_sampler} | options
        check_settings(**settings, store=store)
        signature(sample).bind(None, None, None, **settings)  # a misspelt option ends here, before a store is touched
        with draw_store(self, store, settings, resume=resume, overwrite=overwrite) as kept:
            start = (self._posterior, self._theta, lambda: self.pymc_model)
            found = sample(*start, hessian=best.hessian, store=kept, **settings)
        self._tree = posterior_tree(found, self._posterior.variables, self.datasets, self._options.record())
        if modes and best.success and best.hessian is not None and found.status == "finished":
            try:
                self._tree.attrs["modes"] = modes_json(self._posterior, best.theta, best.hessian)
            except KeyboardInterrupt:  # the draws are there: they are kept, and the verdict says so
                self._tree.attrs["status"] = "interrupted"
        self._tree.attrs["verdict"] = judge(self._tree, self._posterior.variables).to_json()
        return self._tree

    def predictive(
        self, tree: xr.DataTree | None = None, *, dataset: str | None = None, **options: Any
    ) -> PredictiveMaps:
        """Return posterior predictive maps of a dataset; options of `bayesmap.checks.predictive.predictive_maps`."""
        posterior, item = self._one(dataset)
        return predictive_maps(posterior, self._tree_or(tree), item, **options)

    def prior_report(self, tree: xr.DataTree | None = None, **options: Any) -> PriorReport:
        """Return what the data added to the priors; options of `bayesmap.checks.prior_report.prior_report`."""
        return prior_report(self._posterior, self._tree_or(tree), **options)

    def posterior_predictive(self, tree: xr.DataTree | None = None, **options: Any) -> xr.DataTree:
        """Return the posterior with replicated counts per selected bin of all datasets; see `checks.pointwise`."""
        return self._for_all(posterior_predictive, tree, options)

    def pointwise_log_likelihood(self, tree: xr.DataTree | None = None, **options: Any) -> xr.DataTree:
        """Return the posterior with the log-likelihood per bin, as `arviz.loo` reads it; options as above."""
        return self._for_all(pointwise_log_likelihood, tree, options)

    def loo(self, tree: xr.DataTree | None = None, *, refit: bool | int = False, **options: Any) -> Loo:
        """Return the leave-one-out cross-validation of the posterior; see `bayesmap.fit.leave_out.leave_out`."""
        return leave_out(self, self._tree_or(tree), refit=refit, **options)

    def _for_all(self, fill: Callable[..., xr.DataTree], tree: xr.DataTree | None, options: Any) -> xr.DataTree:
        filled = self._tree_or(tree)
        for name in self.names:
            posterior, item = self._one(name)
            filled = fill(posterior, filled, item, **options)
        return filled

    def _one(self, dataset: str | None) -> tuple[CompiledPosterior, Any]:
        """Return posterior and data of one dataset."""
        name = dataset_name(self.names, dataset)
        return self._posterior.of(name), self.datasets[self.names.index(name)]

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
