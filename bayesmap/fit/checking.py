"""Predictive checks of a fit: replicated data from the posterior and from the priors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.checks.check import DRAWS, check_dataset
from bayesmap.checks.check_record import PredictiveCheck
from bayesmap.checks.positions import check_positions, source_places
from bayesmap.checks.prior_predictive import PriorCheck, prior_check, prior_predictive
from bayesmap.checks.replication import drawn_points, replicated_counts
from bayesmap.dataset import MapDataset
from bayesmap.fit.profiles import Profiles
from bayesmap.posterior.compiled import CompiledPosterior


class Checks(Profiles):
    """Fit with predictive checks."""

    def _one(self, dataset: str | None) -> tuple[CompiledPosterior, Any]:
        """Return posterior and data of one dataset."""
        raise NotImplementedError

    def _tree_or(self, tree: xr.DataTree | None) -> xr.DataTree:
        """Return the given draws, or those of the last `sample`."""
        raise NotImplementedError

    def check(
        self,
        tree: xr.DataTree | None = None,
        *,
        draws: int | None = DRAWS,
        random_seed: int = 0,
        positions: Mapping[str, tuple[float, float]] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        **options: Any,
    ) -> PredictiveCheck:
        """Return whether the posterior describes the data: the whole set of predictive checks of every dataset.

        Parameters
        ----------
        tree : xarray.DataTree, optional
            Posterior; by default that of the last `sample`, made now where there is none.
        draws : int, optional
            About how many draws to use, at even distances; None for all.
        random_seed : int
            Seed of the replicated counts.
        positions : mapping of str to (lon, lat), optional
            Further positions for radial profiles, deg, in the frame of each map.
        progress : callable, optional
            Called with (dataset, done, all).
        **options
            ``radii`` (deg) and ``ranked`` of `bayesmap.checks.check.check_dataset`.

        Returns
        -------
        PredictiveCheck
            ``ok`` and ``reasons``, and for each dataset p-values of discrepancies, bands of spectrum and radial
            profiles, the place of the largest excess, transforms of the bins, and maps.

        Raises
        ------
        BayesmapInputError
            BM-CK-004 for a number of draws below one, BM-CK-031 for radii that cannot be used, BM-CK-033 for a
            position.

        Examples
        --------
        >>> from bayesmap import MapFit
        >>> from bayesmap.testing import toy_dataset, toy_models
        >>> fit = MapFit.from_dataset(toy_dataset(npix=10), toy_models())
        >>> tree = fit.sample(draws=100, tune=100, cores=1, random_seed=1)
        >>> check = fit.check(tree, draws=200, ranked=99)
        >>> check.ok
        True
        """
        tree, found, given = self._tree_or(tree), {}, check_positions(positions or {})
        for name in self.names:
            posterior, data = self._one(name)
            theta, _ = drawn_points(posterior, tree, draws)
            places = source_places(posterior, theta, data) | given if isinstance(data, MapDataset) else {}
            told = None if progress is None else partial(progress, name)
            found[name] = check_dataset(
                posterior, theta, positions=places, random_seed=random_seed, progress=told, **options
            )
        return PredictiveCheck(found)

    def replicated_counts(
        self, tree: xr.DataTree | None = None, *, dataset: str | None = None, **options: Any
    ) -> Iterator[np.ndarray]:
        """Yield replicated counts of a dataset's selected bins, some draws at a time, in bounded memory.

        Parameters
        ----------
        tree : xarray.DataTree, optional
            Posterior.
        dataset : str, optional
            Name; needed where there are several.
        **options
            ``draws``, ``chunk`` and ``random_seed`` of `bayesmap.checks.replication.replicated_counts`.
        """
        posterior, _ = self._one(dataset)
        return replicated_counts(posterior, self._tree_or(tree), **options)

    def prior_predictive(self, draws: int = 500, *, random_seed: int = 0, **options: Any) -> xr.DataTree:
        """Return draws from the priors with replicated counts of every selected bin, as ArviZ reads them.

        Parameters
        ----------
        draws : int
            Draws from the priors. Those without support, where no counts can be predicted, are left out and counted.
        random_seed : int
            Seed.
        **options
            ``max_bytes`` of `bayesmap.checks.prior_predictive.prior_predictive`.

        Returns
        -------
        xarray.DataTree
            Groups ``prior``, ``prior_predictive``, ``observed_data`` and ``constant_data``; the attributes of the root
            say how many draws had no support, and why.

        Raises
        ------
        BayesmapInputError
            BM-CK-004, BM-CK-005 for a group that is too large, BM-CK-006 if no draw has support, BM-CK-030 for priors
            that have no integral.
        """
        return prior_predictive(self._posterior, self.datasets, draws, random_seed=random_seed, **options)

    def prior_check(self, draws: int = 500, *, random_seed: int = 0, **options: Any) -> PriorCheck:
        """Return what counts the priors allow: spectra, totals and maps of data drawn from them, in bounded memory.

        Parameters
        ----------
        draws, random_seed
            As of `prior_predictive`.
        **options
            ``progress`` of `bayesmap.checks.prior_predictive.prior_check`.

        Raises
        ------
        BayesmapInputError
            As of `prior_predictive`, but for the size.
        """
        return prior_check(self._posterior, draws, random_seed=random_seed, **options)
