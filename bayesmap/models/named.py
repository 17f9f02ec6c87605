"""What sky models and background models share: a name, components with parameters, the datasets they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from bayesmap.errors import ModelError
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter


@dataclass(frozen=True, kw_only=True)
class NamedModel:
    """Base of `SkyModel`, `FoVBackgroundModel` and `BackgroundModel`.

    Parameters
    ----------
    name : str
        Name, the first part of its parameters' names; unique among the models of a fit.
    datasets_names : tuple of str, optional
        Names of the datasets the model belongs to; None means all.

    Raises
    ------
    ModelError
        BM-MO-013 for a name that cannot stand in a parameter name.
    """

    component_fields: ClassVar[dict[str, str]] = {"spectral": "spectral_model"}
    """Middle part of a parameter's qualified name -> field that holds the component."""

    name: str
    datasets_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the name, take dataset names as a tuple."""
        if not isinstance(self.name, str) or not self.name.strip() or "/" in self.name:
            raise ModelError(
                "BM-MO-013",
                what=f"{type(self).__name__} has name {self.name!r}",
                rule='A model name is a string that is not empty and holds no "/" (xarray groups end there)',
                remedy='Pass for example name="crab"',
            )
        object.__setattr__(self, "datasets_names", _names(self.datasets_names))

    @property
    def components(self) -> dict[str, ModelComponent]:
        """Components by kind, ``"spectral"`` and, if there is one, ``"spatial"``."""
        found = {kind: getattr(self, attribute) for kind, attribute in self.component_fields.items()}
        return {kind: component for kind, component in found.items() if component is not None}

    @property
    def named_parameters(self) -> dict[str, Parameter]:
        """Parameters by qualified name, such as ``"crab.spectral.index"``."""
        return {
            f"{self.name}.{kind}.{parameter.name}": parameter
            for kind, component in self.components.items()
            for parameter in component.parameters
        }

    def with_named_parameters(self, parameters: dict[str, Parameter]) -> Self:
        """Return the same model with the parameters given by qualified name; the rest stays."""
        known = self.named_parameters | parameters
        changes: dict[str, Any] = {
            self.component_fields[kind]: component.with_parameters(
                tuple(known[f"{self.name}.{kind}.{item.name}"] for item in component.parameters)
            )
            for kind, component in self.components.items()
        }
        return replace(self, **changes)

    def applies_to(self, dataset_name: str) -> bool:
        """Return True if the model belongs to the dataset of that name."""
        return self.datasets_names is None or dataset_name in self.datasets_names


def _names(names: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def check_component(owner: str, component: object, *, kind: str, is_norm: bool | None = None) -> None:
    """Check that a component is of the kind its owner needs.

    Parameters
    ----------
    owner : str
        For the message, such as ``"SkyModel 'crab'"``.
    component : object
        What the user passed.
    kind : str
        ``"spectral"`` or ``"spatial"``.
    is_norm : bool, optional
        Whether a spectral model must be a dimensionless factor or must not be one.

    Raises
    ------
    ModelError
        BM-MO-014 if it is not.
    """
    fits = isinstance(component, ModelComponent) and component.kind == kind
    if fits and (is_norm is None or getattr(component, "is_norm", False) == is_norm):
        return
    unit = "a flux unit" if kind == "spectral" else "a brightness"
    wanted = {None: f"{kind} model", True: f"norm {kind} model", False: f"{kind} model with {unit}"}[is_norm]
    example = {None: "PointSpatialModel()", True: "PowerLawNormSpectralModel()", False: "PowerLawSpectralModel()"}
    if kind == "spatial":
        example = {None: "PointSpatialModel()", True: "PiecewiseNormSpatialModel()", False: "PointSpatialModel()"}
    raise ModelError(
        "BM-MO-014",
        what=f"{owner} was given {type(component).__name__} as its {kind} model",
        rule=f"It needs a {wanted}",
        remedy=f"Pass for example {example[is_norm]}",
    )
