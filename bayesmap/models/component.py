"""The shared base of spectral and spatial models: a frozen, named set of parameters."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, ClassVar, NoReturn, Self

import astropy.units as u
import numpy as np

from bayesmap.errors import ModelError
from bayesmap.models.parameter import Parameter, ParameterLike, make_parameter


class ModelComponent:
    """Base of the spectral and spatial models.

    A subclass states its parameters as class attributes, in order, and its other settings in
    `settings`::

        class PowerLawSpectralModel(SpectralModel):
            tag = ("PowerLawSpectralModel", "pl")
            index = Parameter("index", 2.0)
            reference = Parameter("reference", 1.0, "TeV", frozen=True)

    An instance holds its own `Parameter` under each of these names and is frozen: `with_parameters`
    returns a new one. Physics lives in pure static methods of the subclass.

    Parameters
    ----------
    **values : float, str, Quantity or Parameter
        Parameters by name (see `bayesmap.models.parameter.make_parameter`) and settings by name; what is
        left out takes its default.

    Raises
    ------
    ModelError
        BM-MO-002 for an unknown name.
    """

    kind: ClassVar[str] = ""
    tag: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[dict[str, Any]] = {}
    default_parameters: tuple[Parameter, ...] = ()
    """Parameters at their defaults: of the class, or of the instance where they follow from its settings."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect the parameters that the subclass states."""
        super().__init_subclass__(**kwargs)
        own = tuple(item for item in vars(cls).values() if isinstance(item, Parameter))
        cls.default_parameters = own or cls.default_parameters

    def __init__(self, **values: ParameterLike) -> None:
        """Build the parameters from the defaults and what was given."""
        for name, setting in self.settings.items():
            object.__setattr__(self, name, self.take_setting(name, values.get(name, setting)))
        object.__setattr__(self, "default_parameters", self.own_defaults())
        defaults = {parameter.name: parameter for parameter in self.default_parameters}
        for name in values:
            if name not in defaults and name not in self.settings:
                raise unknown_name(type(self).__name__, name, (*defaults, *self.settings))
        for name, default in defaults.items():
            object.__setattr__(self, name, self.take_parameter(default, values.get(name, default)))
        self.check()

    def take_parameter(self, default: Parameter, value: Any) -> Parameter:
        """Return a parameter with the value that was given; subclasses may refuse values in words of their own."""
        return make_parameter(default, value)

    def take_setting(self, name: str, value: Any) -> Any:
        """Return a setting in the form that is kept; subclasses check and convert."""
        return value

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return the parameters of this instance at their defaults; subclasses may make them from the settings."""
        return type(self).default_parameters

    def check(self) -> None:
        """Check settings and parameters together; subclasses say how."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: models are frozen."""
        raise AttributeError(
            f"{type(self).__name__} is frozen: cannot set {name!r}. "
            f"Build a new model, or use with_parameters or Models.with_values."
        )

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: models are frozen."""
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name!r}.")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in the order of the class."""
        return tuple(getattr(self, default.name) for default in self.default_parameters)

    @property
    def canonical_values(self) -> dict[str, float]:
        """Parameter values by name, in canonical units (TeV, deg, cm-2 s-1 TeV-1, ...)."""
        return {parameter.name: parameter.canonical_value for parameter in self.parameters}

    def origin(self, name: str) -> tuple[str, str]:
        """Return the class that a parameter belongs to and its name there: those of a part, where a model has parts."""
        return type(self).__name__, name

    def with_parameters(self, parameters: tuple[Parameter, ...]) -> Self:
        """Return the same model with other parameters, found by their names; the rest stays."""
        settings = {name: getattr(self, name) for name in self.settings}
        kept = {parameter.name: parameter for parameter in self.parameters}
        given = {parameter.name: parameter for parameter in parameters}
        return type(self)(**(settings | kept | given))

    def __eq__(self, other: object) -> bool:
        """Compare class, settings and parameters."""
        if type(self) is not type(other):
            return NotImplemented
        return self.parameters == other.parameters and all(
            _same(getattr(self, name), getattr(other, name)) for name in self.settings
        )

    def __hash__(self) -> int:
        """Hash of the class and parameters."""
        return hash((type(self), self.parameters))

    def __repr__(self) -> str:
        """Show the call that would build the model, values with units."""
        parts = [f"{item.name}={_shown(item)}" for item in self.parameters]
        settings = [f"{name}={_brief(getattr(self, name))}" for name in self.settings]
        return f"{type(self).__name__}({', '.join(parts + settings)})"


def _same(one: Any, other: Any) -> bool:
    """Compare two settings by value, arrays and quantities too."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.shape(one) == np.shape(other) and bool(np.all(one == other))
    return bool(one == other)


def _brief(setting: Any) -> str:
    """Show a setting on one line, of a long array its ends."""
    if isinstance(setting, np.ndarray) and setting.size > 6:
        unit = f" {setting.unit}" if isinstance(setting, u.Quantity) else ""
        ends = np.asarray(setting).flat
        return f"<{' x '.join(map(str, setting.shape))} numbers, {ends[0]:.6g} to {ends[-1]:.6g}{unit}>"
    return repr(setting)


def _shown(parameter: Parameter) -> str:
    if parameter.unit:
        return repr(f"{parameter.value:.6g} {parameter.unit}")
    return f"{parameter.value:.6g}"


def unknown_name(owner: str, name: str, known: tuple[str, ...]) -> ModelError:
    """Return the error for a name that `owner` does not have, with the nearest known one."""
    return ModelError(
        "BM-MO-002",
        what=f"{owner} has no parameter {name!r}",
        rule=f"Known names are {', '.join(known)}",
        remedy=did_you_mean(name, known),
    )


def did_you_mean(name: str, known: tuple[str, ...]) -> str:
    """Return a suggestion with the known name nearest to `name`, for the remedy of an error."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}? Use that, or another of these names" if close else "Use one of these names"
