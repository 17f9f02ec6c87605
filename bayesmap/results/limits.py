"""One-sided credible limits with their Monte Carlo error."""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
import xarray as xr

from bayesmap.errors import BayesmapInputError
from bayesmap.models.component import did_you_mean
from bayesmap.results.derived import Derived
from bayesmap.results.intervals import quantile_error
from bayesmap.results.posterior import free_names
from bayesmap.results.tails import check_tail, in_tail


@dataclass(frozen=True)
class Limit:
    """One-sided limit.

    Parameters
    ----------
    name, unit : str
        Quantity.
    value : float
        The limit.
    mass : float
        Probability below an upper, above a lower limit.
    side : str
        ``"upper"`` or ``"lower"``.
    mcse : float
        Monte Carlo error of `value`.
    in_tail : int
        Draws beyond it.
    effective_in_tail : float
        How many independent draws these are worth.
    """

    name: str
    unit: str
    value: float
    mass: float
    side: str
    mcse: float
    in_tail: int
    effective_in_tail: float

    @property
    def quantity(self) -> u.Quantity:
        """The limit with its unit."""
        return u.Quantity(self.value, self.unit)

    def __str__(self) -> str:
        """Show the limit with its error."""
        sign = "<" if self.side == "upper" else ">"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {sign} {self.value:.4g} +- {self.mcse:.2g}{unit} ({self.mass:.1%})"


def upper_limit(tree: xr.DataTree, quantity: str | Derived, mass: float = 0.95) -> Limit:
    """Return the value that a quantity stays below with a probability.

    Physical where the parameter is: of a flux that cannot be negative it is above zero whatever the counts are.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    quantity : str or Derived
        Qualified name of a free parameter, or a derived quantity of the same posterior.
    mass : float
        Probability, for example 0.95.

    Raises
    ------
    BayesmapInputError
        BM-FT-051 if fewer than `tails.FEWEST_IN_TAIL` independent draws lie beyond the limit, with the number of draws
        that would do; BM-FT-052 for a mass outside 0 to 1; BM-FT-053 for a name without draws.
    """
    return one_sided(draws_of(tree, quantity), name_of(quantity), mass, "upper")


def lower_limit(tree: xr.DataTree, quantity: str | Derived, mass: float = 0.95) -> Limit:
    """Return the value that a quantity stays above with a probability; arguments as of `upper_limit`."""
    return one_sided(draws_of(tree, quantity), name_of(quantity), mass, "lower")


def one_sided(draws: xr.DataArray, name: str, mass: float, side: str) -> Limit:
    """Return a limit of draws with dimensions (chain, draw); see `upper_limit`."""
    check_mass(mass)
    prob = mass if side == "upper" else 1.0 - mass
    value = float(draws.quantile(prob))
    beyond, independent = in_tail(draws, prob, value, above=side == "upper")
    check_tail(beyond, independent, draws.size, 1.0 - mass, f"the {mass:.4g} limit of {name}")
    error = quantile_error(draws, prob)
    return Limit(name, str(draws.attrs["unit"]), value, mass, side, error, beyond, independent)


def draws_of(tree: xr.DataTree, quantity: str | Derived) -> xr.DataArray:
    """Return the draws of a parameter or a derived quantity.

    Raises
    ------
    BayesmapInputError
        BM-FT-053 for a name without draws.
    """
    if isinstance(quantity, Derived):
        return quantity.draws
    names = free_names(tree)
    if quantity not in names:
        raise BayesmapInputError(
            "BM-FT-053",
            what=f"the posterior has no draws of {quantity!r}",
            rule=f"It holds {', '.join(names)}",
            remedy=did_you_mean(quantity, names),
        )
    return tree["posterior"][quantity]


def name_of(quantity: str | Derived) -> str:
    """Return the name of a parameter or a derived quantity."""
    return quantity.name if isinstance(quantity, Derived) else quantity


def check_mass(mass: float) -> None:
    """Refuse what is no probability of a limit.

    Raises
    ------
    BayesmapInputError
        BM-FT-052.
    """
    if not 0.0 < mass < 1.0:
        raise BayesmapInputError(
            "BM-FT-052",
            what=f"mass is {mass!r}",
            rule="It is a probability between 0 and 1",
            remedy="Write for example 0.95",
        )
