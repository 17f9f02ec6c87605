"""A known spectrum with a free norm in each of some bands of reconstructed energy: the model behind flux points."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralModel


class BandedSpectralModel(SpectralModel):
    r"""Reference spectrum whose predicted counts are multiplied by a norm in each band of reconstructed energy.

    .. math:: \mu_i = n_{k(i)} \sum_j D_{ji}\,\epsilon_j F_j

    with k(i) the band that bin i of reconstructed energy lies in; outside the bands the norm is one. Its `evaluate` and
    `integral` are those of the reference: as a function of true energy the spectrum does not change.

    It is made for a fit of flux points (`bayesmap.flux_points`), not for files, and has no tag for them.

    Parameters
    ----------
    reference : SpectralModel
        Reference, which keeps its values.
    edges : tuple of float, unit TeV
        n + 1 edges of the bands.
    **values : float or Parameter
        Norms by name: ``norm_0``, ``norm_1``, ...

    Examples
    --------
    >>> from bayesmap.models import PowerLawSpectralModel
    >>> model = BandedSpectralModel(PowerLawSpectralModel(), (1.0, 3.0, 10.0))
    >>> model.reco_factor(np, np.array([0.5, 2.0, 5.0]), norm_0=0.8, norm_1=1.2)
    array([1. , 0.8, 1.2])
    """

    settings = {"reference": None, "edges": ()}  # noqa: RUF012 - read only
    reference: SpectralModel
    edges: tuple[float, ...]

    def __init__(self, reference: Any, edges: Any, **values: Any) -> None:
        super().__init__(reference=reference, edges=tuple(map(float, edges)), **values)

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return one norm for each band, which cannot be negative."""
        return tuple(Parameter(f"norm_{k}", 1.0, min=0.0) for k in range(len(self.edges) - 1))

    def evaluate(self, xp: ModuleType, energy: Any, **norms: Any) -> Any:  # type: ignore[override]
        """Return the reference at `energy` in TeV."""
        return self.reference.evaluate(xp, energy, **self.reference.canonical_values)

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **norms: Any) -> Any:
        """Integrate the reference over each bin of true energy."""
        return self.reference.integral(np, energy_min, energy_max, slope, **self.reference.canonical_values)

    def reco_factor(self, xp: ModuleType, energy: Any, **norms: Any) -> Any:
        """Return the norm of each bin of reconstructed energy from its centre in TeV, numbers of shape (n_reco,)."""
        band = np.searchsorted(self.edges, energy) - 1
        factor = xp.ones(len(energy))
        for k in range(len(self.edges) - 1):
            factor = factor + (band == k) * (norms[f"norm_{k}"] - 1.0)
        return factor
