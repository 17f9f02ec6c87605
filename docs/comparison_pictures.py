"""Pictures of the page on comparison, from simulated data; run as ``python docs/comparison_pictures.py``."""

from __future__ import annotations

from pathlib import Path

from sed_pictures import response

from bayesmap import (
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    LogParabolaSpectralModel,
    MapFit,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
    compare,
    simulate,
)
from bayesmap.plots.comparison import plot_comparison
from bayesmap.plots.loo import plot_difference_map, plot_elpd_map, plot_pareto_k
from bayesmap.results.comparison import Comparison

FOLDER = Path(__file__).resolve().parent / "comparison"
AMPLITUDE = "5e-10 cm-2 s-1 TeV-1"
HELD = {"lon_0": True, "lat_0": True}


def candidates() -> dict[str, Models]:
    """Return the true models, an exponential cut-off, and two others."""
    spectra = {
        "cut-off": ExpCutoffPowerLawSpectralModel(index=2.0, amplitude=AMPLITUDE, lambda_="0.3 TeV-1"),
        "power law": PowerLawSpectralModel(index=2.3, amplitude=AMPLITUDE),
        "log parabola": LogParabolaSpectralModel(alpha=2.3, beta=0.1, amplitude=AMPLITUDE),
    }
    found = {}
    for name, spectrum in spectra.items():
        source = SkyModel(spectrum, PointSpatialModel(lon_0=83.63, lat_0=22.01), name="nebula")
        found[name] = Models((source, FoVBackgroundModel("run"))).with_frozen(HELD)
    return found


def analysis() -> tuple[dict[str, MapFit], Comparison]:
    """Return the fits of simulated data, and their comparison."""
    models = candidates()
    data = simulate(response(), models["cut-off"], seed=7)
    fits = {name: MapFit.from_dataset(data, one) for name, one in models.items()}
    return fits, compare(fits, random_seed=7, draws=1000)


def write_pictures(folder: Path) -> None:
    """Write the pictures."""
    folder.mkdir(exist_ok=True)
    fits, found = analysis()
    best = fits["cut-off"]
    plot_comparison(found).savefig(folder / "comparison.png", dpi=110)
    data, loo = best.dataset, found.loos["cut-off"]
    maps = {
        "difference": plot_difference_map(found, "cut-off", "power law", data, models=best.model),
        "elpd": plot_elpd_map(loo, data, models=best.model),
        "pareto-k": plot_pareto_k(loo, data, models=best.model),
    }
    for name, figure in maps.items():
        figure.savefig(folder / f"{name}.png", dpi=70)


if __name__ == "__main__":
    write_pictures(FOLDER)
