"""How far the response of a dataset may be off: scales of exposure, energy and PSF width, as parameters with priors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from bayesmap.models.component import ModelComponent, unknown_name
from bayesmap.models.named import NamedModel
from bayesmap.models.parameter import Parameter, ParameterLike
from bayesmap.models.prior import Prior

SMALLEST_PSF_SCALE, LARGEST_PSF_SCALE = 0.7, 1.4
"""Ends of the range in which the fold knows the PSF at other widths."""


class ResponseScales(ModelComponent):
    r"""Factors on a response, all one and frozen by default.

    .. math::
        \epsilon(E) \to s_\epsilon\,\epsilon(E),\qquad E_{reco} \to s_E\,E_{reco},\qquad
        \mathrm{psf}(r) \to s_p^{-2}\,\mathrm{psf}(r / s_p)

    Parameters
    ----------
    exposure_scale : float
        :math:`s_\epsilon`; default prior log-normal, 10 % wide.
    energy_scale : float
        :math:`s_E`: what was assigned to energy E is assigned to :math:`s_E E`; default prior log-normal, 10 % wide.
    psf_scale : float
        :math:`s_p`, between 0.7 and 1.4; default prior log-normal, 10 % wide. While it is free, the image of a source
        is interpolated between five widths to 4e-4 of its peak, and may be negative by as much far from it: the data
        set needs a background there.
    """

    kind: ClassVar[str] = "response"
    tag = ("ResponseScales", "response-scales")
    exposure_scale = Parameter("exposure_scale", 1.0, min=0.0, frozen=True, prior=Prior("LogNormal", mu=0.0, sigma=0.1))
    energy_scale = Parameter(
        "energy_scale", 1.0, min=0.5, max=2.0, frozen=True, prior=Prior("LogNormal", mu=0.0, sigma=0.1)
    )
    psf_scale = Parameter(
        "psf_scale",
        1.0,
        min=SMALLEST_PSF_SCALE,
        max=LARGEST_PSF_SCALE,
        frozen=True,
        prior=Prior("LogNormal", mu=0.0, sigma=0.1),
    )


@dataclass(frozen=True, kw_only=True, init=False)
class ResponseModel(NamedModel):
    """Systematic uncertainty of the response of one or more datasets, which then share it.

    Parameters
    ----------
    exposure_scale, energy_scale, psf_scale : float, Quantity or Parameter
        See `ResponseScales`. A bare number stays frozen; a `Parameter` that is not frozen is a nuisance parameter.
    datasets_names : tuple of str, optional
        Datasets it belongs to; None means all of the fit.
    name : str
        Default ``"response"``; the parameters are ``"response.response.exposure_scale"`` and so on.
    free : iterable of str
        Names of the scales that the fit varies, as a short form.

    Examples
    --------
    >>> model = ResponseModel(free=["exposure_scale"], datasets_names="run-1", name="run-1-irf")
    >>> [name for name, item in model.named_parameters.items() if item.free]
    ['run-1-irf.response.exposure_scale']
    """

    tag = ("ResponseModel", "response")
    component_fields: ClassVar[dict[str, str]] = {"response": "response_model"}
    response_model: ResponseScales

    def __init__(
        self,
        exposure_scale: ParameterLike = 1.0,
        energy_scale: ParameterLike = 1.0,
        psf_scale: ParameterLike = 1.0,
        *,
        free: Iterable[str] = (),
        datasets_names: str | Iterable[str] | None = None,
        name: str = "response",
        response_model: ResponseScales | None = None,
    ) -> None:
        scales = response_model or ResponseScales(
            exposure_scale=exposure_scale, energy_scale=energy_scale, psf_scale=psf_scale
        )
        freed = [free] if isinstance(free, str) else list(free)
        known = {item.name: item for item in scales.parameters}
        for bare in freed:
            if bare not in known:
                raise unknown_name(f"ResponseModel {name!r}", bare, tuple(known))
        scales = scales.with_parameters(tuple(known[bare].replace(frozen=False) for bare in freed))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "datasets_names", datasets_names)
        object.__setattr__(self, "response_model", scales)
        self.__post_init__()
