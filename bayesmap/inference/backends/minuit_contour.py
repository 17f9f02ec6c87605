"""Contours by Minuit: points where the profile of -2 ln p in two named values has risen by sigma squared.

References
----------
James & Roos 1975, Computer Physics Communications 10, 343; iminuit, https://scikit-hep.org/iminuit.
"""

from __future__ import annotations

import warnings

import numpy as np

from bayesmap.errors import BayesmapInputError
from bayesmap.inference.backends.minuit import build
from bayesmap.inference.backends.minuit_minos import named_objective, no_optimum
from bayesmap.inference.profile import in_plane
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.intervals import mass_in_two_dimensions
from bayesmap.results.profile import ProfileContour


def contour(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    errors: np.ndarray,
    names: tuple[str, str],
    sigma: float,
    numpoints: int,
    *,
    strategy: int = 2,
    tol: float = 1e-3,
) -> ProfileContour:
    """Return the contour of two parameters.

    Parameters
    ----------
    posterior, theta, errors
        As of `minuit_minos.minos`.
    names : (str, str)
        Qualified names of two free parameters.
    sigma : float
        Square root of the rise of -2 ln p.
    numpoints : int
        Points to find.
    strategy, tol : int, float
        Minuit's.

    Raises
    ------
    BayesmapInputError
        BM-FT-035 for a sigma above 8.5.
    """
    mass = _mass(sigma)
    function = named_objective(posterior, theta, errors)
    minuit = build(function, strategy, tol)
    pair = [posterior.coordinates.names.index(name) for name in names]
    points = np.zeros((0, 2))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        minuit.migrad()
        problem = no_optimum(minuit)
        if not problem:
            found = np.asarray(minuit.mncontour(*pair, cl=mass, size=numpoints))
            points = found[:-1] if found.ndim == 2 else points
            problem = "" if len(points) == numpoints else f"Minuit found {len(points)} of {numpoints} points"
    center = np.array(minuit.values)
    scaled = np.tile(center, (len(points), 1))
    scaled[:, pair] = points
    values = np.array([function.theta(x)[pair] for x in scaled]).reshape(-1, 2)
    return ProfileContour(
        **in_plane(posterior, names, values, function.theta(center)),
        sigma=sigma,
        delta=np.full(len(points), np.nan),
        open=np.zeros(len(points), dtype=bool),
        success=not problem,
        kind="profile",
        statistic="posterior",
        nfev=function.record.calls,
        message="; ".join([*([problem] if problem else []), *(str(item.message) for item in told)]),
    )


def _mass(sigma: float) -> float:
    mass = mass_in_two_dimensions(sigma)
    if mass >= 1.0:
        raise BayesmapInputError(
            "BM-FT-035",
            what=f"sigma is {sigma:g}, whose probability is one to the last digit",
            rule="Minuit is told the probability inside a contour, below one",
            remedy="Ask for less, or take backend='profile'",
        )
    return mass
