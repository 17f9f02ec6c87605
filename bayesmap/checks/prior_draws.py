"""Draws from the priors, sorted by whether counts can be predicted from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.posterior.compiled import CompiledPosterior

LARGEST = 1e15
"""Predicted counts of one bin above which no counts are drawn: float64 would no longer hold them one by one."""
OUTSIDE, OFF_MAP, NEGATIVE, TOO_MANY = (
    "outside the limits of the parameters",
    "a source off its map",
    "negative predicted counts",
    f"more than {LARGEST:.0e} counts in a bin",
)


@dataclass(frozen=True)
class PriorDraws:
    """Draws from the priors.

    Parameters
    ----------
    theta : ndarray, shape (n_supported, size)
        Those from which counts can be predicted.
    asked : int
        Draws that were made.
    unsupported : mapping of str to int
        Why -> how many of the others.
    """

    theta: np.ndarray
    asked: int
    unsupported: Mapping[str, int]

    @property
    def text(self) -> str:
        """How many draws had support, and why the others had none."""
        lost = ", ".join(f"{number} {why}" for why, number in self.unsupported.items())
        return f"{len(self.theta)} of {self.asked} draws from the priors have support" + (f" ({lost})" if lost else "")


def draw_priors(
    posterior: CompiledPosterior,
    draws: int,
    random_seed: int,
    take: Callable[[np.ndarray, Mapping[str, np.ndarray]], None],
    progress: Callable[[int, int], None] | None = None,
) -> PriorDraws:
    """Draw from the priors, and hand on the predicted counts of each draw that has support.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions of all datasets.
    draws : int
        How many.
    random_seed : int
        Seed.
    take : callable
        Called with theta and the predicted counts of each dataset by name.
    progress : callable, optional
        Called with (done, all).

    Raises
    ------
    BayesmapInputError
        BM-CK-004 for a number below one, BM-CK-006 if no draw has support, BM-CK-030 for priors without an integral.
    """
    _check(posterior, draws)
    kept, unsupported = [], dict[str, int]()
    for done, theta in enumerate(posterior.variables.draw(draws, random_seed), start=1):
        why, npred = _predicted(posterior, theta)
        if why:
            unsupported[why] = unsupported.get(why, 0) + 1
        else:
            kept.append(theta)
            take(theta, npred)
        if progress is not None:
            progress(done, draws)
    found = PriorDraws(np.reshape(kept, (len(kept), posterior.coordinates.size)), draws, unsupported)
    if not kept:
        raise BayesmapInputError(
            "BM-CK-006",
            what=found.text,
            rule="Counts are drawn from draws of the priors where the model predicts some",
            remedy="State narrower priors, on the map and inside the limits",
        )
    return found


def _predicted(posterior: CompiledPosterior, theta: np.ndarray) -> tuple[str, dict[str, np.ndarray]]:
    """Return why counts cannot be predicted, or nothing, and the predicted counts of each dataset."""
    if not np.isfinite(posterior.log_prior(theta)):
        return OUTSIDE, {}
    if not posterior.supported(theta):
        return OFF_MAP, {}
    npred = {name: posterior.of(name).npred(theta) if len(posterior.counts) > 1 else posterior.npred(theta)
             for name in posterior.counts}  # fmt: skip
    for name, item in npred.items():
        inside = item[posterior.counts[name].dataset.mask_data]
        if not np.all(inside >= 0.0):
            return NEGATIVE, {}
        if not np.all(inside <= LARGEST):
            return TOO_MANY, {}
    return "", npred


def _check(posterior: CompiledPosterior, draws: int) -> None:
    if draws < 1:
        raise BayesmapInputError(
            "BM-CK-004", what=f"{draws} draws are asked for", rule="There must be one at least", remedy="Ask for more"
        )
    improper = [item.name for item in posterior.variables.items if not item.is_proper]
    if improper:
        raise BayesmapInputError(
            "BM-CK-030",
            what=f"the priors of {', '.join(improper)} have no integral",
            rule="Data are drawn from the priors: each must be a distribution",
            remedy='Pass priors="default", or a proper prior for each of them',
        )
