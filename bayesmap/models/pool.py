"""Partial pooling: parameters of the same kind that share a distribution of unknown mean and spread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent
from bayesmap.models.named import NamedModel
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.prior import Prior

POOL_KINDS = ("lognormal", "normal")


class PoolDistribution(ModelComponent):
    r"""Distribution of the members of a pool.

    .. math:: p_r = m\,e^{\tau z_r}\ \text{(lognormal)},\qquad p_r = m + \tau z_r\ \text{(normal)},\qquad
              z_r \sim N(0, 1)

    The deviates z are what is sampled (the non-centred form), so that a small spread makes no funnel.

    Parameters
    ----------
    mean : float
        m, in the unit of the members. Default 1, prior half-normal of width 2.
    spread : float
        :math:`\tau`. Default 0.1, prior half-normal of width 0.3.
    distribution : str
        ``"lognormal"`` or ``"normal"``.
    """

    kind: ClassVar[str] = "pool"
    tag = ("PoolDistribution", "pool-distribution")
    settings: ClassVar[dict[str, object]] = {"distribution": "lognormal"}
    mean = Parameter("mean", 1.0, prior=Prior("HalfNormal", sigma=2.0))
    spread = Parameter("spread", 0.1, min=0.0, prior=Prior("HalfNormal", sigma=0.3))
    distribution: str

    def check(self) -> None:
        """Check the kind of distribution."""
        if self.distribution not in POOL_KINDS:
            raise ModelError(
                "BM-MO-024",
                what=f"the pool has the distribution {self.distribution!r}",
                rule=f"It must be one of {', '.join(POOL_KINDS)}",
                remedy="Use one of these words",
            )


@dataclass(frozen=True, kw_only=True, init=False)
class PoolModel(NamedModel):
    """Pool of parameters that learn from each other, for example the background norms of many runs.

    Parameters
    ----------
    members : iterable of str
        Qualified names of the parameters, which must be free and have the same unit.
    distribution : str
        ``"lognormal"`` (members are positive) or ``"normal"``.
    mean, spread : float, Quantity or Parameter
        Start values (with priors) of the distribution's parameters; see `PoolDistribution`.
    name : str
        Default ``"pool"``; the parameters are ``"pool.pool.mean"`` and ``"pool.pool.spread"``.

    Raises
    ------
    ModelError
        BM-MO-024 for a pool of less than two members, or an unknown distribution.

    References
    ----------
    Betancourt & Girolami 2013, arXiv:1312.0906 (centred and non-centred forms).
    """

    tag = ("PoolModel", "pool")
    component_fields: ClassVar[dict[str, str]] = {"pool": "pool_model"}
    members: tuple[str, ...]
    pool_model: PoolDistribution

    def __init__(
        self,
        members: Iterable[str] = (),
        distribution: str = "lognormal",
        mean: ParameterLike = 1.0,
        spread: ParameterLike = 0.1,
        *,
        name: str = "pool",
        datasets_names: str | Iterable[str] | None = None,
        pool_model: PoolDistribution | None = None,
    ) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "datasets_names", datasets_names)
        object.__setattr__(self, "members", (members,) if isinstance(members, str) else tuple(members))
        built = pool_model or PoolDistribution(mean=mean, spread=spread, distribution=distribution)
        object.__setattr__(self, "pool_model", built)
        self.__post_init__()
        if len(set(self.members)) < 2 or len(set(self.members)) < len(self.members):
            raise ModelError(
                "BM-MO-024",
                what=f"the pool {name!r} has the members {', '.join(self.members) or 'none'}",
                rule="A pool has at least two members, each once",
                remedy="Name the parameters that share the distribution",
            )
