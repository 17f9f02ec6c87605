"""A source of the sky, and the collection of everything a fit contains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, overload

from bayesmap.errors import ModelError
from bayesmap.models.background import BackgroundModel, FoVBackgroundModel
from bayesmap.models.component import ModelComponent, did_you_mean
from bayesmap.models.link import resolved
from bayesmap.models.named import NamedModel, check_component
from bayesmap.models.overdispersion import OverdispersionModel
from bayesmap.models.parameter import Parameter
from bayesmap.models.pool import PoolModel
from bayesmap.models.response import ResponseModel
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.models.table import ParameterTable

IRF_PARTS = ("exposure", "psf", "edisp")
"""Parts of a response that a source may be without."""


@dataclass(frozen=True, kw_only=True, init=False)
class SkyModel(NamedModel):
    r"""Source of the sky: a spectrum times a shape.

    .. math:: \frac{dN}{dE\,d\Omega}(E, \Omega) = \frac{dN}{dE}(E)\, s(\Omega)

    Exposure, PSF and energy dispersion are applied, unless `apply_irf` says otherwise.

    Parameters
    ----------
    spectral_model : SpectralModel
        dN/dE.
    spatial_model : spatial model
        Shape, integrates to one over the sphere (or, for a template, to what its map says). A template cube that holds
        the spectrum too (cm-2 s-1 TeV-1 sr-1) goes with a norm model, such as `PowerLawNormSpectralModel`.
    name : str
        Name, unique in a fit. Default ``"source"``.
    datasets_names : tuple of str, optional
        Datasets it contributes to; None means all.
    apply_irf : dict, optional
        ``exposure``, ``psf``, ``edisp`` -> whether this part of the response applies; True where left out. Without
        psf, or without energy dispersion, the instrument is perfect in that respect; without exposure, the model's
        amplitude stands for counts: an exposure of 1 cm2 s.

    Raises
    ------
    ModelError
        BM-MO-025 for another key or value of `apply_irf`, BM-MO-013 for a name that cannot be used, BM-MO-014 for a
        component of the wrong kind.
    """

    tag = ("SkyModel", "sky-model")
    component_fields: ClassVar[dict[str, str]] = {"spectral": "spectral_model", "spatial": "spatial_model"}
    spectral_model: SpectralModel
    spatial_model: ModelComponent
    apply_irf: Mapping[str, bool] = field(default_factory=dict, hash=False)

    def __init__(
        self,
        spectral_model: SpectralModel,
        spatial_model: ModelComponent,
        *,
        name: str = "source",
        datasets_names: str | Iterable[str] | None = None,
        apply_irf: Mapping[str, bool] | None = None,
    ) -> None:
        check_component(f"SkyModel {name!r}", spatial_model, kind="spatial", is_norm=False)
        is_norm: bool = spatial_model.is_flux  # type: ignore[attr-defined]
        check_component(f"SkyModel {name!r}", spectral_model, kind="spectral", is_norm=is_norm)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "datasets_names", datasets_names)
        object.__setattr__(self, "spectral_model", spectral_model)
        object.__setattr__(self, "spatial_model", spatial_model)
        object.__setattr__(self, "apply_irf", _checked_irf(name, apply_irf or {}))
        self.__post_init__()

    def __add__(self, other: AnyModel | Models) -> Models:
        """Return both as `Models`."""
        return Models((self,)) + other


def _checked_irf(name: str, given: Mapping[str, bool]) -> Mapping[str, bool]:
    wrong = [key for key, value in given.items() if key not in IRF_PARTS or not isinstance(value, bool)]
    if wrong:
        raise ModelError(
            "BM-MO-025",
            what=f"SkyModel {name!r} has apply_irf {wrong[0]!r}: {given[wrong[0]]!r}",
            rule=f"Keys are {', '.join(IRF_PARTS)}, values True or False",
            remedy="Write for example apply_irf={'psf': False}",
        )
    return {key: given.get(key, True) for key in IRF_PARTS}


AnyModel = SkyModel | FoVBackgroundModel | BackgroundModel | ResponseModel | OverdispersionModel | PoolModel
"""What `Models` may hold."""


@dataclass(frozen=True, repr=False)
class Models:
    """All models of a fit, in order.

    Nothing is changed in place: `with_values` and its like return a new `Models`.

    Parameters
    ----------
    models : iterable of SkyModel, FoVBackgroundModel, BackgroundModel, ResponseModel, OverdispersionModel or PoolModel
        The models; a single one is taken as a collection of one. Linked parameters take the value of their link.

    Raises
    ------
    ModelError
        BM-MO-011 for a name used twice, BM-MO-014 for something that is no model, BM-MO-015 for two field of
        view backgrounds of one dataset, BM-MO-022, 023 for links that cannot be followed.
    """

    models: tuple[AnyModel, ...] = ()

    def __post_init__(self) -> None:
        """Take the models as a tuple and check them together."""
        given = (self.models,) if isinstance(self.models, NamedModel) else tuple(self.models)
        for model in given:
            if not isinstance(model, NamedModel):
                raise _not_a_model(model)
        _check_unique([model.name for model in given], "BM-MO-011", "models are named")
        datasets = [model.dataset_name for model in given if isinstance(model, FoVBackgroundModel)]
        _check_unique(
            datasets,
            "BM-MO-015",
            "FoVBackgroundModels belong to dataset",
            rule="A dataset has one FoVBackgroundModel at most",
            remedy="Keep one, or give the others another dataset_name",
        )
        linked = resolved({name: item for model in given for name, item in model.named_parameters.items()})
        object.__setattr__(self, "models", tuple(_with_some(model, linked) for model in given))

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
            remedy=did_you_mean(key, self.names) if self.names else "Add models first",
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
        kinds = (FoVBackgroundModel, BackgroundModel)
        return tuple(model for model in self.models if isinstance(model, kinds))

    @property
    def pools(self) -> tuple[PoolModel, ...]:
        """The pools of parameters."""
        return tuple(model for model in self.models if isinstance(model, PoolModel))

    @property
    def parameters(self) -> ParameterTable:
        """All parameters by qualified name, such as ``"crab.spectral.index"``."""
        return ParameterTable({name: item for model in self.models for name, item in model.named_parameters.items()})

    def only[Kind: NamedModel](self, kind: type[Kind], dataset_name: str) -> Kind | None:
        """Return the model of a kind that a dataset has at most one of, or None.

        Raises
        ------
        ModelError
            BM-MO-027 if there are more.
        """
        found = [model for model in self.models if isinstance(model, kind) and model.applies_to(dataset_name)]
        if len(found) > 1:
            noun = {"ResponseModel": "response", "OverdispersionModel": "overdispersion"}[kind.__name__]
            raise ModelError(
                "BM-MO-027",
                what=f"dataset {dataset_name!r} has the {noun} models {', '.join(model.name for model in found)}",
                rule="There is one for each dataset at most",
                remedy="Keep one, or name different datasets in the datasets_names of each",
            )
        return found[0] if found else None

    def for_dataset(self, dataset_name: str) -> Models:
        """Return the models that belong to the dataset of that name."""
        return Models(tuple(model for model in self.models if model.applies_to(dataset_name)))

    def with_parameters(self, parameters: Mapping[str, Parameter]) -> Models:
        """Return the same models with some parameters replaced, by qualified (or unique bare) name."""
        table = self.parameters
        given = {table.resolve(name): parameter for name, parameter in parameters.items()}
        return Models(tuple(_with_some(model, given) for model in self.models))

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
            BM-MO-002 for an unknown or ambiguous name, BM-MO-003 or 006 for a value that is not allowed,
            BM-MO-022 for a linked parameter.
        """
        table = self.parameters
        for name in values:
            check_not_linked(table.resolve(name), table[name])
        return self._change(values, Parameter.with_value)

    def with_errors(self, errors: Mapping[str, Any]) -> Models:
        """Return the same models with other errors (float in the parameter's unit, Quantity or str)."""
        return self._change(errors, lambda item, error: item.replace(error=item.to_unit_value(error)))

    def with_frozen(self, frozen: Mapping[str, bool]) -> Models:
        """Return the same models with some parameters frozen (True) or free (False)."""
        return self._change(frozen, lambda item, flag: item.replace(frozen=flag))

    def with_links(self, links: Mapping[str, str]) -> Models:
        """Return the same models with some parameters linked (see `Parameter`); an empty text removes a link.

        Examples
        --------
        >>> from bayesmap.testing import toy_models
        >>> models = toy_models()
        >>> [name for name in models.with_links({"index": ""}).parameters.free_names if name.endswith("index")]
        ['source.spectral.index']
        """
        return self._change(links, lambda item, link: item.replace(link=link))

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
        rule="It holds models with a name, such as SkyModel and FoVBackgroundModel, only",
        remedy="Wrap components: SkyModel(spectral_model, spatial_model, name=...)",
    )


def _with_some(model: Any, parameters: Mapping[str, Parameter]) -> Any:
    """Return the model with those of the parameters that are its own."""
    own = {name: parameters[name] for name in model.named_parameters if name in parameters}
    return model.with_named_parameters(own) if own else model


def check_not_linked(name: str, parameter: Parameter) -> None:
    """Refuse to treat a linked parameter as one of its own.

    Raises
    ------
    ModelError
        BM-MO-022.
    """
    if parameter.link:
        raise ModelError(
            "BM-MO-022",
            what=f"a value was given for {name}, which is linked to {parameter.link!r}",
            rule="A linked parameter has the value of its link",
            remedy="Change the parameter that it is linked to, or remove the link with Models.with_links",
        )


def _check_unique(
    names: list[str],
    code: str,
    what: str,
    *,
    rule: str = "Each name may be used once",
    remedy: str = "Rename or remove all but one",
) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ModelError(
            code,
            what=f"{names.count(twice[0])} {what} {twice[0]!r}",
            rule=rule,
            remedy=remedy,
        )
