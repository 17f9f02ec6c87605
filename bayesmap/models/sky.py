"""A source of the sky, and the collection of everything a fit contains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, overload

from bayesmap.errors import ModelError
from bayesmap.models.background import BackgroundModel, FoVBackgroundModel
from bayesmap.models.component import ModelComponent, did_you_mean
from bayesmap.models.named import NamedModel, check_component
from bayesmap.models.parameter import Parameter
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.models.table import ParameterTable


@dataclass(frozen=True, kw_only=True, init=False)
class SkyModel(NamedModel):
    r"""Source of the sky: a spectrum times a shape.

    .. math:: \frac{dN}{dE\,d\Omega}(E, \Omega) = \frac{dN}{dE}(E)\, s(\Omega)

    Exposure, PSF and energy dispersion are always applied.

    Parameters
    ----------
    spectral_model : SpectralModel
        dN/dE.
    spatial_model : spatial model
        Shape, integrates to one over the sphere (or, for a template, to what its map says).
    name : str
        Name, unique in a fit. Default ``"source"``.
    datasets_names : tuple of str, optional
        Datasets it contributes to; None means all.

    Raises
    ------
    ModelError
        BM-MO-013 for a name that cannot be used, BM-MO-014 for a component of the wrong kind.
    """

    tag = ("SkyModel", "sky-model")
    component_fields: ClassVar[dict[str, str]] = {"spectral": "spectral_model", "spatial": "spatial_model"}
    spectral_model: SpectralModel
    spatial_model: ModelComponent

    def __init__(
        self,
        spectral_model: SpectralModel,
        spatial_model: ModelComponent,
        *,
        name: str = "source",
        datasets_names: str | Iterable[str] | None = None,
    ) -> None:
        check_component(f"SkyModel {name!r}", spectral_model, kind="spectral", is_norm=False)
        check_component(f"SkyModel {name!r}", spatial_model, kind="spatial")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "datasets_names", datasets_names)
        object.__setattr__(self, "spectral_model", spectral_model)
        object.__setattr__(self, "spatial_model", spatial_model)
        self.__post_init__()

    def __add__(self, other: AnyModel | Models) -> Models:
        """Return both as `Models`."""
        return Models((self,)) + other


AnyModel = SkyModel | FoVBackgroundModel | BackgroundModel
"""What `Models` may hold."""


@dataclass(frozen=True, repr=False)
class Models:
    """All models of a fit, in order.

    Nothing is changed in place: `with_values` and its like return a new `Models`.

    Parameters
    ----------
    models : iterable of SkyModel, FoVBackgroundModel or BackgroundModel
        The models; a single one is taken as a collection of one.

    Raises
    ------
    ModelError
        BM-MO-011 for a name used twice, BM-MO-014 for something that is no model, BM-MO-015 for two field of
        view backgrounds of one dataset.
    """

    models: tuple[AnyModel, ...] = ()

    def __post_init__(self) -> None:
        """Take the models as a tuple and check them together."""
        given = (self.models,) if isinstance(self.models, NamedModel) else tuple(self.models)
        object.__setattr__(self, "models", given)
        for model in given:
            if not isinstance(model, NamedModel):
                raise _not_a_model(model)
        _check_unique([model.name for model in given], "BM-MO-011", "models are named")
        datasets = [model.dataset_name for model in given if isinstance(model, FoVBackgroundModel)]
        _check_unique(datasets, "BM-MO-015", "FoVBackgroundModels belong to dataset")

    def __iter__(self) -> Iterator[AnyModel]:
        """Iterate over the models."""
        return iter(self.models)

    def __len__(self) -> int:
        """Return the number of models."""
        return len(self.models)

    @overload
    def __getitem__(self, key: str | int) -> AnyModel: ...
    @overload
    def __getitem__(self, key: slice) -> Models: ...
    def __getitem__(self, key: str | int | slice) -> AnyModel | Models:
        """Return a model by name or position, or a slice of them."""
        if isinstance(key, slice):
            return Models(self.models[key])
        if isinstance(key, int):
            return self.models[key]
        for model in self.models:
            if model.name == key:
                return model
        raise ModelError(
            "BM-MO-002",
            what=f"no model is named {key!r}",
            rule=f"Models are {', '.join(self.names) or 'none'}",
            remedy=did_you_mean(key, self.names),
        )

    def __contains__(self, key: object) -> bool:
        """Return True for the name of a model, or for a model, that is in the collection."""
        return key in self.names if isinstance(key, str) else key in self.models

    def __add__(self, other: AnyModel | Models | Iterable[AnyModel]) -> Models:
        """Return these models followed by other ones."""
        return Models(self.models + Models(other).models)  # type: ignore[arg-type]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(model.name for model in self.models)

    @property
    def sky_models(self) -> tuple[SkyModel, ...]:
        """The sources."""
        return tuple(model for model in self.models if isinstance(model, SkyModel))

    @property
    def background_models(self) -> tuple[FoVBackgroundModel | BackgroundModel, ...]:
        """The background models."""
        return tuple(model for model in self.models if not isinstance(model, SkyModel))

    @property
    def parameters(self) -> ParameterTable:
        """All parameters by qualified name, such as ``"crab.spectral.index"``."""
        return ParameterTable({name: item for model in self.models for name, item in model.named_parameters.items()})

    def for_dataset(self, dataset_name: str) -> Models:
        """Return the models that belong to the dataset of that name."""
        return Models(tuple(model for model in self.models if model.applies_to(dataset_name)))

    def with_parameters(self, parameters: Mapping[str, Parameter]) -> Models:
        """Return the same models with some parameters replaced, by qualified (or unique bare) name."""
        table = self.parameters
        given = {table.resolve(name): parameter for name, parameter in parameters.items()}
        return Models(
            tuple(
                model.with_named_parameters({name: given[name] for name in model.named_parameters if name in given})
                for model in self.models
            )
        )

    def _change(self, changes: Mapping[str, Any], change: Callable[[Parameter, Any], Parameter]) -> Models:
        table = self.parameters
        return self.with_parameters({name: change(table[name], value) for name, value in changes.items()})

    def with_values(self, values: Mapping[str, Any]) -> Models:
        """Return the same models at other values.

        Parameters
        ----------
        values : dict
            Name -> float in the parameter's unit, Quantity or str.

        Raises
        ------
        ModelError
            BM-MO-002 for an unknown or ambiguous name, BM-MO-003 or 006 for a value that is not allowed.
        """
        return self._change(values, Parameter.with_value)

    def with_errors(self, errors: Mapping[str, Any]) -> Models:
        """Return the same models with other errors (float in the parameter's unit, Quantity or str)."""
        return self._change(errors, lambda item, error: item.replace(error=item.to_unit_value(error)))

    def with_frozen(self, frozen: Mapping[str, bool]) -> Models:
        """Return the same models with some parameters frozen (True) or free (False)."""
        return self._change(frozen, lambda item, flag: item.replace(frozen=flag))

    def with_priors(self, priors: Mapping[str, Any]) -> Models:
        """Return the same models with other priors; None means the default one."""
        return self._change(priors, lambda item, prior: item.replace(prior=prior))

    def __repr__(self) -> str:
        """Show the models, then their parameters."""
        lines = [f"Models of {len(self)} components"]
        for model in self.models:
            parts = ", ".join(type(component).__name__ for component in model.components.values())
            lines.append(f"  {model.name}: {type(model).__name__} ({parts})")
        return "\n".join([*lines, "", repr(self.parameters)])


def _not_a_model(item: object) -> ModelError:
    return ModelError(
        "BM-MO-014",
        what=f"Models was given {type(item).__name__}",
        rule="It holds SkyModel, FoVBackgroundModel and BackgroundModel only",
        remedy="Wrap components: SkyModel(spectral_model, spatial_model, name=...)",
    )


def _check_unique(names: list[str], code: str, what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ModelError(
            code,
            what=f"{names.count(twice[0])} {what} {twice[0]!r}",
            rule="Each name may be used once",
            remedy="Rename or remove all but one",
        )
