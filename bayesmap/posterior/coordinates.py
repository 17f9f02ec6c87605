r"""Coordinates of the posterior: one number per free parameter, positions as offsets in the tangent plane.

Where longitude and latitude of a source are both free, its coordinates are the gnomonic offsets (x, y) in degrees
from the
start: :math:`n \propto n_0 + x\,e + y\,d` with unit vectors e (East) and d (North) at the start.  They are regular
everywhere, at 0/360 degrees and at the poles; longitude and latitude are derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.forward import ParameterGraph
from bayesmap.fold.pixelmap import tangent_basis, unit_vector
from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import Models, SkyModel


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
            keys = (f"{model.name}.spatial.lon_0", f"{model.name}.spatial.lat_0")
            if keys[0] in index and keys[1] in index:
                pairs[model.name] = (index[keys[0]], index[keys[1]])
        return pairs

    @property
    def start(self) -> np.ndarray:
        """Coordinates of the start values."""
        return self.to_theta({name: self.models.parameters[name].value for name in self.names})

    def graph(self, theta: Any) -> ParameterGraph:
        """Return all parameters as tensors of theta, shape (size,)."""
        values: dict[str, Any] = {}
        for name, parameter in self.models.parameters.items():
            values[name] = pt.constant(parameter.canonical_value)
        for i, name in enumerate(self.names):
            values[name] = theta[i] * self.models.parameters[name].canonical_factor
        vectors = {}
        for model in self.models:
            if not isinstance(model, SkyModel) or not hasattr(model.spatial_model, "lon_0"):
                continue
            if model.name in self.moving:
                i, j = self.moving[model.name]
                vectors[model.name] = self._moved(model.name, theta[i], theta[j])
            else:
                prefix = f"{model.name}.spatial."
                vectors[model.name] = unit_vector(pt, values[prefix + "lon_0"], values[prefix + "lat_0"])
        return ParameterGraph(values, vectors)

    def to_theta(self, values: dict[str, float]) -> np.ndarray:
        """Return the coordinates of named values (floats in the parameters' units)."""
        theta = np.array([values[name] for name in self.names], dtype=np.float64)
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
        for source, (i, j) in self.moving.items():
            factors = self._factors(source)
            lon, lat = self._lon_lat(source, theta[..., i], theta[..., j])
            values[..., i], values[..., j] = lon / factors[0], lat / factors[1]
        return values

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Return d(values) / d(theta), shape (size, size): one but for positions."""
        result = np.eye(self.size)
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

    def _lon_lat(self, source: str, x: Any, y: Any) -> tuple[Any, Any]:
        """Return lon and lat in degrees of offsets, scalars or arrays."""
        basis = self._basis(source)
        vector = [basis[0, k] + np.deg2rad(x) * basis[1, k] + np.deg2rad(y) * basis[2, k] for k in range(3)]
        lon = np.rad2deg(np.arctan2(vector[1], vector[0]))
        lat = np.rad2deg(np.arctan2(vector[2], np.hypot(vector[0], vector[1])))
        start = self._start_parameters(source)[0].canonical_value
        return start + (lon - start + 180.0) % 360.0 - 180.0, lat

    def _basis(self, source: str) -> np.ndarray:
        lon, lat = (parameter.canonical_value for parameter in self._start_parameters(source))
        return tangent_basis(lon, lat)

    def _factors(self, source: str) -> np.ndarray:
        return np.array([parameter.canonical_factor for parameter in self._start_parameters(source)])

    def _start_parameters(self, source: str) -> tuple[Parameter, Parameter]:
        parameters = self.models.parameters
        return parameters[f"{source}.spatial.lon_0"], parameters[f"{source}.spatial.lat_0"]
