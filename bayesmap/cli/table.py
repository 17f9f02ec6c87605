"""Fitted parameters as a table for a terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import Models


def format_value(value: float, error: float) -> tuple[str, str]:
    """Return value and error as text, both to the second significant digit of the error.

    Parameters
    ----------
    value, error : float
        Number and its standard deviation; a NaN or zero error shows as an empty string.

    Examples
    --------
    >>> format_value(2.27184, 0.0321)
    ('2.272', '0.032')
    >>> format_value(3.1234e-12, 4.07e-13)
    ('3.12e-12', '4.1e-13')
    >>> format_value(1.0, float("nan"))
    ('1', '')
    """
    if not (math.isfinite(error) and error > 0):
        return f"{value:.6g}", ""
    decade = math.floor(math.log10(error))
    largest = max(abs(value), error)
    if 1e-3 <= largest < 1e5:
        digits = max(0, 1 - decade)
        return f"{value:.{digits}f}", f"{error:.{digits}f}"
    digits = max(0, math.floor(math.log10(largest)) - decade + 1)
    return f"{value:.{digits}e}", f"{error:.1e}"


def parameter_note(parameter: Parameter, *, at_bound: bool = False) -> str:
    """Return the link of a linked parameter, ``frozen``, ``at min``, ``at max`` or an empty string.

    Parameters
    ----------
    parameter : Parameter
        Fitted parameter.
    at_bound : bool
        True if the fit says that it stands at one of its limits.
    """
    if parameter.link:
        return f"= {parameter.link}"
    if parameter.frozen:
        return "frozen"
    if not at_bound:
        return ""
    distances = {name: abs(parameter.value - getattr(parameter, name)) for name in ("min", "max")}
    known = {name: distance for name, distance in distances.items() if math.isfinite(distance)}
    return f"at {min(known, key=known.__getitem__)}"


def parameter_table(models: Models, truth: Mapping[str, float] | None = None, at_bound: Collection[str] = ()) -> str:
    """Return the parameters of fitted models as aligned text, one line each.

    Parameters
    ----------
    models : Models
        Fitted models.
    truth : mapping of str to float, optional
        True values by qualified name, in the parameters' units. Adds the columns ``true`` and ``pull``, the difference
        in units of the error.
    at_bound : collection of str
        Qualified names of the parameters that stand at a limit.

    Returns
    -------
    str
        Table with a line of column names.
    """
    header = ["name", "value", "error", "unit", *(["true", "pull"] if truth is not None else []), "note"]
    rows = [header]
    for name, parameter in models.parameters.items():
        value, error = format_value(parameter.value, parameter.error)
        row = [name, value, error, parameter.unit]
        if truth is not None:
            row += _truth_cells(parameter, truth.get(name))
        rows.append([*row, parameter_note(parameter, at_bound=name in at_bound)])
    return aligned(rows, right=frozenset({"value", "error", "true", "pull"}))


def prior_table(priors: Mapping[str, str]) -> str:
    """Return the priors of the free parameters as aligned text, one line each.

    Parameters
    ----------
    priors : mapping of str to str
        Name of a random variable -> prior in words, as `MapFit.priors` gives it.
    """
    return aligned([["prior of", "", "(numbers in the parameter's unit)"], *([name, "~", text] for name, text in
                    priors.items())], right=frozenset())  # fmt: skip


def counts_table(rows: Sequence[tuple[str, float, float]]) -> str:
    """Return counts and prediction of each data set, inside its mask, as aligned text.

    Parameters
    ----------
    rows : sequence of (name, counts, predicted)
        One row for each data set.
    """
    lines = [(name, f"{counts:.0f}", f"{predicted:.1f}") for name, counts, predicted in rows]
    return aligned([("dataset", "counts", "predicted"), *lines], right=frozenset({"counts", "predicted"}))


def truth_table(rows: Mapping[str, Mapping[str, Any]], truth: Mapping[str, float], mass: float) -> str:
    """Return the posterior of each parameter beside its true value, as aligned text.

    Parameters
    ----------
    rows : mapping
        Rows of a `Summary`: name -> ``mean``, ``sd``, ``lower``, ``upper``, ``unit``.
    truth : mapping of str to float
        True values by qualified name, in the parameters' units.
    mass : float
        Probability of the intervals.

    Returns
    -------
    str
        Table with a line of column names; ``pull`` is (mean - true) / sd.
    """
    header = ["name", "mean", "sd", f"{100 * mass:.1f}% interval", "true", "pull", "unit"]
    lines = [header]
    for name, row in rows.items():
        mean, sd = format_value(row["mean"], row["sd"])
        ends = [format_value(row[end], row["sd"])[0] for end in ("lower", "upper")]
        pull = f"{(row['mean'] - truth[name]) / row['sd']:+.1f}" if row["sd"] > 0 else ""
        lines.append([name, mean, sd, f"[{ends[0]}, {ends[1]}]", f"{truth[name]:.5g}", pull, row["unit"]])
    return aligned(lines, right=frozenset({"mean", "sd", "true", "pull"}))


def _truth_cells(parameter: Parameter, true: float | None) -> list[str]:
    if true is None or parameter.frozen:
        return ["" if true is None else f"{true:.5g}", ""]
    known = math.isfinite(parameter.error) and parameter.error > 0
    return [f"{true:.5g}", f"{(parameter.value - true) / parameter.error:+.1f}" if known else ""]


def aligned(rows: Sequence[Sequence[str]], right: frozenset[str]) -> str:
    """Return rows as lines of text in columns; the first row has their names.

    Parameters
    ----------
    rows : sequence of sequences of str
        Cells.
    right : frozenset of str
        Names of the columns that are flush right.
    """
    columns = []
    for cells in zip(*rows, strict=True):
        width = max(map(len, cells))
        columns.append([cell.rjust(width) if cells[0] in right else cell.ljust(width) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))
