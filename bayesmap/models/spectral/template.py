"""A spectrum from a table of energies and values."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.spectral.base import SpectralExample, SpectralModel
from bayesmap.models.spectral.nodes import TINY, locate, log_of, namespace, node_array, value_array
from bayesmap.models.spectral.power_law import tilted_piece
from bayesmap.units import FloatArray

UNIT = "cm-2 s-1 TeV-1"


class TemplateSpectralModel(SpectralModel):
    r"""Table of a spectrum: power laws between its nodes, the first and last of which go on beyond the ends.

    .. math:: \ln f(E) = (1 - w) \ln f_k + w \ln f_{k+1},\quad w = \frac{\ln(E / E_k)}{\ln(E_{k+1} / E_k)}

    It has no parameters, as in Gammapy. A product with a norm model gives it some: ``template *
    PowerLawNormSpectralModel()`` has the parameters ``norm``, ``tilt`` and ``reference``.

    Parameters
    ----------
    energy : Quantity
        Nodes, increasing.
    values : Quantity
        Values there. With a flux unit it is a spectrum (plain numbers: cm-2 s-1 TeV-1); dimensionless quantities
        make it a norm model. Zero counts as the smallest number.

    Raises
    ------
    ModelError
        BM-MO-031 for nodes that are not increasing energies, or values that are negative or not one a node.

    Examples
    --------
    >>> import astropy.units as u
    >>> model = TemplateSpectralModel([1, 10] * u.TeV, [4, 0.04] * u.Unit("cm-2 s-1 TeV-1"))
    >>> print(f"{model(2 * u.TeV):.4g}")
    1 1 / (TeV s cm2)
    """

    tag = ("TemplateSpectralModel", "template")
    settings = {"energy": None, "values": None}  # noqa: RUF012 - read only
    energy: u.Quantity
    values: u.Quantity
    _nodes: FloatArray
    _logs: FloatArray

    def __init__(self, energy: Any, values: Any) -> None:
        super().__init__(energy=energy, values=values)

    def take_setting(self, name: str, value: Any) -> Any:
        """Check nodes and values."""
        if name == "energy":
            return node_array(value, "TeV", "energy", positive=True)
        factor = getattr(value, "unit", None) is not None and u.Unit(value.unit).is_equivalent("")
        return value_array(value, "" if factor else UNIT, "values")

    def check(self) -> None:
        """Check the table and keep its logarithms."""
        if self.values.shape != self.energy.shape or np.any(self.values.value < 0.0):
            raise ModelError(
                "BM-MO-031",
                what=f"TemplateSpectralModel has {self.energy.size} energies and values of shape {self.values.shape}, "
                f"{np.count_nonzero(self.values.value < 0.0)} below zero",
                rule="There must be one value an energy, and none below zero",
                remedy="Correct the table",
            )
        object.__setattr__(self, "is_norm", self.values.unit.is_equivalent(""))
        object.__setattr__(self, "_nodes", self.energy.to_value("TeV"))
        object.__setattr__(self, "_logs", log_of(self.values.to_value(self.value_unit)))

    def evaluate(self, xp: ModuleType, energy: Any) -> Any:  # type: ignore[override]
        """Return dN/dE in cm-2 s-1 TeV-1 (or the factor) at `energy` in TeV."""
        own = namespace(xp, energy)
        index, fraction = locate(own, own.log(energy), np.log(self._nodes))
        first, rise = own.take(self._logs[:-1], index), own.take(np.diff(self._logs), index)
        value = own.exp(first + rise * fraction)
        return own.where(value > 2.0 * TINY, value, 0.0)

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any) -> Any:  # type: ignore[override]
        """Integrate over each bin, exactly: a power law between each two nodes."""
        center = np.sqrt(energy_min * energy_max)
        ends = np.array([0.0, *self._nodes[1:-1], np.inf])
        total = np.zeros_like(center)
        for k, (low, high) in enumerate(pairwise(ends)):
            index = -(self._logs[k + 1] - self._logs[k]) / np.log(self._nodes[k + 1] / self._nodes[k])
            part = (np.clip(energy_min, low, high), np.clip(energy_max, low, high))
            inside = part[1] > part[0]
            amplitude = np.exp(self._logs[k])
            total[inside] += tilted_piece(
                np,
                part[0][inside],
                part[1][inside],
                center[inside],
                np.broadcast_to(slope, center.shape)[inside],
                index=index,
                amplitude=amplitude,
                reference=self._nodes[k],
            )
        return total

    @property
    def fixed_breaks(self) -> tuple[float, ...]:
        """The nodes, in TeV."""
        return tuple(self._nodes)

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'table_model'"
        energy = np.geomspace(0.1, 100.0, 25)
        table = {"energy": energy, "values": 4.0 * energy**-2.3}
        return (SpectralExample(2.0, 4.0 * 2.0**-2.3, source, table),)
