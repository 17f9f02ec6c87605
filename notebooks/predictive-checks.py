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
# # Predictive checks: does the model describe the data?
#
# A best fit is the best of what the model can do, and a converged posterior is that of the model you wrote. Neither says that
# the model is any good. A predictive check does: draw parameters from the posterior, simulate data with each draw, and look
# whether the observed data could be one of them.
#
# This lesson is a small detective story. Somebody observed a field and believes that it holds one point source. In truth the
# source is extended, and there is a second, faint one. The checks find both, one after the other.

# %%
# %matplotlib inline
from bayesmap import (
    GaussianSpatialModel,
    MapFit,
    Models,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
    simulate,
    summarise,
)
from bayesmap.testing import toy_models, toy_response

extended = toy_models(GaussianSpatialModel(lon_0="83.70 deg", lat_0="21.96 deg", sigma="0.15 deg"))
second = SkyModel(
    PowerLawSpectralModel(index=2.2, amplitude="2e-10 cm-2 s-1 TeV-1"),
    PointSpatialModel(lon_0="83.1 deg", lat_0="22.6 deg"),
    name="second",
)
dataset = simulate(toy_response(), Models((*extended, second)), seed=1)

# %%
from bayesmap.plots.regions import plot_regions

plot_regions(dataset.counts, [], cmap="inferno")

# %% [markdown]
# ## Before the fit: do the priors allow such data?
# Parameters are drawn from the priors, and counts from them. If the observed counts lay outside of what comes out, the priors
# would contradict the data before anything is fitted; if the range went over ten decades, they would say nothing. Weakly
# informative priors allow more than what is seen, and not absurdly more.

# %%
fit = MapFit.from_dataset(dataset, toy_models())
prior_check = fit.prior_check()
print(prior_check)

# %%
from bayesmap.plots.prior_check import plot_prior_check

plot_prior_check(prior_check.datasets["toy"])

# %% [markdown]
# ## First suspect: one point source
# The posterior is in perfect order. That is what verdicts on sampling can say, and all they can.

# %%
tree = fit.sample(draws=1000, random_seed=1)
print(summarise(tree))
assert summarise(tree).verdict.ok

# %% [markdown]
# Now the check. Each line is one way in which data may differ from what the model makes; its p-value is the share of
# simulated data sets that differ more. Look at which lines fail: they point at the reason.

# %%
first = fit.check(tree)
print(first)
assert not first.ok

# %%
from bayesmap.plots.checks import plot_overview, plot_radial

plot_overview(first.datasets["toy"])

# %% [markdown]
# Several lines fail. Begin at the source that is known: in the rings around it there are too few counts in the middle and too
# many outside, so it is wider than the point spread function. The total is right, because the fit made it right.

# %%
plot_radial(first.datasets["toy"])

# %%
assert first.datasets["toy"].discrepancies["radial:source"].p_value < 0.01
assert first.datasets["toy"].discrepancies["total"].p_value > 0.1

# %% [markdown]
# ## Second suspect: an extended source

# %%
wide_start = toy_models(GaussianSpatialModel(lon_0="83.70 deg", lat_0="21.96 deg", sigma="0.1 deg"))
wide = MapFit.from_dataset(dataset, wide_start)
wide_tree = wide.sample(draws=1000, random_seed=1)
print(summarise(wide_tree))
then = wide.check(wide_tree)
print(then)
assert then.datasets["toy"].discrepancies["radial:source"].p_value > 0.01

# %% [markdown]
# The rings are in order. What fails now is the largest excess, anywhere on the map and of any size. It is compared with
# the largest excess of each simulated map, wherever that lies: the look-elsewhere effect is inside, and nobody has to count
# trials. `places` says where it is.

# %%
from bayesmap.plots.checks import plot_maximum

place = then.datasets["toy"].places["excess"]
print(place)
assert not then.ok
plot_maximum(then.datasets["toy"])

# %%
from bayesmap.plots.significance_maps import plot_significance_maps

plot_significance_maps(then.datasets["toy"].maps, then.datasets["toy"].places)

# %% [markdown]
# ## Third suspect: two sources
# A second source starts at the excess. Nothing is left over.

# %%
newcomer = SkyModel(
    PowerLawSpectralModel(index=2.2, amplitude="1e-10 cm-2 s-1 TeV-1"),
    PointSpatialModel(lon_0=f"{place.lon} deg", lat_0=f"{place.lat} deg"),
    name="second",
)
both = MapFit.from_dataset(dataset, Models((*wide.model, newcomer)))
both_tree = both.sample(draws=1000, random_seed=1)
print(summarise(both_tree))
last = both.check(both_tree)
print(last)
assert last.ok

# %%
plot_overview(last.datasets["toy"])

# %% [markdown]
# Was it there? Its flux and position, beside what was simulated.

# %%
posterior = both_tree["posterior"].dataset
for name, true in (("spectral.amplitude", 2e-10), ("spatial.lon_0", 83.1), ("spatial.lat_0", 22.6)):
    draws = posterior[f"second.{name}"]
    pull = (float(draws.mean()) - true) / float(draws.std())
    print(
        f"second.{name:20} {float(draws.mean()):.4g} +- {float(draws.std()):.2g}, truth {true:.4g}, {pull:+.1f} sigma"
    )
    assert abs(pull) < 3

# %% [markdown]
# ## Sparse counts
# Most bins of this map are empty, and a residual in units of its error means little there. A randomised transform of the
# counts is uniform for a true model, however few they are, and its distribution minus the uniform one stays inside the
# envelope. The orange curve is that of a single draw: it is the one that is exactly uniform, and another draw gives another.

# %%
from bayesmap.plots.pit import plot_pit

plot_pit(last.datasets["toy"].pit)

# %% [markdown]
# ## How to read p-values of a fit
# - They are conservative: the parameters were fitted to the same counts. A small one is to be taken seriously, one of 0.3 is
#   no praise.
# - `check.ok` takes into account that there are several. One of ten below 0.05 is no alarm.
# - A check that passes says that the model makes such data, not that it is true, or better than another. For that, compare
#   models. All of it, with sources: [predictive checks](../docs/predictive.md).
