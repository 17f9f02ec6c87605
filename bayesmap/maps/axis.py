"""Axes of a map that are not on the sky: energy, true energy, angular distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bayesmap.errors import GeometryError, UnitsError
from bayesmap.fits.bands import AxisRecord
from bayesmap.units import FloatArray, to_float64

AXIS_UNITS = {"energy": "TeV", "energy_true": "TeV", "rad": "deg"}
Interp = Literal["lin", "log"]
NodeType = Literal["edges", "center"]


@dataclass(frozen=True, eq=False)
class MapAxis:
    """Bins, or nodes, along one coordinate.

    Edges e and centres c are related by c = sqrt(e_lo e_hi) (`interp` "log") or c = (e_lo + e_hi) / 2 ("lin"). An axis
    of nodes has values at points; its `edges` are the mid points between them, and as far beyond the ends as within,
    as Gammapy takes them.

    Parameters
    ----------
    name : str
        ``energy``, ``energy_true``, ``rad``, ...
    nodes : ndarray
        n + 1 edges (`node_type` "edges") or n nodes ("center"), strictly increasing, in `unit`.
    unit : str
        TeV for energies, deg for angles: values in other units are converted by `from_edges` and `from_nodes`.
    interp : {"lin", "log"}
        Whether the coordinate is linear or logarithmic.
    node_type : {"edges", "center"}
        Bins or points.

    Raises
    ------
    GeometryError
        If the values do not increase, are not finite, or not positive on a logarithmic axis (BM-GE-010).
    """

    name: str
    nodes: FloatArray
    unit: str = "TeV"
    interp: Interp = "log"
    node_type: NodeType = "edges"

    def __post_init__(self) -> None:
        canonical = AXIS_UNITS.get(self.name)
        nodes = to_float64(self.nodes, self.unit, f"axis {self.name}")
        if canonical is not None and self.unit != canonical:
            nodes = to_float64(f"1 {self.unit}", canonical, f"axis {self.name}") * nodes
            object.__setattr__(self, "unit", canonical)
        object.__setattr__(self, "nodes", to_float64(nodes, self.unit, f"axis {self.name}"))
        self._check()

    @classmethod
    def from_edges(cls, edges: Any, name: str = "energy", unit: str | None = None, interp: Interp = "log") -> MapAxis:
        """Make an axis of bins.

        Parameters
        ----------
        edges : Quantity or array_like
            n + 1 values; numbers are in `unit`.
        name, interp : str
            See the class.
        unit : str, optional
            By default TeV for energies, deg for ``rad``, otherwise that of the values.

        Returns
        -------
        MapAxis
        """
        return cls(name, *_in_canonical_unit(edges, name, unit), interp=interp, node_type="edges")

    @classmethod
    def from_nodes(
        cls, nodes: Any, name: str = "energy_true", unit: str | None = None, interp: Interp = "log"
    ) -> MapAxis:
        """Make an axis of points.

        Parameters
        ----------
        nodes : Quantity or array_like
            n values; numbers are in `unit`.
        name, interp : str
            See the class.
        unit : str, optional
            By default TeV for energies, deg for ``rad``, otherwise that of the values.

        Returns
        -------
        MapAxis
        """
        return cls(name, *_in_canonical_unit(nodes, name, unit), interp=interp, node_type="center")

    @classmethod
    def from_energy_bounds(cls, energy_min: Any, energy_max: Any, nbin: int, name: str = "energy") -> MapAxis:
        """Make energy bins of equal width in the logarithm.

        Parameters
        ----------
        energy_min, energy_max : Quantity, str or float
            The ends; numbers in TeV.
        nbin : int
            Number of bins.
        name : str
            Name of the axis.

        Returns
        -------
        MapAxis
        """
        low = float(to_float64(energy_min, "TeV", "energy_min"))
        high = float(to_float64(energy_max, "TeV", "energy_max"))
        if not (0 < low < high < np.inf) or nbin < 1:
            raise GeometryError(
                "BM-GE-010",
                what=f"axis {name} was asked for with {nbin} bins between {low:g} and {high:g} TeV",
                rule="0 < energy_min < energy_max and at least one bin",
                remedy="Correct the bounds",
            )
        return cls.from_edges(np.geomspace(low, high, nbin + 1), name=name)

    @classmethod
    def from_record(cls, record: AxisRecord) -> MapAxis:
        """Make an axis from what a file says."""
        if record.name in AXIS_UNITS and not record.unit:
            raise UnitsError(
                "BM-GE-005",
                what=f"the columns of axis {record.name} have no TUNIT",
                rule="Energies and angles need a unit",
                remedy="Add TUNIT to the BANDS table",
            )
        make = cls.from_edges if record.node_type == "edges" else cls.from_nodes
        interp: Interp = "log" if record.interp == "log" else "lin"
        return make(record.nodes, name=record.name, unit=record.unit, interp=interp)

    def to_record(self) -> AxisRecord:
        """Return what a file says of this axis."""
        return AxisRecord(self.name, self.nodes, self.unit, self.interp, self.node_type)

    @property
    def nbin(self) -> int:
        """Number of bins, or of nodes."""
        return len(self.nodes) - (self.node_type == "edges")

    @property
    def edges(self) -> FloatArray:
        """Edges of the bins, shape (nbin + 1,), in `unit`.

        Raises
        ------
        GeometryError
            For an axis of a single node, which has no width (BM-GE-010).
        """
        if self.node_type == "edges":
            return self.nodes
        if self.nbin == 1:
            raise self._invalid("has a single node and therefore no bin", "An axis of nodes needs two to have edges")
        scaled = np.log(self.nodes) if self.interp == "log" else self.nodes
        middle = 0.5 * (scaled[1:] + scaled[:-1])
        ends = np.concatenate([[scaled[0] - (middle[0] - scaled[0])], middle, [scaled[-1] + (scaled[-1] - middle[-1])]])
        edges = np.exp(ends) if self.interp == "log" else ends
        edges.setflags(write=False)
        return edges

    @property
    def center(self) -> FloatArray:
        """Centres of the bins, or the nodes, shape (nbin,), in `unit`."""
        if self.node_type == "center":
            return self.nodes
        low, high = self.nodes[:-1], self.nodes[1:]
        center = np.sqrt(low * high) if self.interp == "log" else 0.5 * (low + high)
        center.setflags(write=False)
        return center

    @property
    def bin_width(self) -> FloatArray:
        """Widths of the bins, shape (nbin,), in `unit`."""
        return np.diff(self.edges)

    def rename(self, name: str) -> MapAxis:
        """Return the same axis under another name."""
        return MapAxis(name, self.nodes, self.unit, self.interp, self.node_type)

    def rebin(self, factor: int) -> MapAxis:
        """Return the axis with groups of `factor` bins merged.

        Raises
        ------
        GeometryError
            If the number of bins is no multiple of `factor`, or the axis has nodes (BM-GE-010).
        """
        if self.node_type != "edges" or factor < 1 or self.nbin % factor:
            raise self._invalid(
                f"has {self.nbin} {'bins' if self.node_type == 'edges' else 'nodes'} and cannot be merged by {factor}",
                "Bins can be merged in groups that divide their number; nodes cannot",
            )
        return MapAxis(self.name, self.nodes[::factor], self.unit, self.interp, self.node_type)

    def slice(self, start: int, stop: int) -> MapAxis:
        """Return bins `start` to `stop` (excluded).

        Raises
        ------
        GeometryError
            If no bin is left (BM-GE-009).
        """
        if not 0 <= start < stop <= self.nbin:
            raise GeometryError(
                "BM-GE-009",
                what=f"bins {start} to {stop} of axis {self.name} were asked for",
                rule=f"The axis has bins 0 to {self.nbin}",
                remedy="Choose at least one bin inside the axis",
            )
        nodes = self.nodes[start : stop + (self.node_type == "edges")]
        return MapAxis(self.name, nodes, self.unit, self.interp, self.node_type)

    def is_close(self, other: MapAxis, rtol: float = 1e-6) -> bool:
        """Whether both axes have the same name, kind and values within `rtol`."""
        return (
            (self.name, self.unit, self.node_type) == (other.name, other.unit, other.node_type)
            and len(self.nodes) == len(other.nodes)
            and bool(np.allclose(self.nodes, other.nodes, rtol=rtol, atol=0))
        )

    def __eq__(self, other: object) -> bool:
        return self.is_close(other) if isinstance(other, MapAxis) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # equality has a tolerance

    def __str__(self) -> str:
        kind = "bins" if self.node_type == "edges" else "nodes"
        return f"{self.name}: {self.nbin} {kind}, {self.nodes[0]:.6g}-{self.nodes[-1]:.6g} {self.unit}"

    def _check(self) -> None:
        nodes = self.nodes
        if nodes.ndim != 1 or self.nbin < 1:
            raise self._invalid(f"has values of shape {nodes.shape}", "An axis needs one bin (two edges) or one node")
        if self.interp not in ("lin", "log") or self.node_type not in ("edges", "center"):
            raise self._invalid(
                f"has interp={self.interp!r}, node_type={self.node_type!r}",
                "interp is 'lin' or 'log', node_type is 'edges' or 'center'",
            )
        if not np.all(np.isfinite(nodes)) or np.any(np.diff(nodes) <= 0):
            bad = int(np.argmin(np.append(np.isfinite(nodes[1:]) & (np.diff(nodes) > 0), False)))
            raise self._invalid(f"does not increase at value {bad + 1}", "Values must be finite and strictly increase")
        if self.interp == "log" and nodes[0] <= 0:
            raise self._invalid(f"begins at {nodes[0]:g} {self.unit}", "A logarithmic axis has positive values")

    def _invalid(self, what: str, rule: str) -> GeometryError:
        return GeometryError(
            "BM-GE-010", what=f"axis {self.name} {what}", rule=rule, remedy="Correct the axis where it is made"
        )


def _in_canonical_unit(values: Any, name: str, unit: str | None) -> tuple[FloatArray, str]:
    """Convert values (numbers in `unit`) to the unit that axes of this name are kept in."""
    if unit is None:
        unit = AXIS_UNITS.get(name, str(getattr(values, "unit", "")))
    canonical = AXIS_UNITS.get(name, unit)
    array = to_float64(values, unit, f"axis {name}")
    if canonical == unit:
        return array, unit
    return array * float(to_float64(f"1 {unit}", canonical, f"axis {name}")), canonical


def axes_shape(axes: Sequence[MapAxis]) -> tuple[int, ...]:
    """Numbers of bins of axes."""
    return tuple(axis.nbin for axis in axes)
