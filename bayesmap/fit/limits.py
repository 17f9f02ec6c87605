"""Upper limits of a fit under several priors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from bayesmap.checks.limit_sensitivity import LimitSensitivity, limit_sensitivity
from bayesmap.errors import BayesmapInputError
from bayesmap.fit.arguments import free_name
from bayesmap.fit.facade import MapFit
from bayesmap.results.derived import Derived


def prior_sensitivity(
    fit: MapFit,
    quantity: str | Derived,
    *,
    parameter: str | None = None,
    mass: float = 0.95,
    priors: Mapping[str, Any] | None = None,
    tree: xr.DataTree | None = None,
) -> LimitSensitivity:
    """Return an upper limit under the prior of a fit and under others, by reweighting its draws.

    Parameters
    ----------
    fit : MapFit
        Fit.
    quantity : str or Derived
        Name of a parameter, or a quantity that was derived from the draws of the same posterior.
    parameter : str, optional
        Parameter whose prior is exchanged, as a rule the amplitude of the source; by default `quantity` itself.
    mass : float
        Probability below the limit.
    priors : dict, optional
        Name -> prior; by default flat, and log-uniform from two decades below the limit on.
    tree : xarray.DataTree, optional
        Draws; by default those of the last `MapFit.sample`.

    Raises
    ------
    BayesmapInputError
        BM-FT-010 for a frozen or linked parameter; BM-FT-051 for too few draws; BM-FT-053 for a parameter whose prior
        depends on others, or where it is not clear which parameter is meant.
    """
    given = quantity if parameter is None and isinstance(quantity, str) else parameter
    if given is None:
        raise BayesmapInputError(
            "BM-FT-053",
            what=f"it was not said which parameter's prior {quantity.name} depends on",  # type: ignore[union-attr]
            rule="The prior of one parameter is exchanged at a time",
            remedy="Pass parameter=, as a rule the amplitude of the source",
        )
    name = free_name(fit.model.parameters, given)
    what = free_name(fit.model.parameters, quantity) if isinstance(quantity, str) else quantity
    draws = fit._tree_or(tree)
    return limit_sensitivity(fit._posterior.variables, draws, what, name, mass=mass, priors=priors)
