"""Energy dispersion of a source as a function of parameters: of its position in an IRF map, of the energy scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.response import StretchedDispersion, build_stretched

Weights = Callable[[ParameterGraph], Any]
"""Parameters -> weights of the forms of a response, tensor of shape (n_form,)."""


@dataclass(frozen=True)
class Dispersion:
    """Energy dispersion.

    Parameters
    ----------
    forms : tuple of ndarray, shape (n_true, n_reco), or StretchedDispersion
        Dispersions that are combined; one, where it does not depend on the position.
    weights : callable, optional
        Weights of the forms.
    scale : str
        Qualified name of the energy scale, or nothing.
    """

    forms: tuple[np.ndarray | StretchedDispersion, ...]
    weights: Weights | None = None
    scale: str = ""

    @property
    def constant(self) -> bool:
        """True if the matrix depends on no parameter."""
        return self.weights is None and not self.scale

    def matrix(self, parameters: ParameterGraph) -> Any:
        """Return the matrix, shape (n_true, n_reco)."""
        matrices = [
            form.matrix(parameters.values[self.scale]) if isinstance(form, StretchedDispersion) else form
            for form in self.forms
        ]
        if self.weights is None:
            return matrices[0]
        weights = self.weights(parameters)
        return sum(weights[k] * matrix for k, matrix in enumerate(matrices))


def build_dispersion(
    matrices: tuple[np.ndarray, ...], energy_edges: np.ndarray, name: str, *, weights: Weights | None, scale: str
) -> Dispersion:
    """Prepare a dispersion.

    Parameters
    ----------
    matrices : tuple of ndarray, shape (n_true, n_reco)
        Its forms.
    energy_edges : ndarray, shape (n_reco + 1,), unit TeV
        Edges of reconstructed energy.
    name : str
        For the names of constants.
    weights, scale
        See `Dispersion`.
    """
    if not scale:
        return Dispersion(matrices, weights)
    return Dispersion(tuple(build_stretched(matrix, energy_edges, name) for matrix in matrices), weights, scale)
