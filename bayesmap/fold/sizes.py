r"""Which images a source of free size has, and the share of each at a given size.

A Gaussian of :math:`\sigma` above two samples is known by its samples (they alias by :math:`e^{-(\pi\sigma)^2/2}`,
3e-9): a round one by one, two or three samples a pixel, below that by its moments (`compact`).  Between one and the
next the image goes over smoothly, as the sky between the pixels is interpolated differently; where nothing but the
cut-out's radius changes it is exchanged, which changes 2e-9.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

GOES_OVER = {1: (2.0, 2.3), 2: (1.0, 1.15), 3: (0.67, 0.8)}
"""Samples a pixel -> pixels of sigma between which the image with so many samples takes over from the next one."""
WIDE_ONLY = (2.0, 3.0)
"""The same for shapes that have one sample a pixel or their moments."""
STEPS = (1.25, 2.5)
"""Sizes, in units of the start's, up to which a cut-out of its own holds the source."""
WORTH = 0.8
"""Side of a cut-out's FFT, in units of the whole map's, up to which it is worth its while."""


@dataclass(frozen=True)
class Range:
    """An image with so many samples a pixel.

    Parameters
    ----------
    factor : int
        Samples a pixel and axis.
    low, high : float
        Pixels of the minor axis between which it takes over.
    """

    factor: int
    low: float
    high: float

    def taken(self, minor: Any) -> Any:
        """Return zero below, one above, twice differentiable between."""
        t = (minor - self.low) / (self.high - self.low)
        t = pt.minimum(pt.maximum(t, 0.0), 1.0)
        return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)


def ranges_of(*, fine: bool) -> tuple[Range, ...]:
    """Return the images by samples, widest first; `fine` where more than one sample a pixel may be taken."""
    if not fine:
        return (Range(1, *WIDE_ONLY),)
    return tuple(Range(factor, *limits) for factor, limits in GOES_OVER.items())


def shares(ranges: tuple[Range, ...], minor: Any) -> list[Any]:
    """Return the share of the image of each range, and of the moments at the end."""
    left, found = pt.ones(()), []
    for item in ranges:
        taken = item.taken(minor)
        found.append(left * taken)
        left = left * (1.0 - taken)
    return [*found, left]


def samples_needed(minor: float, *, fine: bool) -> int | None:
    """Return the samples a pixel for a fixed size, or None for its moments."""
    found = [item.factor for item in ranges_of(fine=fine) if item.low <= minor]
    return found[0] if found else None


def radii(start: float, unit: float, ranges: tuple[Range, ...]) -> list[tuple[int, float]]:
    """Return (samples, radius in pixels) of the cut-outs of a free size.

    Parameters
    ----------
    start : float
        Pixels that the source reaches at its start.
    unit : float
        Pixels that it reaches for a minor axis of one pixel, at the start's ellipticity.
    ranges : tuple of Range
        Its images.
    """
    widest = ranges[0]
    least = STEPS[0] * unit * widest.high
    one = [(1, max(step * start, step * least)) for step in STEPS]
    fine = [(item.factor, unit * above.high) for above, item in itertools.pairwise(ranges)]
    return [*one, *fine]


def fits(size: float, whole: tuple[int, int]) -> bool:
    """Return True if an FFT of a side is worth its while beside that of the whole map."""
    return size <= WORTH * float(np.sqrt(whole[0] * whole[1]))
