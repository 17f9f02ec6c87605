r"""Components of a forward model whose templates no parameter changes: backgrounds, and sources of frozen shape.

.. math:: N_{iq} = \sum_{j \in J_i} M_{ij} T_{jq}

with the true energies :math:`J_i` that reach bin i, a few of all, of which only the counts at some bins and the
weighted sums :math:`S_{ij} = \sum_q w_{iq} T_{jq}` are asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt

from bayesmap.fold.exposed import separate
from bayesmap.fold.fixed import FixedImage
from bayesmap.fold.forward import Fold
from bayesmap.fold.guard import ROUND_OFF
from bayesmap.fold.parameters import ParameterGraph
from bayesmap.fold.point import constant

if TYPE_CHECKING:
    from bayesmap.fold.counted import Blocks

TERM_TOLERANCE, FAINTEST = 1e-11, 1e-3
"""Templates that are a sum of fewer terms within this fraction of a pixel's brightness, or of this much of the
brightest pixel's, are replaced by the terms."""


@dataclass(frozen=True)
class KnownPart:
    """One component.

    Parameters
    ----------
    templates : ndarray, shape (n_reco or 1, n, h, w)
        T, for each bin of reconstructed energy or the same for all.
    corner : (int, int)
        First pixel of the templates' window.
    shape : (int, int, int)
        Shape of the cube.
    band : ndarray, shape (n_reco, r)
        Templates that reach each bin of reconstructed energy; a short row is filled up with any, whose share is zero.
    mixing : callable
        Parameters -> M, shape (n_reco, n).
    inside : ndarray of bool, shape (n_reco, r)
        False where a row of `band` is filled up.
    not_negative : callable, optional
        Parameters -> boolean tensor, True where the counts are not negative; None where they have to be looked at.
    rows : shared variable, shape (r, n_block, BLOCK)
        T of the band at the bins in blocks.
    sums : shared variable, shape (n_reco, r)
        S of the band.
    """

    templates: np.ndarray
    corner: tuple[int, int]
    shape: tuple[int, int, int]
    band: np.ndarray
    mixing: Callable[[ParameterGraph], Any]
    inside: np.ndarray
    not_negative: Callable[[ParameterGraph], Any] | None
    rows: Any = None
    sums: Any = None

    def share(self, parameters: ParameterGraph) -> Any:
        """Return M of the band, shape (n_reco, r)."""
        mixing = pt.as_tensor(self.mixing(parameters))
        return mixing[np.arange(len(self.band))[:, None], self.band] * self.inside

    def at(self, share: Any, energy: Any) -> Any:
        """Return the counts at the bins in blocks, from `share` and the energy of each block."""
        factors = pt.take(share, energy, axis=0)
        return sum(factors[:, k, None] * self.rows[k] for k in range(self.band.shape[1]))

    def gather(self, blocks: Blocks) -> np.ndarray:
        """Return T of the band at the bins in blocks, shape (r, n_block, BLOCK)."""
        (i_y, i_x), (h, w) = self.corner, self.templates.shape[-2:]
        y, x = np.divmod(blocks.index % (self.shape[1] * self.shape[2]), self.shape[2])
        y, x = y - i_y, x - i_x
        seen = blocks.used & (y >= 0) & (y < h) & (x >= 0) & (x < w)
        place = np.where(seen, y * w + x, 0)
        found = np.empty((self.band.shape[1], *place.shape))
        for i, planes in self._planes():
            here = blocks.energy == i
            found[:, here] = np.where(seen[here], planes.reshape(len(planes), -1)[:, place[here]], 0.0)
        return found

    def sum_over(self, weights: np.ndarray) -> np.ndarray:
        """Return S of the band for the weights of the cube, shape (n_reco, r)."""
        (i_y, i_x), (h, w) = self.corner, self.templates.shape[-2:]
        window = weights[:, i_y : i_y + h, i_x : i_x + w].reshape(len(weights), -1)
        return np.stack([planes.reshape(len(planes), -1) @ window[i] for i, planes in self._planes()])

    def _planes(self) -> Iterator[tuple[int, np.ndarray]]:
        """Return each bin of reconstructed energy with the templates of its band."""
        for i, band in enumerate(self.band):
            yield i, self.templates[i if len(self.templates) > 1 else 0][band]


def known_parts(fold: Fold, blocks: Blocks, weights: np.ndarray) -> dict[str, KnownPart]:
    """Return the components of a forward model whose templates no parameter changes, by name."""
    found = {}
    for name in fold.backgrounds:
        if fold.uniform_norm(name):
            found[name] = _background(fold, name)
    for name in fold.sources:
        image = fold.known_image(name)
        if image is not None:
            found[name] = _source(fold, name, image)
    return {name: _with_arrays(part, name, blocks, weights) for name, part in found.items()}


def _with_arrays(part: KnownPart, name: str, blocks: Blocks, weights: np.ndarray) -> KnownPart:
    rows = constant(part.gather(blocks), f"{name}.bright_rows")
    return dataclasses.replace(part, rows=rows, sums=constant(part.sum_over(weights), f"{name}.sums"))


def _signs(templates: np.ndarray, mixing: Callable[[ParameterGraph], Any]) -> Callable[[ParameterGraph], Any] | None:
    """Return the test of the signs of the fluxes, None if a template itself is negative, round-off apart."""
    peak = templates.max(axis=(-2, -1))
    if np.any(templates.min(axis=(-2, -1)) < -ROUND_OFF * peak):
        return None
    return lambda parameters: pt.all(mixing(parameters) >= 0.0)


def _background(fold: Fold, name: str) -> KnownPart:
    cube = fold.backgrounds[name].get_value(borrow=True)
    n_reco = len(cube)

    def mixing(parameters: ParameterGraph) -> Any:
        return fold.norm_per_energy(name, parameters)[:, None]

    return KnownPart(
        templates=cube[:, None],
        corner=(0, 0),
        shape=cube.shape,
        band=np.zeros((n_reco, 1), dtype=int),
        mixing=mixing,
        inside=np.ones((n_reco, 1), dtype=bool),
        not_negative=_signs(cube[:, None], mixing),
    )


def _source(fold: Fold, name: str, image: FixedImage) -> KnownPart:
    source = fold.sources[name]
    templates = image.templates.get_value(borrow=True)
    templates = templates if templates.ndim == 4 else templates[None]
    reached = source.reached
    r = max(int(reached.sum(axis=1).max()), 1)
    band = np.argsort(~reached, axis=1, kind="stable")[:, :r]
    part = KnownPart(
        templates=templates,
        corner=image.corner,
        shape=(len(reached), *fold.setup.shape),
        band=band,
        mixing=source.mixing,
        inside=np.take_along_axis(reached, band, axis=1),
        not_negative=_signs(templates, source.mixing),
    )
    terms = separate(templates[0], TERM_TOLERANCE, FAINTEST) if len(templates) == 1 else None
    if terms is None or len(terms[1]) >= r:
        return part
    amplitudes, planes = terms
    n = len(planes)
    return dataclasses.replace(
        part,
        templates=planes[None],
        band=np.repeat(np.arange(n)[None], len(reached), axis=0),
        mixing=lambda parameters: pt.dot(source.mixing(parameters), amplitudes),
        inside=np.ones((len(reached), n), dtype=bool),
    )
