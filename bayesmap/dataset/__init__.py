"""One observation: counts and all that is needed to predict them."""

from bayesmap.dataset.record import MapDataset

__all__ = ["MapDataset"]
