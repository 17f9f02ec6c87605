# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From Gammapy to bayesmap
#
# You have a Gammapy analysis that works, and would like a posterior. Nothing needs to be converted: bayesmap reads Gammapy's
# files, and its live objects. This lesson fits one data set with both, number beside number, explains the differences that
# are left, and then goes on to what only one of them does.
#
# It needs Gammapy (`pip install "bayesmap[gammapy]"`).

# %%
# %matplotlib inline
import time
from pathlib import Path
from tempfile import mkdtemp

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from gammapy.datasets import Datasets
from gammapy.datasets import MapDataset as GammapyDataset
from gammapy.estimators import FluxPointsEstimator
from gammapy.modeling import Fit
from gammapy.modeling.models import Models as GammapyModels

from bayesmap import MapFit, flux_points, read_dataset, read_models, summarise, write_dataset, write_models
from bayesmap.testing import toy_dataset, toy_models

# %% [markdown]
# ## The same files
# Simulated data, written in Gammapy's format. With your own files you begin at the next cell.

# %%
folder = Path(mkdtemp())
truth = toy_models()
write_dataset(toy_dataset(truth, seed=3), folder / "dataset.fits.gz")
write_models(
    truth.with_values({"source.spectral.index": 2.0, "source.spectral.amplitude": 5e-10}), folder / "models.yaml"
)

# %% [markdown]
# ## In Gammapy
# Its optimiser wants to know first steps: without them it moves the source by a degree at the first try.

# %%
theirs = GammapyDataset.read(folder / "dataset.fits.gz", name="toy")
theirs.models = GammapyModels.read(folder / "models.yaml")
steps = {"index": 0.1, "amplitude": 5e-11, "lon_0": 0.01, "lat_0": 0.01, "norm": 0.05}
for parameter in theirs.models.parameters.free_parameters:
    parameter.error = steps[parameter.name]

begin = time.perf_counter()
their_fit = Fit()
their_result = their_fit.run([theirs])
their_seconds = time.perf_counter() - begin
assert their_result.success
print(f"{their_seconds:.1f} s")
their_result.parameters.to_table()["name", "value", "error", "unit"]

# %% [markdown]
# ## In bayesmap
# - `MapFit.from_dataset(dataset, models)` takes the place of `dataset.models = models` and `Fit`.
# - `priors="flat"` makes the best fit that of the likelihood, so that the numbers can be compared.
# - `exposure_order="after_psf"` is Gammapy's order: it multiplies with the exposure of the pixel where the photon is seen.
#   The default takes that of the place where it came from.
#
# Most of the time goes into compiling. It is kept, and the second fit of this kind starts at once.

# %%
dataset = read_dataset(folder / "dataset.fits.gz", name="toy")
start = read_models(folder / "models.yaml")
begin = time.perf_counter()
fit = MapFit.from_dataset(dataset, start, priors="flat", exposure_order="after_psf")
best = fit.run()
print(f"{time.perf_counter() - begin:.1f} s")
assert best.success
print(best)

# %% [markdown]
# Live objects do as well as files: `read_dataset(theirs)` and `read_models(theirs.models)`.

# %%
live = read_dataset(theirs)
assert np.array_equal(live.counts.data, dataset.counts.data)
assert np.array_equal(live.background.data, dataset.background.data)

# %% [markdown]
# ## Side by side
# The differences are fractions of the errors.

# %%
print(f"{'':28}{'Gammapy':>24}{'bayesmap':>24}   difference")
for parameter in their_result.models.parameters.free_parameters:
    model = next(item for item in their_result.models if parameter in item.parameters)
    part = "spatial" if parameter.name in ("lon_0", "lat_0") else "spectral"
    name = f"{model.name}.{part}.{parameter.name}"
    ours = best.model.parameters[name]
    difference = (ours.value - parameter.value) / ours.error
    print(
        f"{name:28}{parameter.value:12.5g} +- {parameter.error:.2g}".ljust(52)
        + f"{ours.value:12.5g} +- {ours.error:.2g}".rjust(24)
        + f"{difference:+10.2f} sigma"
    )
    assert abs(difference) < 0.5
print(f"\nstatistic of the fit: {their_result.total_stat:.2f} and {best.total_stat:.2f}")

# %% [markdown]
# ## What is left
# It is in the predicted counts. Gammapy spreads a point source over the four nearest pixels and then applies a PSF that is
# binned in pixels; bayesmap integrates the PSF over each pixel, around the true position. Off the pixel centre Gammapy's
# image is a bit broader: look at the ring. The exact integral is on bayesmap's side ([accuracy](../docs/accuracy.md)).

# %%
ours_map = fit.npred().data.sum(axis=0)
their_map = theirs.npred().data.sum(axis=0)
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
shown = {
    "counts": (dataset.counts.data.sum(axis=0), "inferno"),
    "predicted by bayesmap": (ours_map, "inferno"),
    "bayesmap - Gammapy": (ours_map - their_map, "RdBu_r"),
}
for axis, (title, (image, colours)) in zip(axes, shown.items(), strict=True):
    reach = np.abs(image).max()
    picture = axis.imshow(image, origin="lower", cmap=colours, vmin=-reach if colours == "RdBu_r" else 0, vmax=reach)
    axis.set(title=title, xlabel="pixel", ylabel="pixel")
    figure.colorbar(picture, ax=axis, label="counts per pixel")
print(f"sum of the differences: {np.sum(ours_map - their_map):+.2f} of {their_map.sum():.0f} counts")
assert abs(ours_map.sum() / their_map.sum() - 1) < 0.01

# %% [markdown]
# ## Flux points
# Gammapy fits band after band, bayesmap all at once, with the norm of the background shared. In bright bands it is the same.

# %%
edges = dataset.axis.edges * u.TeV
with np.errstate(all="ignore"):
    their_points = FluxPointsEstimator(energy_edges=edges, source="source").run(Datasets([theirs]))
our_points = flux_points(fit, "source", edges)

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
their_points.plot(ax=axes, sed_type="e2dnde", label="Gammapy", marker="s", color="C1")
centre = np.sqrt(edges[:-1] * edges[1:])
values, errors = our_points.value("e2dnde"), our_points.value("e2dnde", "err")
unit = u.Unit("TeV cm-2 s-1")
axes.errorbar(1.04 * centre, values.to(unit), errors.to(unit), fmt="o", color="C0", label="bayesmap")
axes.set(xlabel="Energy (TeV)", ylabel=r"$E^2\,$d$N$/d$E$ (TeV cm$^{-2}$ s$^{-1}$)")
_ = axes.legend()
pull = (values - their_points.e2dnde.quantity.squeeze()) / errors
print("difference in errors:", np.round(pull.to_value(""), 2))
assert np.all(np.abs(pull[:2]) < 0.3)

# %% [markdown]
# ## And now the posterior
# With priors, by their documented defaults, and with the exposure at the true position. The draws are the answer to "with
# which probability", for each parameter and for whatever follows from them.

# %%
posterior_fit = MapFit.from_dataset(dataset, start)
tree = posterior_fit.sample(draws=500, random_seed=1)
print(summarise(tree))
assert summarise(tree).verdict.ok

# %%
from bayesmap.plots.corner import plot_corner

marks = {
    f"source.spectral.{parameter.name}": parameter.value
    for parameter in their_result.models["source"].spectral_model.parameters.free_parameters
}
plot_corner(tree, names=list(marks), best=marks)

# %% [markdown]
# The black lines are Gammapy's best fit.
#
# ## And back
# Models that are written here are read there, errors and covariance included: plots and catalogues of your own go on working.

# %%
write_models(best.model, folder / "best.yaml", covariance=fit.covariance())
again = GammapyModels.read(folder / "best.yaml")
index = again["source"].spectral_model.index
print(index)
assert np.isclose(index.error, best.model.parameters["source.spectral.index"].error)

# %% [markdown]
# | Gammapy | bayesmap |
# |---|---|
# | `MapDataset.read(path)` | `read_dataset(path)` |
# | `Models.read(path)` | `read_models(path)` |
# | `Fit().run(datasets)` | `MapFit.from_datasets(datasets, models).run()` |
# | `model.parameters["index"].value = 2` | `models = models.with_values({"index": 2})`: models are frozen |
# | `parameter.prior = GaussianPrior(...)` | the same from a file, or `priors={name: Prior("Normal", ...)}` |
# | `fit.confidence(...)`, `fit.stat_profile(...)`, `fit.stat_contour(...)` | `fit.confidence`, `fit.minos_profile`, `fit.minos_contour` |
# | `FluxPointsEstimator(...)` | `flux_points(fit, source, edges)` |
# | `Sampler` | `fit.sample()` |
#
# All of it: [migration](../docs/migration.md) and [formats](../docs/formats.md).
