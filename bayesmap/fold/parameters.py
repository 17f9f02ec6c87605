"""Parameters as tensors: what every part of the forward model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ParameterGraph:
    """Parameters as tensors.

    Parameters
    ----------
    values : dict
        Qualified name -> scalar tensor in canonical units.
    vectors : dict
        Source name -> position as a unit vector of the model's frame, tensor of shape (3,).
    """

    values: dict[str, Any]
    vectors: dict[str, Any]

    def of(self, model: str, component: str) -> dict[str, Any]:
        """Return the values of one component by bare name."""
        prefix = f"{model}.{component}."
        return {name[len(prefix) :]: value for name, value in self.values.items() if name.startswith(prefix)}
