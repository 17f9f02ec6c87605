r"""Correlated priors as random variables: :math:`x = \mu + L\,u`, with L the Cholesky factor of the covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import scipy.linalg

from bayesmap.errors import PriorError
from bayesmap.models.default_priors import POSITIONS
from bayesmap.models.joint_prior import MultivariatePrior
from bayesmap.models.parameter import limit_text
from bayesmap.models.sky import Models
from bayesmap.posterior.coordinates import Coordinates
from bayesmap.posterior.distributions import exact
from bayesmap.posterior.variables import Variable

SEPARATOR = " & "
"""Between the names of parameters in the name of their common variable."""


@dataclass(frozen=True)
class JointPrior:
    """Density and draws of a correlated prior.

    Parameters
    ----------
    mean : ndarray, shape (n,)
        In the parameters' units.
    root : ndarray, shape (n, n)
        L.
    nu : float
        Degrees of freedom; infinite for a Gaussian.
    """

    mean: np.ndarray
    root: np.ndarray
    nu: float

    def build(self) -> Any:
        """Return the distribution, shape (n,)."""
        return pm.CustomDist.dist(
            exact(0.0),
            dist=self._draw,
            logp=self._logp,
            signature="()->(k)",
            class_name="JointPrior",
            support_point=self._center,
        )

    def _center(self, *_: Any) -> Any:
        return pt.constant(self.mean)

    def _draw(self, _: Any, size: Any) -> Any:
        deviates = pm.Normal.dist(exact(0.0), exact(1.0), size=(len(self.mean),))
        if math.isfinite(self.nu):
            deviates = deviates * pt.sqrt(exact(self.nu) / pm.ChiSquared.dist(exact(self.nu)))
        return pt.constant(self.mean) + pt.dot(pt.constant(self.root), deviates)

    def _logp(self, value: Any, _: Any) -> Any:
        n = len(self.mean)
        inverse = scipy.linalg.solve_triangular(self.root, np.eye(n), lower=True)
        deviates = pt.dot(pt.constant(inverse), value - pt.constant(self.mean))
        squared = pt.sum(deviates * deviates)
        log_det = float(np.log(np.diag(self.root)).sum())
        if math.isinf(self.nu):
            return -0.5 * squared - log_det - 0.5 * n * math.log(2.0 * math.pi)
        power = 0.5 * (self.nu + n)
        scale = math.lgamma(power) - math.lgamma(0.5 * self.nu) - 0.5 * n * math.log(self.nu * math.pi)
        return scale - log_det - power * pt.log1p(squared / self.nu)


def joint_variable(prior: Any, names: tuple[str, ...], coordinates: Coordinates) -> Variable:
    """Return the vector of several parameters.

    Parameters
    ----------
    prior : MultivariatePrior
        As stated.
    names : tuple of str
        Parameters by qualified name, in the prior's order.
    coordinates : Coordinates
        Meaning of theta.

    Raises
    ------
    PriorError
        BM-PR-001 for another kind of prior, BM-PR-010 for another number of names, BM-PR-002 for units.
    """
    if not isinstance(prior, MultivariatePrior):
        raise PriorError(
            "BM-PR-001",
            what=f"the prior of {', '.join(names)} together is {type(prior).__name__} {str(prior)[:60]}",
            rule="Several parameters get a MultivariatePrior",
            remedy="Write for example MultivariatePrior(mu=[2.3, 1.0], sigma=[0.2, 0.1])",
        )
    if len(prior.mu) != len(names):
        raise PriorError(
            "BM-PR-010",
            what=f"the prior {prior} was passed for {', '.join(names)}",
            rule="It has one mean for each parameter",
            remedy="Name as many parameters as it has means",
        )
    units = [coordinates.models.parameters[name].unit for name in names]
    mean, cov = prior.numbers(units)
    scale = np.sqrt(np.diag(cov))
    root = scale[:, None] * np.linalg.cholesky(cov / np.outer(scale, scale))
    indices = tuple(coordinates.names.index(name) for name in names)
    distribution = JointPrior(mean, root, prior.nu).build()
    return Variable(SEPARATOR.join(names), indices, distribution, None, str(prior), "")


def joint_priors(models: Models, priors: Mapping[Any, Any], pooled: frozenset[str]) -> dict[tuple[str, ...], Any]:
    """Return the priors that were passed for several parameters together, by their qualified names.

    Parameters
    ----------
    models : Models
        Of the fit.
    priors : dict
        Name, or tuple of names -> prior.
    pooled : frozenset of str
        Parameters in pools.

    Raises
    ------
    PriorError
        BM-PR-006 for a member that is not free, BM-PR-007 for one in a pool, BM-PR-013 for one that is named twice, has
        limits, or is a position.
    ModelError
        BM-MO-002 for an unknown or ambiguous name.
    """
    table = models.parameters
    joint = {tuple(map(table.resolve, key)): prior for key, prior in priors.items() if isinstance(key, tuple)}
    members = [name for names in joint for name in names]
    single = [table.resolve(key) for key in priors if not isinstance(key, tuple)]
    for name in members:
        if (members + single).count(name) > 1:
            raise _bad_member(name, "has more than one prior", "A parameter has one prior", "Keep one of them")
        if name in pooled:
            raise PriorError(
                "BM-PR-007",
                what=f"a joint prior was passed for {name}, which is in a pool",
                rule="The prior of a pooled parameter is the pool's distribution",
                remedy="Take it out of the joint prior, or of the pool",
            )
        if name.rsplit(".", 2)[1:] in [["spatial", bare] for bare in POSITIONS]:
            rule = "A position has a prior of its own, on the sphere"
            raise _bad_member(name, "is a position", rule, "Take it out of the joint prior")
        if not (math.isnan(table[name].min) and math.isnan(table[name].max)):
            raise _bad_member(
                name,
                f"has the limits [{limit_text(table[name].min, 'g')}, {limit_text(table[name].max, 'g')}]",
                "A joint prior is not cut at limits: its integral would be unknown",
                "Take it out of the joint prior, or remove its limits",
            )
    return joint


def _bad_member(name: str, reason: str, rule: str, remedy: str) -> PriorError:
    return PriorError(
        "BM-PR-013",
        what=f"a joint prior was passed for {name}, which {reason}",
        rule=rule,
        remedy=remedy,
    )
