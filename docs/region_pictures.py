"""Pictures of the page on regions: the field of `bayesmap demo`, fitted and sampled."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
from matplotlib.figure import Figure

from bayesmap.cli import demo_data
from bayesmap.fit import MapFit, simulate
from bayesmap.plots.butterfly import plot_butterfly
from bayesmap.plots.correlation import plot_correlation
from bayesmap.plots.position import plot_position
from bayesmap.plots.regions import plot_regions
from bayesmap.plots.residuals import plot_residuals
from bayesmap.results.flux import flux_band, log_energies
from bayesmap.results.position import ONE_SIGMA, TWO_SIGMA, extension_region, position_contour, position_ellipse

PICTURES = Path(__file__).with_name("regions")
DPI = 90


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    truth = demo_data.true_models()
    data = simulate(demo_data.empty_dataset(), truth, demo_data.SEED)
    fit = MapFit.from_dataset(data, demo_data.start_models())
    fit.run()
    tree, models, covariance = fit.sample(random_seed=1), fit.model, fit.covariance()
    names = ("center", "remnant", "nebula")
    ellipses = [position_ellipse(tree, models, name, 0.95) for name in names]
    on_sky = [*ellipses, extension_region(models, "remnant")]
    masses = (ONE_SIGMA, TWO_SIGMA)
    around = [position_contour(tree, models, "nebula", mass) for mass in masses]
    around += [position_ellipse(covariance, models, "nebula", mass) for mass in masses]
    energy = log_energies(0.1 * u.TeV, 20.0 * u.TeV)
    true = truth["nebula"].spatial_model.position
    _save(plot_position(tree, models, "nebula", regions=around, truth=true), "position.png")
    _save(plot_regions(data.counts, on_sky), "regions.png")
    _save(plot_residuals(data.counts, fit.npred(), size=0.1, regions=on_sky), "residuals.png")
    _save(plot_correlation(covariance), "correlation.png")
    _save(plot_butterfly([flux_band(tree, models, name, energy) for name in names]), "butterfly.png")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(PICTURES / name, dpi=DPI, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
