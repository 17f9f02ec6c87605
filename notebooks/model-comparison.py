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
# # Comparison of models, in a script
#
# Does the spectrum have a cut-off, is the source extended? A model with more parameters always fits better. Whether it is
# better is another question, and there are two ways to ask it:
#
# - **Which model predicts data that it has not seen?** Bins are left out, one after the other, and predicted from all others.
#   The sum of the logarithms of these predictions is the *elpd*. Parameters that follow noise make it worse. Priors hardly
#   matter.
# - **Which model is more probable?** The *evidence* is the probability of the data under a model with its priors. A wide prior
#   is punished. It is what you want if you mean your priors, and not what you want if you do not.
#
# `compare` gives both, for any number of models. The data are simulated, so that we know who is right.

# %%
# %matplotlib inline
from bayesmap import (
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    MapFit,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
    compare,
    simulate,
)
from bayesmap.cli.demo_data import empty_dataset
from bayesmap.testing import toy_dataset, toy_models

# %% [markdown]
# ## A cut-off?
# A bright source on the field of `bayesmap demo`, 6 energy bins from 0.1 to 10 TeV, with an exponential cut-off at 3.3 TeV. Two
# candidates: a power law, and the same with a cut-off. Fits that were not sampled are sampled by `compare`.

# %%
position = PointSpatialModel(lon_0="0 deg", lat_0="0 deg", frame="galactic")
spectra = {
    "power law": PowerLawSpectralModel(index=2.2, amplitude="2e-11 cm-2 s-1 TeV-1"),
    "cut-off": ExpCutoffPowerLawSpectralModel(index=2.0, amplitude="2e-11 cm-2 s-1 TeV-1", lambda_="0.3 TeV-1"),
}
candidates = {
    name: Models((SkyModel(spectrum, position, name="pulsar"), FoVBackgroundModel("demo"))).with_frozen(
        {"lon_0": True, "lat_0": True}
    )
    for name, spectrum in spectra.items()
}
field = simulate(empty_dataset(), candidates["cut-off"], seed=3)
fits = {name: MapFit.from_dataset(field, models) for name, models in candidates.items()}
found = compare(fits, random_seed=1, draws=1000)
print(found)
assert found.success, found.reasons
assert found.best == "cut-off"

# %% [markdown]
# Read it from the left. `difference` is the elpd minus that of the best, with its error: both models are judged on the same bins,
# so the error is much smaller than those of the two numbers. Below 4 models predict alike; above, twice the error is worth a
# look and four times is clear. `weight` is the mixture of the models that predicts best. `bad k` counts bins for which the
# number is not known from these draws. The last column is the evidence.

# %%
gain, error = found.difference("cut-off", "power law")
log_bayes, log_bayes_error = found.log_bayes_factor("cut-off", "power law")
print(f"prediction: better by {gain:.1f} +- {error:.1f}; evidence: ln B = {log_bayes:.1f} +- {log_bayes_error:.1f}")
assert gain > 4
assert log_bayes > 3

# %%
from bayesmap.plots.comparison import plot_comparison

plot_comparison(found)

# %% [markdown]
# Which bins decide? Where the cut-off predicts better the map is red: at the source, above all in the last energies, where a power
# law expects photons that do not come. Always look: a difference that comes from one hot pixel is a question to that pixel.

# %%
from bayesmap.plots.loo import plot_difference_map

plot_difference_map(found, "cut-off", "power law", field, models=fits["cut-off"].model)

# %% [markdown]
# ## Point or extended?
# The same call, with two shapes. This source is a Gaussian as wide as the PSF: it is no dot, but no one sees that by eye.

# %%
shapes = {
    "point": PointSpatialModel(lon_0=83.70, lat_0=21.96),
    "Gaussian": GaussianSpatialModel(lon_0=83.70, lat_0=21.96, sigma=0.15),
}
skies = {name: toy_models(shape) for name, shape in shapes.items()}
small = toy_dataset(skies["Gaussian"], seed=5, npix=12)
rivals = {name: MapFit.from_dataset(small, models) for name, models in skies.items()}
shaped = compare(rivals, random_seed=1, draws=1000)
print(shaped)
assert shaped.success, shaped.reasons
assert shaped.best == "Gaussian"

# %% [markdown]
# The evidence asks more than whether the width differs from zero: the prior of the width says which widths were expected before, and
# a Gaussian that may have any size pays for those that the data exclude. Here it still wins by far.

# %%
log_bayes, log_bayes_error = shaped.log_bayes_factor("Gaussian", "point")
print(f"extended rather than a point: ln B = {log_bayes:.1f} +- {log_bayes_error:.1f}")
assert log_bayes > 3

# %% [markdown]
# ## Would I have been fooled?
# What a difference of this size means for *your* exposure is asked by simulation: `calibrate_comparison` simulates under the
# simpler model, compares, and counts how often the wrong one wins by as much. It takes as long as so many fits
# ([comparison](../docs/comparison.md)).
#
# ## In short
# - elpd for prediction, evidence for probability; both from one call, each with an error.
# - `success` first: bad Pareto k, or draws that are not to be trusted, are its reasons. `refit=True` mends a few bad bins.
# - A comparison says which of *these* models is better, not that one of them is good:
#   [predictive checks](predictive-checks.ipynb).
