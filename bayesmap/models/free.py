"""A fit varies something."""

from __future__ import annotations

from bayesmap.errors import ModelError
from bayesmap.models.sky import Models


def check_free(models: Models) -> None:
    """Refuse models of which no parameter is free.

    Raises
    ------
    ModelError
        BM-MO-012, with the parameters that are frozen.
    """
    table = models.parameters
    if not table.free_names:
        raise ModelError(
            "BM-MO-012",
            what=f"none of the {len(table)} parameters is free: {', '.join(table)} are frozen or linked"
            if len(table)
            else "there are no models",
            rule="A fit varies at least one parameter",
            remedy="Unfreeze one (frozen: false in a model file, Models.with_frozen in Python)"
            if len(table)
            else "Pass a SkyModel",
        )
