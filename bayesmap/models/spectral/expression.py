"""A spectrum from a formula that the user writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralModel


class ExpressionSpectralModel(SpectralModel):
    """Spectrum from one expression; `expression_model` is the short way.

    It is integrated by quadrature, and has a gradient in every parameter like any other model. It cannot be written
    to a model file, which holds no code: see ``docs/extend.md`` for a class with a name.

    Parameters
    ----------
    function : callable
        ``function(xp, energy, **parameters)``: formula with `xp` (`numpy` or `pytensor.tensor`) in place of numpy, of
        energies in TeV and parameters in canonical units; returns cm-2 s-1 TeV-1.
    declared : iterable of Parameter
        The parameters, at their start values.
    is_norm : bool
        Whether the value is a dimensionless factor.
    breaks : iterable of float, unit TeV
        Energies where the formula has a kink.
    **values : float or Parameter
        Start values by name, in place of the declared ones.

    Raises
    ------
    ModelError
        BM-MO-034 if `function` is not callable, or a parameter is given twice or has a name that cannot be used.
    """

    settings = {"function": None, "declared": (), "factor": False, "breaks": ()}  # noqa: RUF012 - read only
    function: Callable[..., Any]
    declared: tuple[Parameter, ...]
    factor: bool
    breaks: tuple[float, ...]

    def take_setting(self, name: str, value: Any) -> Any:
        """Check the formula and the parameters."""
        if name == "function" and not callable(value):
            raise _refused(f"function is {type(value).__name__}", "It must be callable", "Pass a function or lambda")
        if name == "declared":
            return _checked(tuple(value), reserved=dir(type(self)))
        return tuple(value) if name == "breaks" else value

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return the declared parameters."""
        return self.declared

    def check(self) -> None:
        """Take over whether it is a factor."""
        object.__setattr__(self, "is_norm", bool(self.factor))

    def evaluate(self, xp: ModuleType, energy: Any, **values: Any) -> Any:  # type: ignore[override]
        """Return the formula at `energy` in TeV."""
        return self.function(xp, energy, **values)

    @property
    def fixed_breaks(self) -> tuple[float, ...]:
        """The stated kinks, in TeV."""
        return self.breaks


def expression_model(
    function: Callable[..., Any],
    parameters: Iterable[Parameter],
    *,
    is_norm: bool = False,
    breaks: Iterable[float] = (),
    **values: ParameterLike,
) -> ExpressionSpectralModel:
    """Return a spectral model for one expression.

    Parameters
    ----------
    function, is_norm, breaks, **values
        See `ExpressionSpectralModel`.
    parameters : iterable of Parameter
        The parameters at their start values, with units, limits and priors.

    Returns
    -------
    ExpressionSpectralModel

    Examples
    --------
    >>> import astropy.units as u
    >>> from bayesmap import Parameter
    >>> model = expression_model(
    ...     lambda xp, energy, index, amplitude: amplitude * energy**-index * xp.exp(-energy / 3.0),
    ...     [Parameter("index", 2.0), Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")],
    ... )
    >>> print(f"{model(3 * u.TeV):.4g}")
    4.088e-14 1 / (TeV s cm2)
    >>> model.with_parameters((model.index.with_value(2.5),)).index.value
    2.5
    """
    return ExpressionSpectralModel(
        function=function, declared=tuple(parameters), factor=is_norm, breaks=tuple(breaks), **values
    )


def _checked(parameters: tuple[Any, ...], reserved: Iterable[str]) -> tuple[Parameter, ...]:
    """Return the parameters if they can be attributes of one model."""
    taken = set(reserved)
    for parameter in parameters:
        name = getattr(parameter, "name", None)
        if not isinstance(parameter, Parameter) or not str(name).isidentifier() or name in taken:
            raise _refused(
                f"parameter {name or parameter!r} cannot be used",
                "Each must be a Parameter whose name is a Python name, not one of the model's own, and given once",
                "Choose other names",
            )
        taken.add(parameter.name)
    return parameters


def _refused(what: str, rule: str, remedy: str) -> ModelError:
    return ModelError("BM-MO-034", what=f"ExpressionSpectralModel: {what}", rule=rule, remedy=remedy)
