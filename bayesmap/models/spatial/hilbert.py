r"""A Gaussian process on a box as a sum of sines, whose weights are independent.

On the domain :math:`[-L_x, L_x] \times [-L_y, L_y]`

.. math:: f(x, y) = \sum_{jk} \sqrt{S(\omega_j, \omega_k)}\,\phi_j(x)\,\phi_k(y)\,z_{jk},\qquad
          \phi_j(x) = \frac{1}{\sqrt{L_x}} \sin\frac{\pi j (x + L_x)}{2 L_x},\qquad
          \omega_j = \frac{\pi j}{2 L_x},\qquad z_{jk} \sim N(0, 1)

has nearly the covariance whose spectral density is S, away from the edges of the domain.  With
:math:`\omega^2 = \omega_j^2 + \omega_k^2`, scatter s and length l

.. math:: S = 2\pi s^2 l^2 e^{-l^2\omega^2/2}\ \text{(squared exponential)},\qquad
          S = 6\pi s^2\,3^{3/2}\,l^{-3}\,(3/l^2 + \omega^2)^{-5/2}\ \text{(Matern 3/2)}.

References
----------
Solin & Sarkka 2020, Statistics and Computing 30, 419.
Riutort-Mayol et al. 2022, Statistics and Computing 33, 17 (how many sines, and how large a domain).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

SMALLEST_BOUNDARY = 1.2
"""Half the domain over half the box at least."""
RULES = {"squared_exponential": (3.2, 1.75), "matern32": (4.5, 3.42)}
"""Kernel -> factors of Riutort-Mayol et al.: domain L / S >= a l / S, and sines m >= b (L / S) / (l / S)."""
KERNELS = tuple(RULES)
WEIGHTS = "mode_"
"""Begin of the names of the weights."""


@dataclass(frozen=True)
class HilbertBasis:
    """Sines on a domain.

    Parameters
    ----------
    half : (float, float), unit deg
        Half the sides of the domain, L.
    modes : (int, int)
        Sines along each side.
    kernel : str
        One of `KERNELS`.
    """

    half: tuple[float, float]
    modes: tuple[int, int]
    kernel: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the weights that are used, ``mode_<j>_<k>``: those inside an ellipse of frequencies."""
        return tuple(f"{WEIGHTS}{j}_{k}" for j, k in self.numbers)

    @property
    def numbers(self) -> tuple[tuple[int, int], ...]:
        """Pairs (j, k) that are used, from 1 on; those in the corner have less power than those left out beside it."""
        n_x, n_y = self.modes
        pairs = ((j, k) for j in range(1, n_x + 1) for k in range(1, n_y + 1))
        return tuple((j, k) for j, k in pairs if ((j - 0.5) / n_x) ** 2 + ((k - 0.5) / n_y) ** 2 <= 1.0)

    def sines(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sines along x and along y at positions in degrees, each of shape (modes, *x.shape)."""
        return tuple(
            np.sin(math.pi * _column(number, place.ndim) * (place + half) / (2.0 * half)) / math.sqrt(half)
            for place, half, number in zip((x, y), self.half, self.modes, strict=True)
        )  # type: ignore[return-value]

    def root_power(self, xp: ModuleType, scatter: Any, length: Any) -> Any:
        """Return the square root of S of every pair of sines, shape `modes`; zero for those that are not used.

        Written out, not as a root, so that it is smooth at scatter zero.
        """
        omega = [math.pi * np.arange(1, n + 1) / (2.0 * half) for n, half in zip(self.modes, self.half, strict=True)]
        squared = omega[0][:, None] ** 2 + omega[1][None, :] ** 2
        used = np.zeros(self.modes)
        for j, k in self.numbers:
            used[j - 1, k - 1] = scatter_scale(self.kernel)
        if self.kernel == "squared_exponential":
            return used * (scatter * length) * xp.exp(-0.25 * length**2 * squared)
        return used * (scatter * length) * (3.0 + length**2 * squared) ** -1.25

    def log_field(self, xp: ModuleType, x: np.ndarray, y: np.ndarray, values: Mapping[str, Any]) -> Any:
        r"""Return f minus half its variance, so that the mean of its exponential is one at every position.

        Parameters
        ----------
        xp : module
            `numpy` or `pytensor.tensor`.
        x, y : ndarray, unit deg
            Offsets from the centre.
        values : dict
            ``scatter``, ``length`` in deg, and the weights by name.
        """
        across, along = self.sines(x, y)
        root = self.root_power(xp, values["scatter"], values["length"])
        names = set(self.names)
        entries = [
            values[f"{WEIGHTS}{j}_{k}"] if f"{WEIGHTS}{j}_{k}" in names else 0.0
            for j in range(1, self.modes[0] + 1)
            for k in range(1, self.modes[1] + 1)
        ]
        weights = xp.reshape(xp.stack(entries), self.modes) * root
        return _combined(xp, weights, across, along) - 0.5 * _combined(xp, root**2, across**2, along**2)


def build_basis(
    box: tuple[float, float], length: float, kernel: str, boundary: Any = None, modes: Any = None
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return domain over box along each side, and the number of sines, that are enough for a length and longer ones.

    Parameters
    ----------
    box : (float, float), unit deg
        Sides of the box in which the field is wanted.
    length : float, unit deg
        Correlation length.
    kernel : str
        One of `KERNELS`.
    boundary, modes : pair, optional
        Stated by the user.
    """
    reach, number = RULES[kernel]
    ratios = [length / (0.5 * side) for side in box]
    if boundary is None:
        boundary = [max(SMALLEST_BOUNDARY, reach * ratio) for ratio in ratios]
    if modes is None:
        modes = [math.ceil(number * edge / ratio) for edge, ratio in zip(boundary, ratios, strict=True)]
    return (boundary[0], boundary[1]), (modes[0], modes[1])


def scatter_scale(kernel: str) -> float:
    """Return the number in front of the square root of S: sqrt(2 pi), or sqrt(6 pi 3^(3/2))."""
    return math.sqrt(2.0 * math.pi if kernel == "squared_exponential" else 6.0 * math.pi * 3.0**1.5)


def is_weight(name: str) -> bool:
    """Return True for the (qualified) name of a weight."""
    return name.rsplit(".", 1)[-1].startswith(WEIGHTS)


def _combined(xp: ModuleType, weights: Any, across: np.ndarray, along: np.ndarray) -> Any:
    """Return sum_jk w_jk phi_j(x) phi_k(y)."""
    return xp.sum(xp.tensordot(weights, along, axes=[[1], [0]]) * across, axis=0)


def _column(number: int, ndim: int) -> np.ndarray:
    """Return 1 ... number along a new first axis."""
    return np.arange(1, number + 1).reshape(-1, *(1,) * ndim)
