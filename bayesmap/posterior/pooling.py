r"""Pooled parameters: theta holds standard-normal deviates, the values follow from them and from the pool.

.. math:: p_r = m\,e^{\tau z_r}\ \text{(lognormal)},\qquad p_r = m + \tau z_r\ \text{(normal)}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.errors import ModelError, PriorError
from bayesmap.models.pool import PoolModel
from bayesmap.models.sky import Models


@dataclass(frozen=True)
class Pool:
    """A pool by positions in theta.

    Parameters
    ----------
    lognormal : bool
        Kind of distribution.
    members : tuple of int
        Entries of theta that hold deviates.
    mean, spread : int or float
        Entry of theta (int), or the value of a frozen parameter (float).
    name : str
        Name of the pool.
    """

    lognormal: bool
    members: tuple[int, ...]
    mean: int | float
    spread: int | float
    name: str

    def parameters(self, theta: Any) -> tuple[Any, Any]:
        """Return mean and spread, of theta with its entries along the last axis."""
        mean, spread = (theta[..., item] if isinstance(item, int) else item for item in (self.mean, self.spread))
        return mean, spread

    def values(self, xp: Any, theta: Any, index: int) -> Any:
        """Return the value of a member, in its unit."""
        mean, spread = self.parameters(theta)
        deviate = theta[..., index]
        return mean * xp.exp(spread * deviate) if self.lognormal else mean + spread * deviate

    def deviate(self, theta: np.ndarray, value: float) -> float:
        """Return the deviate of a member's value; without any spread, zero for the mean.

        Raises
        ------
        ModelError
            BM-MO-024 for a value that the pool cannot reach.
        """
        mean, spread = self.parameters(theta)
        possible = spread > 0 and (not self.lognormal or value * mean > 0)
        if not possible and value != mean:
            raise ModelError(
                "BM-MO-024",
                what=f"the pool {self.name!r} has mean {mean:g} and spread {spread:g}, a member {value:g}",
                rule="Members differ from the mean by a multiple of the spread; of a lognormal pool both are positive",
                remedy="Start from a spread above zero, or change the values",
            )
        return float((np.log(value / mean) if self.lognormal else value - mean) / spread) if possible else 0.0

    def fill_jacobian(self, jacobian: np.ndarray, theta: np.ndarray) -> None:
        """Write the derivatives of the members' values by theta into their rows."""
        mean, spread = self.parameters(theta)
        for i in self.members:
            value = self.values(np, theta, i)
            along = value if self.lognormal else 1.0
            jacobian[i, i] = along * spread
            if isinstance(self.mean, int):
                jacobian[i, self.mean] = value / mean if self.lognormal else 1.0
            if isinstance(self.spread, int):
                jacobian[i, self.spread] = along * theta[i]


def find_pools(models: Models, names: tuple[str, ...]) -> tuple[Pool, ...]:
    """Return the pools of the models.

    Parameters
    ----------
    models : Models
        At their start values.
    names : tuple of str
        Free parameters, in the order of theta.

    Raises
    ------
    ModelError
        BM-MO-026 for a member that is unknown, not free, in two pools, or not of the pool's unit; BM-MO-024 for a pool
        that starts without spread, or a lognormal one at a mean that is not positive.
    PriorError
        BM-PR-007 for a member with limits or a prior of its own.
    """
    pools = tuple(_pool(models, pool, names) for pool in models.pools)
    taken = [index for pool in pools for index in pool.members]
    twice = sorted({names[index] for index in taken if taken.count(index) > 1})
    if twice:
        raise _bad_member(twice[0], "is in two pools", "A parameter belongs to one pool at most")
    return pools


def _pool(models: Models, pool: PoolModel, names: tuple[str, ...]) -> Pool:
    index = {name: i for i, name in enumerate(names)}
    lognormal = pool.pool_model.distribution == "lognormal"
    mean, spread = pool.pool_model.mean.value, pool.pool_model.spread.value
    if spread <= 0 or (lognormal and mean <= 0):
        raise ModelError(
            "BM-MO-024",
            what=f"the pool {pool.name!r} starts at mean {mean:g} and spread {spread:g}",
            rule="The spread must start above zero, and so must the mean of a lognormal pool",
            remedy="Change the start values",
        )
    for member in pool.members:
        _check_member(models, pool, member, lognormal=lognormal)
    own = (pool.pool_model.mean, pool.pool_model.spread)
    places = [index.get(f"{pool.name}.pool.{item.name}", item.value) for item in own]
    return Pool(lognormal, tuple(index[member] for member in pool.members), places[0], places[1], pool.name)


def _check_member(models: Models, pool: PoolModel, member: str, *, lognormal: bool) -> None:
    table = models.parameters
    name = table.resolve(member)
    parameter = table[name]
    if name != member or not parameter.free:
        reason = "is not a qualified name" if name != member else "is frozen or linked"
        raise _bad_member(member, reason, "A pool is made of free parameters by qualified name")
    if "spatial" in name.split(".")[-2:-1]:
        raise _bad_member(member, "is a spatial parameter", "A pool is made of spectral or response parameters")
    if pool.pool_model.mean.quantity.unit != parameter.quantity.unit:
        raise _bad_member(member, f"is in {parameter.unit!r}, the mean in {pool.pool_model.mean.unit!r}", "Units agree")
    limited = not np.isnan(parameter.max) or not (np.isnan(parameter.min) or (lognormal and parameter.min <= 0))
    if limited or parameter.prior is not None:
        raise PriorError(
            "BM-PR-007",
            what=f"{member}, in the pool {pool.name!r}, has limits or a prior of its own",
            rule="The prior of a pooled parameter is the pool's distribution",
            remedy="Remove them, or take the parameter out of the pool",
        )
    if lognormal and parameter.value <= 0:
        raise _bad_member(member, f"starts at {parameter.value:g}", "Members of a lognormal pool are positive")


def _bad_member(name: str, reason: str, rule: str) -> ModelError:
    return ModelError("BM-MO-026", what=f"pool member {name} {reason}", rule=rule, remedy="Correct the pool's members")
