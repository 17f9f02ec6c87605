"""What a section of the benchmarks returns: figures beside their targets, tables, and curves to plot."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

BOUNDS = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Figure:
    """A measured ratio beside its target.

    Parameters
    ----------
    what : str
        What was measured, and beside what.
    ratio : float
        The figure.
    target : str
        Its bound, ``"<= 0.2"``.
    note : str
        How it comes about.
    """

    what: str
    ratio: float
    target: str
    note: str = ""

    @property
    def reached(self) -> bool:
        """True where the ratio keeps the bound."""
        sign, bound = self.target.split()
        return bool(BOUNDS[sign](self.ratio, float(bound)))

    def row(self) -> dict[str, Any]:
        """Return it as plain data."""
        words = {"what": self.what, "target": self.target, "note": self.note}
        return words | {"ratio": self.ratio, "reached": self.reached}


@dataclass
class Table:
    """A table of the page.

    Parameters
    ----------
    title : str
        Heading.
    header : list of str
        Names of the columns.
    rows : list
        Cells, text or numbers.
    text : str
        What it shows, before it.
    """

    title: str
    header: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    text: str = ""


@dataclass
class Curve:
    """Points of a double logarithmic plot.

    Parameters
    ----------
    plot : str
        Name of the picture.
    label : str
        Legend.
    x, y : list of float
        Points.
    x_label, y_label : str
        Axes.
    """

    plot: str
    label: str
    x: list[float]
    y: list[float]
    x_label: str
    y_label: str


@dataclass
class Result:
    """What a section found."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return {
            "figures": [item.row() for item in self.figures],
            "tables": [vars(item) for item in self.tables],
            "curves": [vars(item) for item in self.curves],
        }
