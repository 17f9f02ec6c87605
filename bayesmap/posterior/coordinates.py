r"""Coordinates of the posterior: one number per free parameter.

Members of pools are deviates (see `pooling`). Where longitude and latitude of a source are both free, its coordinates
are the gnomonic offsets (x, y) in degrees from the start: :math:`n \propto n_0 + x\,e + y\,d` with unit vectors e
(East) and d (North) at the start.  They are regular
everywhere, at 0/360 degrees and at the poles; longitude and latitude are derived from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.pixelmap import tangent_basis, unit_vector
from bayesmap.models.link import link_order, linked_canonical
from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import Models
from bayesmap.posterior.pooling import Pool, find_pools


@dataclass(frozen=True)
class Coordinates:
    """Map between coordinates theta and named parameter values.

    Parameters
    ----------
    models : Models
        At their start values.
    names : tuple of str
        Free parameters by qualified name, in the order of theta. For a moving source the entries of ``lon_0`` and
        ``lat_0`` hold its offsets x and y.
    """

    models: Models
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of free parameters."""
        return len(self.names)

    @property
    def moving(self) -> dict[str, tuple[int, int]]:
        """Source name -> indices of (x, y), for sources with both coordinates free."""
        index = {name: i for i, name in enumerate(self.names)}
        pairs = {}
        for model in self.models:
            keys = _position_names(model.name)
            if keys[0] in index and keys[1] in index:
                pairs[model.name] = (index[keys[0]], index[keys[1]])
        return pairs

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """Pools, by positions in theta."""
        return find_pools(self.models, self.names)

    @property
    def pooled(self) -> dict[int, Pool]:
        """Entry of theta that holds a deviate -> its pool."""
        return {i: pool for pool in self.pools for i in pool.members}

    @property
    def derived(self) -> frozenset[int]:
        """Entries of theta that are not the value of their parameter: offsets of positions, deviates of pools."""
        return frozenset(self.pooled) | {i for pair in self.moving.values() for i in pair}

    @property
    def start(self) -> np.ndarray:
        """Coordinates of the start values."""
        return self.to_theta({name: self.models.parameters[name].value for name in self.names})

    def graph(self, theta: Any) -> ParameterGraph:
        """Return all parameters as tensors of theta, shape (size,)."""
        table = self.models.parameters
        values: dict[str, Any] = {name: pt.constant(item.canonical_value) for name, item in table.items()}
        pooled = self.pooled
        for i, name in enumerate(self.names):
            value = pooled[i].values(pt, theta, i) if i in pooled else theta[i]
            values[name] = value * table[name].canonical_factor
        vectors = {}
        for source, (i, j) in self.moving.items():
            vectors[source] = self._moved(source, theta[i], theta[j])
            lon_lat = self._lon_lat(pt, source, theta[i], theta[j])
            values |= dict(zip(_position_names(source), lon_lat, strict=True))
        for name in link_order(table):
            values[name] = linked_canonical(pt, table[name], values, table)
        for source, names in self._standing():
            master = self._same_place(names)
            vectors[source] = vectors[master] if master in vectors else unit_vector(pt, *(values[key] for key in names))
        return ParameterGraph(values, vectors)

    def _standing(self) -> list[tuple[str, tuple[str, str]]]:
        """Return the sources with a position that is not free by itself, and the names of it."""
        placed = [model for model in self.models.sky_models if hasattr(model.spatial_model, "lon_0")]
        return [(model.name, _position_names(model.name)) for model in placed if model.name not in self.moving]

    def _same_place(self, names: tuple[str, str]) -> str:
        """Return the moving source whose position these parameters are linked to as a whole, or nothing."""
        links = tuple(self.models.parameters[name].link for name in names)
        own: Any = self.models[names[0].removesuffix(".spatial.lon_0")]
        for source in self.moving:
            other: Any = self.models[source]
            if links == _position_names(source) and own.spatial_model.frame == other.spatial_model.frame:
                return source
        return ""

    def to_theta(self, values: Mapping[str, float]) -> np.ndarray:
        """Return the coordinates of named values (floats in the parameters' units)."""
        theta = np.array([values[name] for name in self.names], dtype=np.float64)
        for i, pool in self.pooled.items():
            theta[i] = pool.deviate(theta, theta[i])
        for source, (i, j) in self.moving.items():
            vector = unit_vector(np, *(theta[[i, j]] * self._factors(source)))
            components = self._basis(source) @ vector
            theta[i], theta[j] = np.rad2deg(components[1:] / components[0])
        return theta

    def to_values(self, theta: np.ndarray) -> dict[str, float]:
        """Return named values (floats in the parameters' units); longitudes are continuous around the start."""
        return dict(zip(self.names, map(float, self.to_many_values(theta)), strict=True))

    def to_many_values(self, theta: np.ndarray) -> np.ndarray:
        """Return the values of many theta, an array of the same shape (..., size) in the parameters' units."""
        values = np.array(theta, dtype=np.float64)
        for i, pool in self.pooled.items():
            values[..., i] = pool.values(np, theta, i)
        for source, (i, j) in self.moving.items():
            factors = self._factors(source)
            lon, lat = self._lon_lat(np, source, theta[..., i], theta[..., j])
            values[..., i], values[..., j] = lon / factors[0], lat / factors[1]
        return values

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Return d(values) / d(theta), shape (size, size): one but for positions and pools."""
        result = np.eye(self.size)
        for pool in self.pools:
            pool.fill_jacobian(result, theta)
        for source, (i, j) in self.moving.items():
            result[np.ix_([i, j], [i, j])] = self._position_jacobian(source, theta[i], theta[j])
        return result

    def _position_jacobian(self, source: str, x: float, y: float) -> np.ndarray:
        """Return d(lon, lat) / d(x, y) in the parameters' units, shape (2, 2)."""
        basis = self._basis(source)
        raw = basis[0] + np.deg2rad(x) * basis[1] + np.deg2rad(y) * basis[2]
        norm = np.linalg.norm(raw)
        vector = raw / norm
        steps = (basis[1:] - np.outer(basis[1:] @ vector, vector)) / norm
        horizontal = np.hypot(vector[0], vector[1])
        to_lon = np.array([-vector[1], vector[0], 0.0]) / horizontal**2
        to_lat = np.array([0.0, 0.0, 1.0]) / horizontal
        factors = self._factors(source)
        return np.stack([steps @ to_lon / factors[0], steps @ to_lat / factors[1]])

    def _moved(self, source: str, x: Any, y: Any) -> Any:
        basis = self._basis(source)
        raw = pt.stack([float(basis[0, k]) + (x * basis[1, k] + y * basis[2, k]) * (np.pi / 180.0) for k in range(3)])
        return raw / pt.sqrt(pt.sum(raw * raw))

    def _lon_lat(self, xp: Any, source: str, x: Any, y: Any) -> tuple[Any, Any]:
        """Return lon and lat in degrees of offsets, scalars or arrays; lon is continuous around the start."""
        basis, radian = self._basis(source), np.pi / 180.0
        raw = [float(basis[0, k]) + (x * float(basis[1, k]) + y * float(basis[2, k])) * radian for k in range(3)]
        start = self._start_parameters(source)[0].canonical_value
        cos, sin = np.cos(start * radian), np.sin(start * radian)
        # Relative to the start, so that the branch of the arctangent lies half a turn away from it.
        lon = xp.arctan2(raw[1] * cos - raw[0] * sin, raw[0] * cos + raw[1] * sin)
        lat = xp.arctan2(raw[2], xp.sqrt(raw[0] * raw[0] + raw[1] * raw[1]))
        return start + lon / radian, lat / radian

    def _basis(self, source: str) -> np.ndarray:
        lon, lat = (parameter.canonical_value for parameter in self._start_parameters(source))
        return tangent_basis(lon, lat)

    def _factors(self, source: str) -> np.ndarray:
        return np.array([parameter.canonical_factor for parameter in self._start_parameters(source)])

    def _start_parameters(self, source: str) -> tuple[Parameter, Parameter]:
        lon, lat = (self.models.parameters[name] for name in _position_names(source))
        return lon, lat


def _position_names(source: str) -> tuple[str, str]:
    return f"{source}.spatial.lon_0", f"{source}.spatial.lat_0"
