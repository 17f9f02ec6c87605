"""Background models: a factor on the background of a dataset, and the seed's background map with its factor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from bayesmap.errors import ModelError
from bayesmap.maps.map import WcsNDMap
from bayesmap.models.component import ModelComponent
from bayesmap.models.named import NamedModel, check_component
from bayesmap.models.parameter import ParameterLike
from bayesmap.models.spectral.base import SpectralModel
from bayesmap.models.spectral.power_law_norm import PowerLawNormSpectralModel


@dataclass(frozen=True, kw_only=True, init=False)
class FoVBackgroundModel(NamedModel):
    r"""Factor on the background map of one dataset.

    .. math:: b'_{iq} = N \left(\frac{E_i}{E_0}\right)^{-\tau} b_{iq}

    with :math:`E_i` the (logarithmic) centre of the reconstructed-energy bin, as Gammapy does, times the factor of the
    spatial model at the pixel's centre, if there is one.

    Parameters
    ----------
    dataset_name : str
        Name of the dataset.
    spectral_model : SpectralModel, optional
        Norm model; `PowerLawNormSpectralModel` with norm 1 by default.
    spatial_model : spatial model, optional
        Dimensionless factor on the sky, such as `PiecewiseNormSpatialModel`.
    datasets_names : tuple of str, optional
        The same as `dataset_name`, in Gammapy's spelling: one name.
    name : str, optional
        Default ``"<dataset>-bkg"``.

    Raises
    ------
    ModelError
        BM-MO-014 if the spectral model has a flux unit, BM-MO-016 if not exactly one dataset is named.

    Examples
    --------
    >>> FoVBackgroundModel("run-1").name
    'run-1-bkg'
    """

    tag = ("FoVBackgroundModel", "fov-bkg")
    component_fields: ClassVar[dict[str, str]] = {"spectral": "spectral_model", "spatial": "spatial_model"}
    spectral_model: SpectralModel
    spatial_model: ModelComponent | None

    def __init__(
        self,
        dataset_name: str | None = None,
        *,
        spectral_model: SpectralModel | None = None,
        spatial_model: ModelComponent | None = None,
        datasets_names: str | Iterable[str] | None = None,
        name: str | None = None,
    ) -> None:
        names = [dataset_name] if dataset_name is not None else datasets_names
        names = [names] if isinstance(names, str) else list(names or ())
        if len(names) != 1 or not isinstance(names[0], str):
            raise ModelError(
                "BM-MO-016",
                what=f"FoVBackgroundModel was given the dataset names {names}",
                rule="It belongs to exactly one dataset",
                remedy='Pass dataset_name="...", one model for each dataset',
            )
        spectral = PowerLawNormSpectralModel() if spectral_model is None else spectral_model
        check_component("FoVBackgroundModel", spectral, kind="spectral", is_norm=True)
        if spatial_model is not None:
            check_component("FoVBackgroundModel", spatial_model, kind="spatial", is_norm=True)
        object.__setattr__(self, "name", f"{names[0]}-bkg" if name is None else name)
        object.__setattr__(self, "datasets_names", tuple(names))
        object.__setattr__(self, "spectral_model", spectral)
        object.__setattr__(self, "spatial_model", spatial_model)
        self.__post_init__()

    @property
    def dataset_name(self) -> str:
        """Name of the dataset whose background it scales."""
        return self.datasets_names[0]  # type: ignore[index]


@dataclass(frozen=True, kw_only=True, init=False)
class BackgroundModel(NamedModel):
    r"""Background map with a factor: the class of Gammapy 0.10, which carries its own map.

    .. math:: b'_{iq} = N \left(\frac{E_i}{E_0}\right)^{-\tau} b_{iq}

    with :math:`E_i` the centre of the reconstructed-energy bin.

    Parameters
    ----------
    background : WcsNDMap
        Predicted background counts, axes (energy, lat, lon).
    norm, tilt, reference : float, str, Quantity or Parameter
        Parameters of the `PowerLawNormSpectralModel`; tilt and reference are frozen by default.
    name : str
        Name; its parameters are ``"<name>.spectral.norm"`` and so on.
    datasets_names : tuple of str, optional
        Datasets it belongs to; None means all.
    """

    tag = ("BackgroundModel", "bkg")
    background: WcsNDMap
    spectral_model: SpectralModel

    def __init__(
        self,
        background: WcsNDMap,
        norm: ParameterLike = 1.0,
        tilt: ParameterLike = 0.0,
        reference: ParameterLike = "1 TeV",
        *,
        name: str = "background",
        datasets_names: str | Iterable[str] | None = None,
        spectral_model: SpectralModel | None = None,
    ) -> None:
        if not isinstance(background, WcsNDMap):
            raise ModelError(
                "BM-MO-014",
                what=f"BackgroundModel was given {type(background).__name__} as its background",
                rule="It needs a WcsNDMap with an energy axis",
                remedy="Read one with WcsNDMap.read, or bayesmap.io.gammapy.to_bayesmap_map",
            )
        spectral = spectral_model or PowerLawNormSpectralModel(norm=norm, tilt=tilt, reference=reference)
        check_component("BackgroundModel", spectral, kind="spectral", is_norm=True)
        fields: dict[str, Any] = {"name": name, "datasets_names": datasets_names}
        for key, value in (fields | {"background": background, "spectral_model": spectral}).items():
            object.__setattr__(self, key, value)
        self.__post_init__()
