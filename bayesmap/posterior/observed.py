"""Counts as observed variables of a PyMC model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt

from bayesmap.dataset import Dataset, MapDataset
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.posterior import negative_binomial, on_off
from bayesmap.posterior.likelihood import ObservedCounts
from bayesmap.posterior.on_off import ObservedOnOff


def observe_counts(
    model: pm.Model,
    npred: Any,
    no_support: Any,
    counts: ObservedCounts | ObservedOnOff,
    parameters: ParameterGraph,
    prefix: str = "",
) -> None:
    """Add the counts in the mask to a PyMC model, along the dimension ``bin``.

    Parameters
    ----------
    model : pymc.Model
        The model being built.
    npred : tensor, shape (n_energy, n_lat, n_lon) or (n_energy,)
        Predicted counts.
    no_support : boolean tensor
        True where a source has left its cut-out: there the model has no support.
    counts : ObservedCounts or ObservedOnOff
        Counts and mask.
    parameters : ParameterGraph
        Parameters.
    prefix : str
        Put before the names, for a model of several datasets.
    """
    dataset = counts.dataset
    selected = np.flatnonzero(dataset.mask_data)
    dim = f"{prefix}bin"
    model.add_coord(dim, selected)
    for name, values in bin_coordinates(dataset).items():
        pm.Data(f"{prefix}bin_{name}", values, dims=dim)
    index = pytensor.shared(selected.astype(np.int64), name=f"{prefix}bin_index", shape=selected.shape)
    mu = pt.take(npred.flatten(), index)
    supported = pt.switch(no_support, 0.0, 1.0)
    observed = {"observed": _counts(dataset)[selected], "dims": dim}
    if isinstance(counts, ObservedOnOff):
        on_off.declare(f"{prefix}counts", mu, supported, counts, observed)
        return
    weights = counts.dataset.weights_data.ravel()[selected]
    spread = pt.as_tensor(counts.spread(parameters))
    law: dict[str, Any] = {"logp": _poisson_logp, "dist": _poisson_draw, "class_name": "Poisson64"}
    if counts.overdispersion:
        law = {"logp": _nb_logp, "dist": _nb_draw, "class_name": "NegativeBinomial64"}
    pm.CustomDist(f"{prefix}counts", mu, supported, spread, pt.as_tensor(weights), **law, **observed)


def _counts(dataset: Dataset) -> np.ndarray:
    data = dataset.counts.data if isinstance(dataset, MapDataset) else dataset.counts
    return np.asarray(data, dtype=np.float64).ravel()


def bin_coordinates(dataset: Dataset) -> dict[str, np.ndarray]:
    """Return energy (TeV), lon and lat (deg) of the centre of each selected bin; of a spectrum, the energy."""
    if not isinstance(dataset, MapDataset):
        return {"energy": dataset.axis.center[dataset.mask_data]}
    geom = dataset.counts.geom
    lon, lat = geom.to_image().pixel_centers()
    energy = geom.axes[0].center
    cubes = np.broadcast_arrays(energy[:, None, None], lon[None], lat[None])
    names = ("energy", "lon", "lat")
    return {name: np.asarray(cube)[dataset.mask_data] for name, cube in zip(names, cubes, strict=True)}


def poisson_logp(value: Any, mu: Any) -> Any:
    r"""Return :math:`n \ln\mu - \mu - \ln\Gamma(n + 1)`, in float64 for any n >= 0, whole or fractional."""
    possible = pt.and_(mu >= 0.0, pt.or_(mu > 0.0, pt.eq(value, 0.0)))
    logs = pt.log(pt.switch(mu > 0.0, mu, 1.0))
    return pt.switch(possible, value * logs - mu - pt.gammaln(value + 1.0), -np.inf)


def _poisson_logp(value: Any, mu: Any, supported: Any, _: Any, weights: Any) -> Any:
    return pt.switch(pt.gt(supported, 0.5), weights * poisson_logp(value, mu), -np.inf)


def _nb_logp(value: Any, mu: Any, supported: Any, spread: Any, weights: Any) -> Any:
    possible = pt.and_(pt.gt(supported, 0.5), pt.and_(mu >= 0.0, pt.or_(mu > 0.0, pt.eq(value, 0.0))))
    positive = pt.switch(mu > 0.0, mu, 1.0)
    law = value * pt.log(positive) - pt.gammaln(value + 1.0)
    law = law + negative_binomial.log_probability(pt, value, pt.switch(mu > 0.0, mu, 0.0), spread)
    return pt.switch(possible, weights * law, -np.inf)


def _poisson_draw(mu: Any, supported: Any, spread: Any, weights: Any, size: Any) -> Any:
    return pt.cast(pm.Poisson.dist(mu, size=size), "float64")


def _nb_draw(mu: Any, supported: Any, spread: Any, weights: Any, size: Any) -> Any:
    return pt.cast(pm.NegativeBinomial.dist(mu=mu, alpha=1.0 / spread, size=size), "float64")
