"""Which models belong to the data."""

from __future__ import annotations

from bayesmap.errors import BayesmapError, BayesmapInputError, raise_problems
from bayesmap.models.sky import Models


def models_of(models: Models, names: tuple[str, ...]) -> Models:
    """Return the models that belong to some of the datasets, and pools.

    Raises
    ------
    BayesmapInputError
        BM-IN-033 for background models that name none of them.
    """
    lost = [model for model in models.background_models if not any(map(model.applies_to, names))]
    problems: list[BayesmapError] = [
        BayesmapInputError(
            "BM-IN-033",
            what=f"background model {model.name!r} belongs to dataset {', '.join(model.datasets_names or ())}, the "
            f"{'datasets are' if len(names) > 1 else 'dataset is'} {', '.join(map(repr, names))}",
            rule="A background model must name a dataset that is fitted",
            remedy=f"Correct datasets_names, or read the dataset with name={(model.datasets_names or ('',))[0]!r}",
        )
        for model in lost
    ]
    raise_problems(problems)
    return belonging(models, names)


def belonging(models: Models, names: tuple[str, ...]) -> Models:
    """Return the models that belong to some of the datasets, and pools; the others are left out."""
    return Models(tuple(model for model in models if any(map(model.applies_to, names))))


def belongings(models: Models) -> str:
    """Return in words which datasets each source and background belongs to, for messages."""
    some = (*models.sky_models, *models.background_models)
    words = (f"{item.name} of {', '.join(item.datasets_names or ('all datasets',))}" for item in some)
    return "; ".join(words) or "no sources and no backgrounds"
