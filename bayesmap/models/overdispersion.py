"""More scatter in the counts than Poisson's: the switch to a negative-binomial likelihood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from bayesmap.models.component import ModelComponent
from bayesmap.models.named import NamedModel
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.prior import Prior


class Overdispersion(ModelComponent):
    r"""Excess variance of counts: :math:`\mathrm{Var}(n) = \mu + \alpha \mu^2`.

    Parameters
    ----------
    overdispersion : float
        :math:`\alpha >= 0`; at zero the counts are Poisson. Default 0.01, free, with the prior HalfNormal(0.1).
    """

    kind: ClassVar[str] = "counts"
    tag = ("Overdispersion", "overdispersion")
    overdispersion = Parameter("overdispersion", 0.01, min=0.0, prior=Prior("HalfNormal", sigma=0.1))


@dataclass(frozen=True, kw_only=True, init=False)
class OverdispersionModel(NamedModel):
    """Negative-binomial counts in the datasets that it belongs to.

    Parameters
    ----------
    overdispersion : float or Parameter
        See `Overdispersion`.
    datasets_names : tuple of str, optional
        None means all.
    name : str
        Default ``"scatter"``; the parameter is ``"scatter.counts.overdispersion"``.
    """

    tag = ("OverdispersionModel", "overdispersion")
    component_fields: ClassVar[dict[str, str]] = {"counts": "counts_model"}
    counts_model: Overdispersion

    def __init__(
        self,
        overdispersion: ParameterLike = 0.01,
        *,
        datasets_names: str | Iterable[str] | None = None,
        name: str = "scatter",
        counts_model: Overdispersion | None = None,
    ) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "datasets_names", datasets_names)
        object.__setattr__(self, "counts_model", counts_model or Overdispersion(overdispersion=overdispersion))
        self.__post_init__()
