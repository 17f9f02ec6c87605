"""Where sampling begins, by name: from the mode, from paths to it, or from the best normal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.inference.pathfinder import pathfinder
from bayesmap.inference.variational import variational
from bayesmap.inference.whitening import Whitening, whiten
from bayesmap.posterior.compiled import CompiledPosterior

OTHERS: dict[str, Callable[..., Whitening]] = {"pathfinder": pathfinder, "variational": variational}
WHITENINGS = ("laplace", *OTHERS)
ADVICE = "sample(start='pathfinder') or start='variational' do not rely on the mode"


def check_whitening(name: str) -> None:
    """Refuse a name that is none of `WHITENINGS`.

    Raises
    ------
    BayesmapInputError
        BM-FT-015.
    """
    if name not in WHITENINGS:
        raise BayesmapInputError(
            "BM-FT-015",
            what=f"start is {name!r}",
            rule=f"Sampling starts from one of {', '.join(WHITENINGS)}",
            remedy="Use one of these words",
        )


def whitened(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    name: str,
    *,
    seed: int,
    hessian: np.ndarray | None = None,
    show: Callable[[], None] | None = None,
) -> Whitening:
    """Return the whitened coordinates.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    theta : ndarray, shape (size,)
        Best fit.
    name : str
        One of `WHITENINGS`.
    seed : int
        Seed of what is random in it.
    hessian : ndarray, shape (size, size), optional
        Of minus the log-posterior at the best fit, where it is known.
    show : callable, optional
        Called, without arguments, after each step.
    """
    base = whiten(posterior, theta, progress=_ignoring(show), hessian=hessian)
    if name == "laplace":
        return dataclasses.replace(base, notes=(*base.notes, ADVICE)) if base.notes else base
    return OTHERS[name](posterior, base, seed, progress=_ignoring(show))


def _ignoring(show: Callable[[], None] | None) -> Callable[..., None] | None:
    """Return the function that takes any arguments."""
    return None if show is None else lambda *_: show()
