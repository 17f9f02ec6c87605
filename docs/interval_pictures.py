"""Pictures of the page on intervals: a faint source that bayesmap simulates, its profiles, its posterior."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from bayesmap.fit import MapFit
from bayesmap.plots.contours import plot_contours
from bayesmap.plots.profile import plot_profile
from bayesmap.testing import toy_dataset, toy_models

PICTURES = Path(__file__).with_name("intervals")
INDEX, AMPLITUDE = "source.spectral.index", "source.spectral.amplitude"
DPI = 90


def faint_fit() -> MapFit:
    """Return the fit of a source that is seen at a few sigma, with flat priors."""
    models = toy_models(amplitude="2e-10 cm-2 s-1 TeV-1")
    fit = MapFit.from_dataset(toy_dataset(models, seed=4), models, priors="flat")
    fit.run()
    return fit


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    fit = faint_fit()
    tree = fit.sample(random_seed=1)
    curves = [verb(INDEX, bounds=3, nvalues=61)["record"] for verb in (fit.minos_profile, fit.likelihood_profile)]
    intervals = [fit.confidence(INDEX, "profile", sigma)["record"] for sigma in (1.0, 2.0)]
    _save(plot_profile(curves, tree=tree, intervals=intervals), "profile.png")
    contours = [fit.minos_contour(INDEX, AMPLITUDE, 200, sigma, backend="profile")["record"] for sigma in (1.0, 2.0)]
    _save(plot_contours(tree, INDEX, AMPLITUDE, profiles=contours), "contour.png")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(PICTURES / name, dpi=DPI)


if __name__ == "__main__":
    main()
