"""Checks of what `MapFit` is called with."""

from __future__ import annotations

from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.models.sky import Models


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the choices.

    Raises
    ------
    BayesmapInputError
        BM-FT-003.
    """
    if value not in choices:
        raise BayesmapInputError(
            "BM-FT-003",
            what=f"{what} is {value!r}",
            rule=f"It must be one of {', '.join(choices)}",
            remedy="Use one of these words",
        )


def check_background_names(models: Models, dataset: MapDataset) -> Models:
    """Refuse a background model that names another dataset; return the models.

    Raises
    ------
    BayesmapInputError
        BM-IN-033.
    """
    for model in models.background_models:
        if not model.applies_to(dataset.name):
            raise BayesmapInputError(
                "BM-IN-033",
                what=f"background model {model.name!r} belongs to dataset {', '.join(model.datasets_names or ())}, the "
                f"dataset is {dataset.name!r}",
                rule="A background model must name the dataset that is fitted",
                remedy=f"Correct datasets_names, or read the dataset with name={(model.datasets_names or ('',))[0]!r}",
            )
    return models
