"""Names of parameters as labels of axes, with handy powers of ten."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.results.posterior import free_names


@dataclass(frozen=True)
class Label:
    """How a parameter is shown.

    Parameters
    ----------
    name : str
        Qualified name.
    short : str
        Name without the middle part, such as ``crab.index``.
    factor : float
        Values are divided by this power of ten.
    unit : str
        Factor and unit for a label; empty where there is neither.
    """

    name: str
    short: str
    factor: float
    unit: str

    def text(self, *, lines: bool = False) -> str:
        """Return name and unit in one line, or source, name and unit in a line each."""
        name = "\n".join(self.short.rsplit(".", 1)) if lines else self.short
        return name if not self.unit else f"{name}{chr(10) if lines else ' '}({self.unit})"


def parameter_labels(tree: xr.DataTree) -> dict[str, Label]:
    """Return the labels of the free parameters of a posterior, by qualified name.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    """
    posterior = tree["posterior"]
    return {name: value_label(name, str(posterior[name].attrs["unit"]), posterior[name].values)
            for name in free_names(tree)}  # fmt: skip


def value_label(name: str, unit: str, values: Any) -> Label:
    """Return the label of values of a parameter.

    Parameters
    ----------
    name, unit : str
        Parameter.
    values : array_like
        Values that are shown, in its unit: the largest gives the power of ten.
    """
    size = float(np.abs(values).max())
    decade = 0 if size == 0.0 or 1e-2 <= size < 1e4 else math.floor(math.log10(size))
    power = f"$10^{{{decade}}}$" if decade else ""
    return Label(name, short_name(name), 10.0**decade, f"{power} {unit_text(unit)}".strip())


def known_name(name: str, names: Sequence[str]) -> str:
    """Return the qualified name that is meant: the name itself, or the only one that ends in it.

    Parameters
    ----------
    name : str
        Qualified name, or a bare one if it is unique.
    names : sequence of str
        Qualified names of what can be shown.

    Raises
    ------
    BayesmapInputError
        BM-FT-078 for an unknown or ambiguous name.

    Examples
    --------
    >>> known_name("index", ["crab.spectral.index", "crab.spatial.sigma"])
    'crab.spectral.index'
    """
    if name in names:
        return name
    found = [item for item in names if item.endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    raise BayesmapInputError(
        "BM-FT-078",
        what=f"{name!r} is {'ambiguous' if found else 'not among the parameters'}",
        rule=f"What can be shown is {', '.join(found or names)}",
        remedy="Use one of these names",
    )


def same_parameters(kind: str, expected: Collection[str], found: Iterable[Collection[str]]) -> None:
    """Refuse curves of other parameters than those of a picture.

    Parameters
    ----------
    kind : str
        What they are, for the message.
    expected : collection of str
        Parameters of the picture.
    found : iterable of collections of str
        Parameters of each curve.

    Raises
    ------
    BayesmapInputError
        BM-FT-079.
    """
    for names in found:
        if set(names) != set(expected):
            raise BayesmapInputError(
                "BM-FT-079",
                what=f"{kind} of {' and '.join(names)} was given to a picture of {' and '.join(expected)}",
                rule="A picture shows curves of the same parameters",
                remedy="Make a picture of each",
            )


def short_name(name: str) -> str:
    """Return a qualified name without its middle part; the name of a source may hold dots.

    Examples
    --------
    >>> short_name("4FGL J0534.5+2201.spectral.lambda_")
    '4FGL J0534.5+2201.lambda'
    """
    source, *_, parameter = name.rsplit(".", 2)
    return f"{source}.{parameter}".rstrip("_")


def unit_text(text: str) -> str:
    """Return a unit as mathematical text with powers, such as erg cm^-2 s^-1.

    Examples
    --------
    >>> unit_text("s-1 TeV-1 cm-2"), unit_text("s-1 cm-2 erg")
    ('cm$^{-2}$ s$^{-1}$ TeV$^{-1}$', 'erg cm$^{-2}$ s$^{-1}$')
    """
    unit = u.Unit(text)

    def place(item: tuple[Any, Any]) -> tuple[float, str]:
        # An energy stands first above the line and last below it, as in erg cm-2 s-1 and cm-2 s-1 TeV-1.
        base, power = item
        return (-np.sign(power) if base.physical_type == "energy" else 0.0), str(base)

    parts = sorted(zip(unit.bases, unit.powers, strict=True), key=place)
    return " ".join(str(base) if power == 1 else f"{base}$^{{{power}}}$" for base, power in parts)
