"""Pictures of the page on comparison, from simulated data; run as ``python docs/comparison_pictures.py``."""

from __future__ import annotations

from pathlib import Path

from sed_pictures import response, truth

from bayesmap import (
    LogParabolaSpectralModel,
    MapFit,
    Models,
    PowerLawSpectralModel,
    SkyModel,
    compare,
    simulate,
)
from bayesmap.plots.comparison import plot_comparison
from bayesmap.plots.loo import plot_difference_map, plot_elpd_map, plot_pareto_k
from bayesmap.results.comparison import Comparison

FOLDER = Path(__file__).resolve().parent / "comparison"
AMPLITUDE = "1e-10 cm-2 s-1 TeV-1"
HELD = {"lon_0": True, "lat_0": True}


def candidates() -> dict[str, Models]:
    """Return the true models, an exponential cut-off, and two others."""
    right = truth()
    spectra = {
        "power law": PowerLawSpectralModel(index=2.3, amplitude=AMPLITUDE),
        "log parabola": LogParabolaSpectralModel(alpha=2.3, beta=0.1, amplitude=AMPLITUDE),
    }
    nebula = right["nebula"]
    assert isinstance(nebula, SkyModel)
    found = {"cut-off": right}
    for name, spectrum in spectra.items():
        source = SkyModel(spectrum, nebula.spatial_model, name="nebula")
        found[name] = Models((source, right["run-bkg"])).with_frozen(HELD)
    return found


def analysis() -> tuple[dict[str, MapFit], Comparison]:
    """Return the fits of simulated data, and their comparison."""
    data = simulate(response(), truth(), seed=7)
    fits = {name: MapFit.from_dataset(data, models) for name, models in candidates().items()}
    return fits, compare(fits, random_seed=7, draws=1000)


def write_pictures(folder: Path) -> None:
    """Write the pictures."""
    folder.mkdir(exist_ok=True)
    fits, found = analysis()
    print(found)
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
