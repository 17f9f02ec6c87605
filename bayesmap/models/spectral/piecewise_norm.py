"""A factor with a free norm at each of some energies, interpolated between them."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.component import did_you_mean
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.nodes import TINY, hat_weights, namespace, node_array
from bayesmap.models.spectral.power_law import tilted_piece
from bayesmap.units import FloatArray

SCALES = ("log", "lin")
FAR = 1e30
"""TeV; the pieces below the first and above the last node end here and at its inverse."""


class PiecewiseNormSpectralModel(SpectralModel):
    r"""Norms at fixed energies, interpolated in :math:`\ln f` against :math:`\ln E`, constant beyond the ends.

    .. math:: \ln f(E) = (1 - w) \ln N_k + w \ln N_{k+1},\quad
              w = \frac{\ln(E / E_k)}{\ln(E_{k+1} / E_k)},\quad E_k \le E \le E_{k+1}

    With straight lines the same holds without the logarithms.

    Parameters
    ----------
    energy : Quantity
        Nodes, increasing.
    norms : sequence of float or Parameter, optional
        Start values at the nodes, of the parameters ``norm_0``, ``norm_1``, ...; ones by default.
    interp : str
        ``"log"``: power laws between the nodes, where a norm of zero or less counts as the smallest number;
        ``"lin"``: straight lines in energy.
    **values : float or Parameter
        Norms by name.

    Raises
    ------
    ModelError
        BM-MO-031 for nodes that are not increasing energies, BM-MO-032 for a number of norms that is not theirs or an
        unknown `interp`.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = PiecewiseNormSpectralModel([1, 3, 7, 10] * u.TeV, norms=[1, 5, 3, 0.5])
    >>> print(f"{model(2 * u.TeV):.6g}, {model.norm_1.value}")
    2.76058, 5.0
    """

    tag = ("PiecewiseNormSpectralModel", "piecewise-norm")
    is_norm = True
    settings = {"energy": None, "interp": "log"}  # noqa: RUF012 - read only
    energy: u.Quantity
    interp: str
    _nodes: FloatArray

    def __init__(self, energy: Any, norms: Any = None, interp: str = "log", **values: ParameterLike) -> None:
        nodes = node_array(energy, "TeV", "energy", positive=True)
        if norms is not None:
            if len(norms) != len(nodes):
                raise ModelError(
                    "BM-MO-032",
                    what=f"PiecewiseNormSpectralModel has {len(nodes)} energies and {len(norms)} norms",
                    rule="There must be one norm an energy",
                    remedy="Give as many norms as energies",
                )
            values = {f"norm_{k}": norm for k, norm in enumerate(norms)} | values
        super().__init__(energy=nodes, interp=interp, **values)

    def take_setting(self, name: str, value: Any) -> Any:
        """Check the name of the interpolation."""
        if name == "interp" and value not in SCALES:
            raise ModelError(
                "BM-MO-032",
                what=f"interp is {value!r}",
                rule=f"It must be one of {', '.join(SCALES)}",
                remedy=did_you_mean(str(value), SCALES),
            )
        return value

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return one norm for each energy."""
        return tuple(Parameter(f"norm_{k}", 1.0) for k in range(len(self.energy)))

    def check(self) -> None:
        """Keep the nodes in TeV."""
        object.__setattr__(self, "_nodes", self.energy.to_value("TeV"))

    def evaluate(self, xp: ModuleType, energy: Any, **norms: Any) -> Any:  # type: ignore[override]
        """Return the factor at `energy` in TeV."""
        own = namespace(xp, energy)
        if self.interp == "lin":
            weights = hat_weights(own, energy, self._nodes)
            return sum(weight * norms[f"norm_{k}"] for k, weight in enumerate(weights))
        weights = hat_weights(own, own.log(energy), np.log(self._nodes))
        return xp.exp(sum(weight * _log(xp, norms[f"norm_{k}"]) for k, weight in enumerate(weights)))

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **norms: Any) -> Any:
        """Integrate over each bin, exactly: the interpolation is a sum of power laws between the nodes."""
        center = np.sqrt(energy_min * energy_max)
        ends = np.array([1.0 / FAR, *self._nodes, FAR])
        values = [norms["norm_0"], *(norms[f"norm_{k}"] for k in range(len(self._nodes)))]
        values.append(values[-1])
        total = 0.0
        for k, (low, high) in enumerate(pairwise(ends)):
            inside = (np.clip(energy_min, low, high), np.clip(energy_max, low, high), center, slope)
            if np.any(inside[1] > inside[0]):
                flat = k in (0, len(ends) - 2)
                total = total + self._piece(xp, inside, (low, high), (values[k], values[k + 1]), flat=flat)
        return total

    def _piece(self, xp: ModuleType, inside: tuple, ends: tuple, norms: tuple, *, flat: bool) -> Any:
        """Integrate between two nodes."""
        low, high = ends
        first, last = norms
        if flat:
            return tilted_piece(xp, *inside, index=0.0, amplitude=self._shown(xp, last), reference=1.0)
        if self.interp == "log":
            index = -(_log(xp, last) - _log(xp, first)) / np.log(high / low)
            return tilted_piece(xp, *inside, index=index, amplitude=self._shown(xp, first), reference=low)
        rise = (last - first) / (high - low)
        level = tilted_piece(np, *inside, index=0.0, amplitude=1.0, reference=1.0)
        moment = tilted_piece(np, *inside, index=-1.0, amplitude=1.0, reference=1.0)
        return first * level + rise * (moment - low * level)

    def _shown(self, xp: ModuleType, norm: Any) -> Any:
        """Return a norm as the interpolation takes it."""
        return xp.exp(_log(xp, norm)) if self.interp == "log" else norm

    @property
    def fixed_breaks(self) -> tuple[float, ...]:
        """The nodes, in TeV."""
        return tuple(self._nodes)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS"
        table = {"energy": np.array([1.0, 3.0, 7.0, 10.0]), "norms": [1.0, 5.0, 3.0, 0.5]}
        return (
            SpectralExample(2.0, 2.76058404, f"{source} 'pbpl'", table, rtol=2e-9),
            SpectralExample(2.0, 3.0, f"{source} 'pbpllin'", table | {"interp": "lin"}),
        )


def _log(xp: ModuleType, norm: Any) -> Any:
    """Return ln of a norm; zero and less count as the smallest number, with derivative zero."""
    positive = norm > TINY
    return xp.log(xp.where(positive, norm, TINY))
