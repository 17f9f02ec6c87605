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
# # A first fit
#
# From a cube of counts to a posterior that you may quote, in the order in which every analysis should go: look at the data,
# write the model and its priors down, find the best fit, draw from the posterior, ask whether the draws can be trusted, and
# only then read numbers off.
#
# The data are simulated, so that we know the answer: a point source on a background, seen by an imagined Cherenkov
# telescope in 3 energy bins of 20 x 20 pixels. With files of your own, `read_dataset` and `read_models` take the place of the
# first two lines.

# %%
# %matplotlib inline
import astropy.units as u

from bayesmap import MapFit, Prior, flux_points, summarise
from bayesmap.testing import toy_dataset, toy_models

truth = toy_models()
dataset = toy_dataset(truth, seed=3)
print(dataset)

# %% [markdown]
# ## The data
# Counts are summed over energy here. The source stands out; with faint ones you will not see anything by eye.

# %%
from bayesmap.plots.regions import plot_regions

plot_regions(dataset.counts, [], cmap="inferno")

# %% [markdown]
# ## The model
# A source has a spectrum and a shape, the background a factor on what the file predicts. The fit does not start at the truth:
# a factor of three in the flux and a tenth of a degree are what one knows from a first look at the map.

# %%
start = truth.with_values(
    {
        "source.spectral.amplitude": 2.5e-10,
        "source.spectral.index": 2.0,
        "source.spatial.lon_0": 83.63,
        "source.spatial.lat_0": 22.01,
    }
)
start

# %% [markdown]
# ## The priors
# Every free parameter has one: what you pass, else the documented default ([priors](../docs/priors.md)). They are part of
# the model, so look at them before you look at results. Here an earlier measurement of the index is used.

# %%
fit = MapFit.from_dataset(dataset, start, priors={"source.spectral.index": Prior("Normal", mu=2.0, sigma=0.5)})
for name, prior in fit.priors.items():
    print(f"{name:28} {prior}")

# %% [markdown]
# ## The best fit
# The maximum of the posterior, with errors from the curvature there (the Laplace approximation). `success` is a verdict, not
# the optimiser's opinion of itself: the exact Hessian is positive definite there, and the gradient says that the optimum is
# less than 1e-4 standard deviations away.

# %%
best = fit.run()
assert best.success, best.reasons
print(best)

# %% [markdown]
# ## The posterior
# Four chains of a Hamiltonian sampler. Read the first line first: **ok** means that chains agree (R-hat), that there are
# enough independent draws, that nothing diverged and that nothing piles up at a limit. Any other word, and what to do about
# it, is in [the table of verdicts](../docs/posterior.md).

# %%
tree = fit.sample(draws=400, chains=4, random_seed=3)
summary = summarise(tree)
print(summary)
assert summary.verdict.ok

# %% [markdown]
# Each panel below the diagonal is a pair of parameters, red is the truth. Index and amplitude hardly depend on one another
# here, because the reference energy, 1 TeV, lies where the counts are; with a reference of 10 TeV they would be strongly
# correlated, and neither error alone would say what is known.

# %%
from bayesmap.plots.corner import plot_corner

true_values = {name: parameter.value for name, parameter in truth.parameters.items()}
plot_corner(tree, truth=true_values)

# %% [markdown]
# ## Numbers to quote
# An interval of one parameter at one sigma holds 68.3 % of the posterior. What is asked for need not be a parameter: the
# flux above 1 TeV is worked out draw by draw, so that all correlations are inside its error.

# %%
from bayesmap import integral_flux

interval = fit.confidence("source.spectral.index", sigma=1)
print(f"index {interval['median']:.2f}, {interval['mass']:.1%} in [{interval['lower']:.2f}, {interval['upper']:.2f}]")
flux = integral_flux(tree, fit.model, "source", 1 * u.TeV, 10 * u.TeV)
print(flux)

# %%
posterior = tree["posterior"].dataset
for name in ("source.spectral.index", "source.spectral.amplitude", "source.spatial.lon_0", "toy-bkg.spectral.norm"):
    pull = (float(posterior[name].mean()) - true_values[name]) / float(posterior[name].std())
    print(f"{name:28} {pull:+.1f} standard deviations from the truth")
    assert abs(pull) < 3.0

# %% [markdown]
# ## The spectrum
# The band holds 68.3 % and 95.4 % of the posterior at each energy; the points are norms of the same spectrum in single
# bins, fitted together. They are another view of the same counts, not a fit to be made afterwards.

# %%
from bayesmap.plots.sed import plot_sed
from bayesmap.results.flux import flux_band, log_energies

points = flux_points(fit, "source", dataset.axis.edges * u.TeV)
band = flux_band(tree, fit.model, "source", log_energies(0.5 * u.TeV, 20 * u.TeV))
plot_sed(band, points=points, truth=truth["source"].spectral_model)

# %% [markdown]
# ## Does the model describe the data?
# A fine posterior of a wrong model is worth nothing. Data sets are simulated from the draws and compared with the observed
# one: each p-value is the share of them that is more extreme. Values near 0 say that the model cannot make such data; the
# largest excess has the look-elsewhere effect inside. More in [the posterior](../docs/posterior.md).

# %%
from bayesmap.plots.predictive import plot_predictive

predictive = fit.predictive(tree)
print(predictive.p_values)
assert all(p > 0.01 for p in predictive.p_values.values())
plot_predictive(dataset.counts, predictive, models=fit.model)

# %% [markdown]
# ## Keep it, and go on
# `save_posterior(tree, "posterior.nc")` stores draws, verdict, priors, seed and versions. `tree` is what ArviZ reads, and
# `fit.pymc_model` the model itself: [diagnostics with ArviZ](diagnostics.ipynb) goes on from here.
