"""Factors in reconstructed energy on the counts of a source, as flux points have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.models.spectral.base import SpectralModel


def banded(edisp: Any, spectral: SpectralModel, energy: np.ndarray, values: Mapping[str, Any]) -> Any:
    """Return an energy dispersion whose columns are multiplied by the factor that a spectral model states for them.

    Parameters
    ----------
    edisp : array or tensor, shape (n_true, n_reco)
        Energy dispersion.
    spectral : SpectralModel
        Spectrum of the source.
    energy : ndarray, shape (n_reco,), unit TeV
        Centres of the bins of reconstructed energy.
    values : dict
        The spectrum's parameters as tensors, by name.
    """
    factor = spectral.reco_factor(pt, energy, **values)
    return edisp if factor is None else edisp * factor
