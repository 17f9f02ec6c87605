"""Sums, differences, products and quotients of two spectra."""

from __future__ import annotations

import operator as arithmetic
from collections.abc import Callable
from types import ModuleType
from typing import Any

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent, did_you_mean
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.spectral.base import SpectralExample, SpectralModel

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.sub,
    "mul": arithmetic.mul,
    "truediv": arithmetic.truediv,
}
SIDES = ("model1", "model2")
PREFIXES = ("model1_", "model2_")


class CompoundSpectralModel(SpectralModel):
    r"""Two spectra joined by +, -, \* or /.

    .. math:: f(E) = f_1(E) \circ f_2(E),\quad \circ \in \{+, -, \times, /\}

    Python's operators make it: ``power_law + line``, ``power_law * absorption``, ``power_law * 2``; either part may be
    a compound itself.

    A parameter keeps its name where only one of the parts has it (``index``, ``redshift``); a name that both have
    gets the part in front: ``model1_amplitude``, ``model2_amplitude``. A name that begins so already gets it too.

    Parameters
    ----------
    model1, model2 : SpectralModel
        The parts; they hold the start values.
    operator : str or function
        ``"add"``, ``"sub"``, ``"mul"``, ``"truediv"``, or the function of Python's module `operator`.
    **values : float or Parameter
        Parameters by their names here, in place of those of the parts.

    Raises
    ------
    ModelError
        BM-MO-033 for an operator that is not known, or parts whose units it cannot join.

    Examples
    --------
    >>> import astropy.units as u
    >>> from bayesmap.models import LogParabolaSpectralModel, PowerLawSpectralModel
    >>> model = PowerLawSpectralModel() + LogParabolaSpectralModel(reference="1 TeV")
    >>> [parameter.name for parameter in model.parameters]
    ['index', 'model1_amplitude', 'model1_reference', 'model2_amplitude', 'model2_reference', 'alpha', 'beta']
    >>> print(f"{model(1 * u.TeV):.4g}")
    2e-12 1 / (TeV s cm2)
    """

    tag = ("CompoundSpectralModel", "compound")
    settings = {"model1": None, "model2": None, "operator": "add"}  # noqa: RUF012 - read only
    model1: SpectralModel
    model2: SpectralModel
    operator: str
    names: dict[str, dict[str, str]]

    def __init__(self, model1: Any, model2: Any, operator: Any = "add", **values: ParameterLike) -> None:
        super().__init__(model1=model1, model2=model2, operator=operator, **values)

    def take_setting(self, name: str, value: Any) -> Any:
        """Check the parts and the operator."""
        if name != "operator":
            if not isinstance(value, SpectralModel):
                remedy = "Pass for example PowerLawSpectralModel()"
                raise _refused(f"{name} is {type(value).__name__}", "It must be a spectral model", remedy)
            return value
        known = getattr(value, "__name__", value)
        if known not in OPERATORS:
            rule = f"It must be one of {', '.join(OPERATORS)}"
            raise _refused(f"operator is {known!r}", rule, did_you_mean(str(known), tuple(OPERATORS)))
        return known

    def own_defaults(self) -> tuple[Parameter, ...]:
        """Return the parameters of both parts under their names here."""
        object.__setattr__(self, "names", _names(self.model1, self.model2))
        return tuple(
            parameter.replace(name=self.names[side][parameter.name])
            for side in SIDES
            for parameter in getattr(self, side).parameters
        )

    def check(self) -> None:
        """Check the units, and hand the values to the parts."""
        object.__setattr__(self, "is_norm", _is_norm(self.model1.is_norm, self.model2.is_norm, self.operator))
        for side in SIDES:
            own = tuple(getattr(self, here).replace(name=there) for there, here in self.names[side].items())
            object.__setattr__(self, side, getattr(self, side).with_parameters(own))

    def origin(self, name: str) -> tuple[str, str]:
        """Return the class that a parameter belongs to, and its name there; a part's part counts."""
        for side in SIDES:
            for there, here in self.names[side].items():
                if here == name:
                    found: tuple[str, str] = getattr(self, side).origin(there)
                    return found
        return super().origin(name)

    def evaluate(self, xp: ModuleType, energy: Any, **values: Any) -> Any:  # type: ignore[override]
        """Return the joined value at `energy` in TeV."""
        first, second = (getattr(self, side).evaluate(xp, energy, **self._of(side, values)) for side in SIDES)
        return OPERATORS[self.operator](first, second)

    def integral(self, xp: ModuleType, energy_min: Any, energy_max: Any, slope: Any, **values: Any) -> Any:
        """Integrate over each bin: sums part by part, products by quadrature that ends at the kinks of both."""
        if self.operator not in ("add", "sub"):
            return super().integral(xp, energy_min, energy_max, slope, **values)
        first, second = (
            getattr(self, side).integral(xp, energy_min, energy_max, slope, **self._of(side, values)) for side in SIDES
        )
        return OPERATORS[self.operator](first, second)

    @property
    def fixed_breaks(self) -> tuple[float, ...]:
        """Kinks of both parts."""
        return (*self.model1.fixed_breaks, *self.model2.fixed_breaks)

    def moving_breaks(self, xp: ModuleType, **values: Any) -> tuple[Any, ...]:
        """Return the moving kinks of both parts."""
        return tuple(
            place for side in SIDES for place in getattr(self, side).moving_breaks(xp, **self._of(side, values))
        )

    def _of(self, side: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of one part under its own names."""
        return {there: values[here] for there, here in self.names[side].items()}

    @classmethod
    def examples(cls) -> tuple[SpectralExample, ...]:
        """Return points with values from a named source."""
        from bayesmap.models.spectral.power_law import PowerLawSpectralModel  # noqa: PLC0415

        part = PowerLawSpectralModel(index=2.3, amplitude=4.0)
        source = "Gammapy 2.1, modeling/models/tests/test_spectral.py, TEST_MODELS 'compound3'"
        parts = {"model1": part, "model2": part, "operator": "add"}
        return (SpectralExample(2.0, 2.0 * 4.0 * 2.0**-2.3, source, parts),)


def _names(one: ModelComponent, other: ModelComponent) -> dict[str, dict[str, str]]:
    """Return for each part: name there -> name here."""
    own = [{parameter.name for parameter in part.parameters} for part in (one, other)]
    clash = own[0] & own[1]
    return {
        side: {
            item.name: f"{side}_{item.name}" if item.name in clash or item.name.startswith(PREFIXES) else item.name
            for item in part.parameters
        }
        for side, part in zip(SIDES, (one, other), strict=True)
    }


def _is_norm(first: bool, second: bool, operator: str) -> bool:
    """Return whether the result is a dimensionless factor."""
    if operator in ("add", "sub") and first == second:
        return first
    if operator == "mul" and (first or second):
        return first and second
    if operator == "truediv" and (second or not first):
        return first == second
    kinds = ["a factor" if norm else "a flux density" for norm in (first, second)]
    raise _refused(
        f"operator {operator!r} joins {kinds[0]} and {kinds[1]}",
        "The result must be a flux density or a factor",
        "Add spectra of one kind, multiply a spectrum by norm models",
    )


def _refused(what: str, rule: str, remedy: str) -> ModelError:
    return ModelError("BM-MO-033", what=f"CompoundSpectralModel: {what}", rule=rule, remedy=remedy)
