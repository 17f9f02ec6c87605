"""Which sources have a flux of their own."""

from __future__ import annotations

from bayesmap.errors import BayesmapInputError
from bayesmap.models.sky import SkyModel


def check_flux(model: SkyModel) -> None:
    """Refuse a source whose spectral model is a factor on a template that holds the flux.

    Raises
    ------
    BayesmapInputError
        BM-FT-050.
    """
    spectrum = model.spectral_model
    if spectrum.is_norm:
        raise BayesmapInputError(
            "BM-FT-050",
            what=f"the spectral model of {model.name!r} is {type(spectrum).__name__}, a factor without a unit",
            rule="A flux is known where the spectral model is one; here the template cube holds it",
            remedy="Integrate the template, and multiply by the factor",
        )
