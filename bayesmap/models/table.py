"""The parameters of all models by their qualified names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from astropy.table import QTable

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter

COLUMNS = ("value", "error", "min", "max")


class ParameterTable(Mapping[str, Parameter]):
    """Read-only mapping from qualified name, such as ``"crab.spectral.index"``, to `Parameter`.

    ``table["index"]`` works too when only one name ends in ``.index``.

    Parameters
    ----------
    parameters : dict
        Qualified name to Parameter, in order.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = dict(parameters)

    def __getitem__(self, name: str) -> Parameter:
        """Return a parameter by qualified name, or by a bare name if it is unique."""
        return self._parameters[self.resolve(name)]

    def __contains__(self, name: object) -> bool:
        """Return True for a qualified name of the table."""
        return name in self._parameters

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter by qualified name, or `default`."""
        return self._parameters.get(name, default)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the qualified names."""
        return iter(self._parameters)

    def __len__(self) -> int:
        """Return the number of parameters."""
        return len(self._parameters)

    def resolve(self, name: str) -> str:
        """Return the qualified name that `name` stands for.

        Raises
        ------
        ModelError
            BM-MO-002 if there is none, or more than one.
        """
        if name in self._parameters:
            return name
        found = [qualified for qualified in self._parameters if qualified.endswith(f".{name}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelError(
                "BM-MO-002",
                what=f"parameter name {name!r} is ambiguous: it fits {', '.join(found)}",
                rule="A short name must fit one parameter only",
                remedy="Use the qualified name",
            )
        raise ModelError(
            "BM-MO-002",
            what=f"no parameter is called {name!r}",
            rule=f"Parameters are {', '.join(self._parameters) or 'none'}",
            remedy=self._suggestion(name),
        )

    def _suggestion(self, name: str) -> str:
        bare = {qualified.rsplit(".", 1)[1]: qualified for qualified in self._parameters}
        close = get_close_matches(name, [*self._parameters, *bare], n=1, cutoff=0.5)
        if not close:
            return "Use one of these names"
        return f"Did you mean {bare.get(close[0], close[0])!r}? Use that, or another of these names"

    @property
    def free_names(self) -> tuple[str, ...]:
        """Qualified names of the parameters that are neither frozen nor linked."""
        return tuple(name for name, parameter in self.items() if parameter.free)

    def to_table(self) -> QTable:
        """Return the parameters as an astropy table; numbers are in the unit of their row.

        Returns
        -------
        QTable
            Columns name, value, error, min, max, unit, frozen, prior, and link where there is one.
        """
        items = list(self.values())
        table = QTable()
        table["name"] = np.array(list(self), dtype=str)
        for column in COLUMNS:
            table[column] = np.array([getattr(item, column) for item in items], dtype=np.float64)
            table[column].info.format = ".4g"
        table["unit"] = np.array([item.unit for item in items], dtype=str)
        table["frozen"] = np.array([item.frozen for item in items], dtype=bool)
        table["prior"] = np.array(["" if item.prior is None else str(item.prior) for item in items], dtype=str)
        if any(item.link for item in items):
            table["link"] = np.array([item.link for item in items], dtype=str)
        return table

    def __repr__(self) -> str:
        """Show the table."""
        return "\n".join(self.to_table().pformat(max_lines=-1, max_width=-1))
