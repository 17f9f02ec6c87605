"""One observation: counts and all that is needed to predict them."""

from bayesmap.dataset.record import MapDataset
from bayesmap.dataset.spectrum import SpectrumDatasetOnOff

Dataset = MapDataset | SpectrumDatasetOnOff
"""What a fit may be made of."""

__all__ = ["Dataset", "MapDataset", "SpectrumDatasetOnOff"]
