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
# Is the source a point or extended? Does its spectrum have a cut-off? A model with more parameters always fits better. Whether
# it is better is another question, and there are two ways to ask it:
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
    LogParabolaSpectralModel,
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
# ## Point or extended?
# A Gaussian of 0.12 degrees under a point spread function of 0.15: on the map nobody would tell. Fits that were not sampled are
# sampled by `compare`.

# %%
extended = toy_models(GaussianSpatialModel(lon_0="83.70 deg", lat_0="21.96 deg", sigma="0.12 deg"))
data = toy_dataset(extended, seed=2, npix=16)
fits = {"point": MapFit.from_dataset(data, toy_models()), "Gaussian": MapFit.from_dataset(data, extended)}
shape = compare(fits, random_seed=1, draws=1000)
print(shape)
assert shape.success, shape.reasons
assert shape.best == "Gaussian"

# %% [markdown]
# Read it from the left. `difference` is the elpd minus that of the best, with its error: both models are judged on the same bins,
# so the error is much smaller than those of the two numbers. Below 4 models predict alike; above, twice the error is worth a
# look and four times is clear. `weight` is the mixture of the models that predicts best. `bad k` counts bins for which the
# number is not known from these draws; here there are none. The last column is the evidence.

# %%
gain, error = shape.difference("Gaussian", "point")
log_bayes, log_bayes_error = shape.log_bayes_factor("Gaussian", "point")
print(f"prediction: better by {gain:.1f} +- {error:.1f}; evidence: ln B = {log_bayes:.1f} +- {log_bayes_error:.1f}")
assert gain > 4
assert log_bayes > 3

# %%
from bayesmap.plots.comparison import plot_comparison

plot_comparison(shape)

# %% [markdown]
# Which bins decide? Where the Gaussian predicts better the map is red: the source and the ring around it, and no single hot
# pixel. Always look: a difference that comes from one bin is a question to that bin.

# %%
from bayesmap.plots.loo import plot_difference_map

plot_difference_map(shape, "Gaussian", "point", data, models=fits["Gaussian"].model)

# %% [markdown]
# ## A cut-off?
# Another source, on the field of `bayesmap demo` with 6 energy bins, with an exponential cut-off at 3.3 TeV. Three candidates: a
# power law, the cut-off, and a log parabola, which is curved in another way.

# %%
position = PointSpatialModel(lon_0="0 deg", lat_0="0 deg", frame="galactic")
spectra = {
    "power law": PowerLawSpectralModel(index=2.2, amplitude="2e-11 cm-2 s-1 TeV-1"),
    "cut-off": ExpCutoffPowerLawSpectralModel(index=2.0, amplitude="2e-11 cm-2 s-1 TeV-1", lambda_="0.3 TeV-1"),
    "log parabola": LogParabolaSpectralModel(alpha=2.3, beta=0.1, amplitude="1.5e-11 cm-2 s-1 TeV-1"),
}
candidates = {
    name: Models((SkyModel(spectrum, position, name="pulsar"), FoVBackgroundModel("demo"))).with_frozen(
        {"lon_0": True, "lat_0": True}
    )
    for name, spectrum in spectra.items()
}
field = simulate(empty_dataset(), candidates["cut-off"], seed=3)
spectral_fits = {name: MapFit.from_dataset(field, models) for name, models in candidates.items()}
law = compare(spectral_fits, random_seed=1, draws=1000)
print(law)
assert law.success, law.reasons

# %%
plot_comparison(law)

# %%
for one, other in (("cut-off", "power law"), ("cut-off", "log parabola")):
    gain, error = law.difference(one, other)
    log_bayes, log_bayes_error = law.log_bayes_factor(one, other)
    print(f"{one} over {other}: elpd {gain:+.1f} +- {error:.1f}, ln B {log_bayes:+.1f} +- {log_bayes_error:.1f}")
assert law.difference("cut-off", "power law")[0] > 4

# %% [markdown]
# That the spectrum is curved is beyond doubt. *How* it is curved is the harder question, and the second line is the answer that
# these data give: look at the difference beside its error before you write "cut-off" into an abstract.
#
# ## Would I have been fooled?
# What a difference of this size means for *your* exposure is best asked by simulation: simulate under the simpler model, compare,
# and look how often the wrong one wins by as much. Each data set is one call of `simulate` and one of `compare`
# ([comparison](../docs/comparison.md)).
#
# ## In short
# - elpd for prediction, evidence for probability; both from one call, each with an error.
# - `success` first: bad Pareto k, or draws that are not to be trusted, are its reasons. `refit=True` mends a few bad bins.
# - A comparison says which of *these* models is better, not that one of them is good:
#   [predictive checks](predictive-checks.ipynb).
