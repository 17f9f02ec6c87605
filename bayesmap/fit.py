"""`MapFit`: the door of the package, with the interface of Gammapy 0.10; and `simulate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.fold.convention010 import build_convention010
from bayesmap.fold.forward import build_fold
from bayesmap.inference.covariance import laplace
from bayesmap.inference.optimize import optimize
from bayesmap.io.gammapy import to_bayesmap_edisp, to_bayesmap_map, to_bayesmap_mask, to_bayesmap_psf
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.sky import Models
from bayesmap.posterior.compiled import CompiledPosterior, compile_posterior
from bayesmap.posterior.coordinates import build_coordinates
from bayesmap.posterior.likelihood import ObservedCounts, cash, observe
from bayesmap.results.fit import CovarianceResult, FitResult

EXPOSURE_ORDERS = ("true", "after_psf")
CONVENTIONS = ("exact", "gammapy010")


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
    psf : RadialPSF, PSFKernel, path or live object, optional
        Point spread function in true energy.
    edisp : EnergyDispersion, path or live object, optional
        Energy dispersion.
    background_model : BackgroundModel, optional
        Background map with a free norm; instead of `background`.
    exposure_order : str
        ``"true"``: exposure at the true position, before the PSF; ``"after_psf"``: at the pixel, after it.
    convention : str
        ``"exact"``, or ``"gammapy010"`` to reproduce the seed's numbers.
    priors : str
        ``"flat"``: the best fit is the maximum of the likelihood.
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
        priors: str = "flat",
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
        self._set_up(dataset, models, exposure_order, convention, priors, allow_asimov)

    @classmethod
    def from_dataset(
        cls,
        dataset: MapDataset,
        models: Any,
        *,
        exposure_order: str = "true",
        convention: str = "exact",
        priors: str = "flat",
        allow_asimov: bool = False,
    ) -> MapFit:
        """Return the fit of models to a dataset; parameters as of the class."""
        fit = cls.__new__(cls)
        fit._set_up(dataset, Models(models), exposure_order, convention, priors, allow_asimov)
        return fit

    def _set_up(
        self,
        dataset: MapDataset,
        models: Models,
        exposure_order: str,
        convention: str,
        priors: str,
        allow_asimov: bool,
    ) -> None:
        check_choice("exposure_order", exposure_order, EXPOSURE_ORDERS)
        check_choice("convention", convention, CONVENTIONS)
        check_choice("priors", priors, ("flat",))
        dataset.check(allow_asimov=allow_asimov)
        self.dataset = dataset
        self._start = check_background_names(models, dataset).for_dataset(dataset.name)
        self._options = (exposure_order, convention)
        self._counts: ObservedCounts = observe(dataset)
        self._posterior = self._compile(self._start)
        self._theta = self._posterior.coordinates.start
        self._best: FitResult | None = None
        self._covariance: CovarianceResult | None = None

    def _compile(self, models: Models) -> CompiledPosterior:
        exposure_order, convention = self._options
        if convention == "gammapy010":
            fold: Any = build_convention010(self.dataset, models)
        else:
            fold = build_fold(self.dataset, models, exposure_order)
        return compile_posterior(fold, self._counts, build_coordinates(models))

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
        return -2.0 * (self.log_likelihood(values) + self._counts.log_factorials)

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

        Returns
        -------
        FitResult
        """
        self._best, self._theta = optimize(self._posterior, self._stat_at, backend, **options)
        self._covariance = None
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

        Parameters
        ----------
        optimize_opts, covariance_opts : dict, optional
            Arguments of `optimize` and `covariance`.
        """
        best = self.optimize(**(optimize_opts or {}))
        covariance = self.covariance(**(covariance_opts or {}))
        self._best = merge(best, covariance)
        return self._best

    def _stat_at(self, theta: np.ndarray) -> float:
        return -2.0 * (self._posterior.log_likelihood(theta) + self._counts.log_factorials)

    def _at(self, values: Mapping[str, Any] | None) -> tuple[CompiledPosterior, np.ndarray]:
        """Return functions and coordinates at the current values, with some replaced."""
        if values is None:
            return self._posterior, self._theta
        table = self._start.parameters
        given = {table.resolve(name): table[name].to_unit_value(value) for name, value in values.items()}
        frozen = {name: value for name, value in given.items() if name not in self.free_parameters}
        current = self._posterior.coordinates.to_values(self._theta)
        posterior = self._compile(self._start.with_values(frozen)) if frozen else self._posterior
        return posterior, posterior.coordinates.to_theta({name: given.get(name, current[name]) for name in current})


def merge(best: FitResult, covariance: CovarianceResult) -> FitResult:
    """Return the best fit with the errors and the verdict of the covariance added."""
    reasons = (*best.reasons, *(() if covariance.success else covariance.reasons))
    return FitResult(
        model=covariance.model,
        success=not reasons,
        nfev=best.nfev + covariance.nfev,
        total_stat=best.total_stat,
        message="; ".join(reasons) or best.message,
        backend=best.backend,
        method=f"{best.method}; {covariance.method} covariance",
        reasons=reasons,
        at_bound=best.at_bound,
        distance=best.distance,
        log_posterior=best.log_posterior,
        notes=(*best.notes, *(covariance.reasons if covariance.success else ())),
    )


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the choices.

    Raises
    ------
    BayesmapInputError
        BM-FT-003.
    """
    if value not in choices:
        raise BayesmapInputError(
            "BM-FT-003",
            what=f"{what} is {value!r}",
            rule=f"It must be one of {', '.join(choices)}",
            remedy="Use one of these words",
        )


def check_background_names(models: Models, dataset: MapDataset) -> Models:
    """Refuse a background model that names another dataset; return the models.

    Raises
    ------
    BayesmapInputError
        BM-IN-033.
    """
    for model in models.background_models:
        if not model.applies_to(dataset.name):
            raise BayesmapInputError(
                "BM-IN-033",
                what=f"background model {model.name!r} belongs to dataset {', '.join(model.datasets_names or ())}, the "
                f"dataset is {dataset.name!r}",
                rule="A background model must name the dataset that is fitted",
                remedy=f"Correct datasets_names, or read the dataset with name={(model.datasets_names or ('',))[0]!r}",
            )
    return models


def simulate(dataset: MapDataset, models: Any, seed: int, *, exposure_order: str = "true") -> MapDataset:
    """Draw Poisson counts from the models' predicted counts.

    Parameters
    ----------
    dataset : MapDataset
        Responses and geometry; its counts are replaced.
    models : Models or SkyModel
        The truth.
    seed : int
        Seed of the random numbers.
    exposure_order : str
        See `MapFit`.

    Returns
    -------
    MapDataset
        The same dataset with new counts.
    """
    zeros = WcsNDMap(dataset.counts.geom, np.zeros(dataset.counts.data.shape))
    empty = with_counts(dataset, zeros)
    npred = MapFit.from_dataset(empty, models, exposure_order=exposure_order).npred()
    rng = np.random.default_rng(seed)
    return with_counts(dataset, WcsNDMap(npred.geom, rng.poisson(npred.data).astype(np.float64), u.Unit("")))


def with_counts(dataset: MapDataset, counts: WcsNDMap) -> MapDataset:
    """Return the dataset with other counts."""
    return MapDataset(
        name=dataset.name,
        counts=counts,
        exposure=dataset.exposure,
        background=dataset.background,
        psf=dataset.psf,
        edisp=dataset.edisp,
        mask=dataset.mask,
        notes=dataset.notes,
    )
