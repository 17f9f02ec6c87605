"""Pictures of the page on predictive checks: a healthy fit, and one of data with a source that the model lacks."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from bayesmap.fit import MapFit, simulate
from bayesmap.models import Models, PointSpatialModel, PowerLawSpectralModel, SkyModel
from bayesmap.plots.checks import plot_maximum, plot_overview
from bayesmap.plots.pit import plot_pit
from bayesmap.plots.prior_check import plot_prior_check
from bayesmap.plots.significance_maps import plot_significance_maps
from bayesmap.testing import toy_dataset, toy_models, toy_response

PICTURES = Path(__file__).with_name("predictive")
DPI = 90


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    fit = MapFit.from_dataset(toy_dataset(), toy_models())
    _save(plot_prior_check(fit.prior_check().datasets["toy"]), "prior.png")
    healthy = fit.check(fit.sample(random_seed=1)).datasets["toy"]
    _save(plot_overview(healthy), "overview.png")
    _save(plot_pit(healthy.pit), "pit.png")
    spectrum = PowerLawSpectralModel(index=2.2, amplitude="2e-10 cm-2 s-1 TeV-1")
    second = SkyModel(spectrum, PointSpatialModel(lon_0=83.2, lat_0=22.5), name="second")
    data = simulate(toy_response(), Models((*toy_models(), second)), seed=1)
    lacking = MapFit.from_dataset(data, toy_models())
    missing = lacking.check(lacking.sample(random_seed=1)).datasets["toy"]
    _save(plot_maximum(missing), "maximum.png")
    _save(plot_significance_maps(missing.maps, missing.places), "significance.png")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(PICTURES / name, dpi=DPI, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
