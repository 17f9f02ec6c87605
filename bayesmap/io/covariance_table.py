"""The table of a covariance matrix: text in columns of fixed width, as Gammapy writes it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from bayesmap.errors import BayesmapIOError, ConfigError

MAX_BYTES = 50_000_000
TOLERANCE = 1e-6
"""Of symmetry, and of correlations beyond one; optimisers do not give better."""
FIRST = "Parameters"


def format_table(names: tuple[str, ...], matrix: np.ndarray) -> str:
    """Return a covariance matrix as text; every number is read back as it was.

    Parameters
    ----------
    names : tuple of str
        Names of the rows; line breaks in them become spaces.
    matrix : ndarray, shape (n, n)
        Covariance.
    """
    heads = [FIRST, *map(str, range(len(names)))]
    rows = [[_line(name), *map(repr, row)] for name, row in zip(names, matrix.tolist(), strict=True)]
    widths = [max(len(row[k]) for row in (heads, *rows)) for k in range(len(heads))]
    lines = (" | ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows))
    return "".join(f"| {line} |\n" for line in lines)


def read_text(path: Path, place: str) -> str:
    """Return the text of a file of bounded size.

    Raises
    ------
    BayesmapIOError
        BM-IO-016 if it cannot be read.
    ConfigError
        BM-CF-061 if it is too large, or no text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BayesmapIOError(
            "BM-IO-016",
            what=f"{place}: {path} cannot be read: {error}",
            rule="It must be a readable file",
            remedy="Change its permissions",
        ) from error
    if len(data) > MAX_BYTES:
        raise _no_table(place, f"{path.name} has more than {MAX_BYTES:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _no_table(place, f"{path.name} is no text: {error.reason} at byte {error.start}") from error


def parse_table(text: str, place: str, names: tuple[str, ...]) -> np.ndarray:
    """Return the matrix of a table, checked against the names that it must have.

    Parameters
    ----------
    text : str
        The table.
    place : str
        Where the document names it.
    names : tuple of str
        Names of the rows, in order.

    Raises
    ------
    ConfigError
        BM-CF-061 for what is no such table, 062 for other names, 063 for numbers that are no covariance.
    """
    head, *lines = [line for line in text.splitlines() if line.strip()] or [""]
    bars = [k for k, character in enumerate(head) if character == "|"]
    cells = [_cells(line, bars) for line in (head, *lines)]
    if len(bars) < 2 or cells[0][0] != FIRST:
        raise _no_table(place, f"its first line is {head[:40]!r}")
    found = tuple(row[0] for row in cells[1:])
    _check_names(found, tuple(map(_line, names)), place)
    try:
        matrix = np.array([[float(cell) for cell in row[1:]] for row in cells[1:]]).reshape(len(names), -1)
    except ValueError as error:
        raise _no_table(place, str(error)) from error
    if matrix.shape[0] != matrix.shape[1]:
        raise _no_table(place, f"it has {matrix.shape[0]} rows and {matrix.shape[1]} columns")
    _check_matrix(matrix, names, place)
    return matrix


def _cells(line: str, bars: list[int]) -> list[str]:
    """Cut a line where the first one has its bars: a name may hold a bar too."""
    return [line[start + 1 : end].strip() for start, end in pairwise(bars)]


def _check_names(found: tuple[str, ...], names: tuple[str, ...], place: str) -> None:
    if found == names:
        return
    pairs = zip((*found, *["nothing"] * len(names)), (*names, *["nothing"] * len(found)), strict=False)
    one, other = next(pair for pair in pairs if pair[0] != pair[1])
    raise ConfigError(
        "BM-CF-062",
        what=f"{place}: the file has rows for {len(found)} parameters, the models have {len(names)}; "
        f"it has {one!r} where they have {other!r}",
        rule="It has a row for each parameter of the models, in their order",
        remedy="Write models and covariance together, or remove the line from the model file",
    )


def _check_matrix(matrix: np.ndarray, names: tuple[str, ...], place: str) -> None:
    diagonal = np.diag(matrix)
    if not np.all(np.isfinite(matrix)):
        name = names[int(np.argwhere(~np.isfinite(matrix))[0][0])]
        raise _no_covariance(place, f"the row of {name!r} holds numbers that are not finite")
    if np.any(diagonal < 0):
        raise _no_covariance(place, f"the variance of {names[int(np.argmin(diagonal))]!r} is negative")
    bound = np.sqrt(np.outer(diagonal, diagonal))
    for wrong, what in (
        (np.abs(matrix - matrix.T) > TOLERANCE * bound, "are not the same both ways"),
        (np.abs(matrix) > (1 + TOLERANCE) * bound, "are correlated by more than one"),
    ):
        if np.any(wrong):
            row, column = np.argwhere(wrong)[0]
            raise _no_covariance(place, f"{names[row]!r} and {names[column]!r} {what}")


def _line(name: str) -> str:
    return " ".join(name.split())


def _no_table(place: str, what: str) -> ConfigError:
    return ConfigError(
        "BM-CF-061",
        what=f"{place}: {what}",
        rule=f"The file must be a table in columns of fixed width between bars, {FIRST!r} and a column for each number",
        remedy="Write it with write_models(..., covariance=...) or Gammapy, or remove the line from the model file",
    )


def _no_covariance(place: str, what: str) -> ConfigError:
    return ConfigError(
        "BM-CF-063",
        what=f"{place}: {what}",
        rule="A covariance matrix is finite and symmetric, variances are not negative, correlations between -1 and 1",
        remedy="Write it again from the fit, or remove the line from the model file",
    )
