r"""Predicted counts where the likelihood needs them: at the bins with counts, and their sum over all bins.

:math:`\ln L = \sum_{n_q > 0} w_q n_q \ln\mu_q - \sum_q w_q\mu_q`: the sum is linear in the flux, so that of templates,
which no parameter changes, it is a product of small matrices, and their :math:`\mu_q` is worked out at the bins with
counts alone.  Only sources of free shape or position still fill their part of the cube.

Bins with counts are kept in blocks of one reconstructed energy, so that what depends on the energy alone is a number
per block, and other counts of the same dataset change no shape, or seldom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from bayesmap.fold.forward import Fold, Prediction
from bayesmap.fold.guard import ROUND_OFF, without_round_off
from bayesmap.fold.known import KnownPart, known_parts
from bayesmap.fold.ops.lazy import lazy_test
from bayesmap.fold.placement import assemble

BLOCK = 256
"""Bins in a block."""


@dataclass(frozen=True)
class Blocks:
    """Bins in blocks of one energy; places that are left over hold bin zero, with no counts.

    Parameters
    ----------
    index : ndarray, shape (n_block, BLOCK)
        Flat index of the bins in the cube.
    used : ndarray of bool, shape (n_block, BLOCK)
        False for places that are left over.
    energy : ndarray, shape (n_block,)
        Reconstructed-energy bin of each block.
    """

    index: np.ndarray
    used: np.ndarray
    energy: np.ndarray

    def gather(self, cube: np.ndarray) -> np.ndarray:
        """Return the values of a cube in the blocks, zero at places left over."""
        return np.where(self.used, np.asarray(cube).ravel()[self.index], 0.0)


def blocks_of(selected: np.ndarray) -> Blocks:
    """Return the blocks that hold the selected bins.

    Parameters
    ----------
    selected : ndarray of bool, shape (n_reco, n_lat, n_lon)
        Bins to hold.
    """
    n_pixel = selected[0].size
    rows, energies = [], []
    for i, plane in enumerate(selected):
        places = np.flatnonzero(plane) + i * n_pixel
        n = -(-len(places) // BLOCK)
        rows.append(np.pad(places, (0, n * BLOCK - len(places)), constant_values=-1).reshape(n, BLOCK))
        energies.append(np.full(n, i))
    index, energy = np.concatenate(rows), np.concatenate(energies)
    spare = _rounded_up(len(index)) - len(index)
    index = np.pad(index, ((0, spare), (0, 0)), constant_values=-1)
    return Blocks(np.where(index < 0, 0, index), index >= 0, np.pad(energy, (0, spare)))


def _rounded_up(n: int) -> int:
    """Return the next number of blocks: with few bits set, so that counts of about the same number share it."""
    step = max(4, 2 ** max(0, int(n).bit_length() - 4))
    return max(4, -(-(n + 1) // step) * step)


@dataclass(frozen=True)
class Counted:
    """Predicted counts where they are needed.

    Parameters
    ----------
    at : tensor, shape (n_block, BLOCK)
        Predicted counts of the bins in the blocks.
    total : scalar tensor
        Weighted sum over all bins.
    negative : boolean tensor
        True if a bin of positive weight has negative predicted counts.
    """

    at: Any
    total: Any
    negative: Any


@dataclass(frozen=True)
class CountedFold:
    """A forward model at the bins of a dataset that have counts.

    Parameters
    ----------
    fold : Fold
        The forward model.
    index, energy : shared variables, shape (n_block, BLOCK) and (n_block,)
        See `Blocks`.
    weights : shared variable, shape (n_reco, n_lat, n_lon)
        Weights of the bins, zero outside the mask.
    known : dict
        Name -> component whose templates no parameter changes.
    """

    fold: Fold
    index: Any
    energy: Any
    weights: Any
    known: Mapping[str, KnownPart]

    def predict(self, prediction: Prediction) -> Counted:
        """Return the predicted counts."""
        at: Any = pt.zeros(self.index.type.shape)
        total: Any = pt.constant(0.0)
        fine: list[Any] = []
        for part in self.known.values():
            share = part.share(prediction.parameters)
            at = at + part.at(share, self.energy)
            total = total + pt.sum(share * part.sums)
            signs = part.not_negative
            fine.append(pt.constant(False, dtype="bool") if signs is None else signs(prediction.parameters))
        free = [name for name in self.fold.sources if name not in self.known]
        extra = [name for name in self.fold.backgrounds if name not in self.known]
        cubes = [self._cube(free, extra, prediction)] if free or extra else []
        for cube in cubes:
            at = at + pt.take(cube.flatten(), self.index)
            total = total + pt.sum(cube * self.weights)
            fine.append(self._fine(cube, free, extra, prediction))
        # The whole cube is looked at only where a component may be negative.
        whole = sum((prediction.components[name] for name in self.known), cubes[0] if cubes else 0.0)
        lowest = pt.min(without_round_off(whole) * self.weights)
        return Counted(at, total, lazy_test(pt.invert(pt.all(pt.stack(fine))), lowest < 0.0, cubes))

    def _cube(self, free: list[str], extra: list[str], prediction: Prediction) -> Any:
        """Return the counts of what is not known beforehand, shape (n_reco, n_lat, n_lon)."""
        pieces = [piece for name in free for piece in prediction.pieces.get(name, ())]
        cubes = [prediction.components[name] for name in extra] + [batch.total for batch in prediction.batches]
        return sum(cubes, assemble(pieces, self.fold.setup.shape)) if pieces else sum(cubes[1:], cubes[0])

    def _fine(self, cube: Any, free: list[str], extra: list[str], prediction: Prediction) -> Any:
        """Return True where a cube is not negative: by the signs of its fluxes, or by looking."""
        single = [name for name in free if name in prediction.pieces]
        signs = [self.fold.not_negative(name, prediction.parameters) for name in single]
        signs += [batch.not_negative for batch in prediction.batches]
        if not extra and all(sign is not None for sign in signs):
            return pt.all(pt.stack(signs))
        return pt.all(pt.min(cube, axis=(1, 2)) >= -ROUND_OFF * pt.max(cube, axis=(1, 2)))

    def values(self, blocks: Blocks, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays that depend on which bins have counts, by the names of their shared variables."""
        found = {self.index.name: blocks.index, self.energy.name: blocks.energy}
        for part in self.known.values():
            found |= {part.rows.name: part.gather(blocks), part.sums.name: part.sum_over(weights)}
        return found


def build_counted(fold: Fold, blocks: Blocks, weights: Any) -> CountedFold:
    """Prepare a forward model for the bins with counts.

    Parameters
    ----------
    fold : Fold
        The forward model.
    blocks : Blocks
        The bins.
    weights : shared variable, shape (n_reco, n_lat, n_lon)
        Weights of the bins.
    """
    name = weights.name.rsplit("/", 1)[0]
    index, energy = (
        pytensor.shared(array.astype(np.int64), name=f"{name}/{key}", shape=array.shape)
        for key, array in (("bright_index", blocks.index), ("bright_energy", blocks.energy))
    )
    known = known_parts(fold, blocks, weights.get_value())
    return CountedFold(fold, index, energy, weights, known)
