"""A prior as a file states it: type, parameters, weight."""

from __future__ import annotations

from dataclasses import dataclass

PRIOR_TYPES = {
    "GaussianPrior": ("mu", "sigma"),
    "GeneralizedGaussianPrior": ("mu", "sigma", "eta"),
    "UniformPrior": ("min", "max"),
    "LogUniformPrior": ("min", "max"),
}
"""Prior types of the Gammapy 2 YAML format and the names of their parameters."""


@dataclass(frozen=True)
class PriorRecord:
    """A prior of the Gammapy 2 YAML format, kept as it is written.

    Parameters
    ----------
    type : str
        One of `PRIOR_TYPES`.
    parameters : tuple of (name, value, unit)
        Parameters in the order of the file; what is missing takes the type's default.
    weight : float
        Factor on the log-probability. Default 1.
    """

    type: str
    parameters: tuple[tuple[str, float, str], ...] = ()
    weight: float = 1.0

    def __str__(self) -> str:
        """Show it as a call."""
        shown = ", ".join(f"{name}={value:g}{f' {unit}' if unit else ''}" for name, value, unit in self.parameters)
        return f"{self.type}({shown})"
