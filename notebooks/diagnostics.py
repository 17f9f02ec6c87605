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
# # Diagnostics with ArviZ
#
# A sampler always returns numbers. Whether they are those of the posterior is a question of its own, and this lesson is about
# answering it: first on a healthy posterior, so that you know how one looks, then on a sick one, and how to mend it.
#
# bayesmap asks the most important questions by itself and writes the answer into the first line of every summary. ArviZ
# shows what is behind them.

# %%
# %matplotlib inline
import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from arviz_base.labels import MapLabeller

from bayesmap import MapFit, summarise, upper_limit
from bayesmap.testing import toy_dataset, toy_models

truth = toy_models()
fit = MapFit.from_dataset(toy_dataset(truth, seed=3), truth)
healthy = fit.sample(draws=500, chains=4, random_seed=1)
print(summarise(healthy))
assert summarise(healthy).verdict.ok

# %% [markdown]
# ## What the numbers mean
# | number | asks | alarm |
# |---|---|---|
# | R-hat | do the chains, which started apart, agree? | above 1.01 |
# | bulk and tail ESS | how many independent draws are these worth, for the mean and for the ends of intervals? | below 400 |
# | divergences | was the sampler able to follow the density everywhere? | any |
# | E-BFMI | does it reach the tails fast enough? | below 0.3 |
#
# `healthy` is an `xarray.DataTree`, which is what ArviZ reads. Names are the parameters' own; `source.spatial.position`
# are the offsets that were sampled, from which longitude and latitude follow, and we leave them out.

# %%
names = ["source.spectral.index", "source.spectral.amplitude", "source.spatial.lon_0", "source.spatial.lat_0"]
short = MapLabeller({name: name.split(".")[-1] for name in names})
az.summary(healthy, var_names=names, ci_kind="eti", ci_prob=0.683, round_to="none")

# %% [markdown]
# ## Trace
# Left the distribution of each chain, right the draws in their order. Look for one outline four times, and for bands without
# trend: hairy caterpillars.

# %%
from bayesmap.plots.trace import plot_trace

plot_trace(healthy)

# %% [markdown]
# ## Ranks
# All draws are ranked together, then each chain's share of the low ranks is compared with what chains that agree would have.
# The curves wander around zero; p is the probability of wandering so far, and where a chain goes too far its curve turns
# thick and black. It sees what a trace hides, such as a chain that is a little too wide.

# %%
wide = {"figsize": (12, 3.4), "layout": "constrained"}
_ = az.plot_rank(healthy, var_names=names, labeller=short, figure_kwargs=wide)

# %% [markdown]
# ## How many draws are these worth?
# The effective number grows with the draws as long as the chains move freely (blue: bulk, orange: tail). A curve that bends
# down means that they have found something new late: draw longer before you believe anything.

# %%
_ = az.plot_ess_evolution(healthy, var_names=names, labeller=short, figure_kwargs=wide)

# %% [markdown]
# The tails need more draws than the middle. Here is the effective number for each quantile: it decides how well the end of
# an interval, or an upper limit, is known.

# %%
_ = az.plot_ess(healthy, var_names=names, kind="quantile", labeller=short, figure_kwargs=wide)

# %% [markdown]
# ## Energy
# The sampler walks from one energy to the next. The two distributions should overlap: if that of the steps is much narrower,
# the chain needs many steps from the middle to the tails, and E-BFMI is small.

# %%
_ = az.plot_energy(healthy, figure_kwargs={"figsize": (8, 3.4), "layout": "constrained"})

# %% [markdown]
# ## A sick posterior
# Now a source of a fortieth of the flux, about one standard deviation above nothing. We leave its position free all the same,
# as one does before looking.

# %%
faint = toy_models(amplitude="2e-11 cm-2 s-1 TeV-1").with_frozen({"source.spectral.index": True})
data = toy_dataset(faint, seed=3)
free_position = MapFit.from_dataset(data, faint)
sick = free_position.sample(draws=500, chains=4, random_seed=1)
verdict = summarise(sick).verdict
print(verdict)
assert not verdict.ok
assert any(reason.startswith("divergent") for reason in verdict.reasons)

# %% [markdown]
# Not to be trusted, and the reasons say where. Look at the pictures with that in mind: the chains stick, then jump.

# %%
plot_trace(sick)

# %%
names = ["source.spectral.amplitude", "source.spatial.lon_0", "source.spatial.lat_0"]
_ = az.plot_rank(sick, var_names=names, labeller=short, figure_kwargs=wide)

# %% [markdown]
# ## Where does it go wrong?
# Draw pairs of parameters and mark the divergent draws (orange). The panel of longitude and latitude tells the story: the
# source sits on fluctuations of the background, and on the rim, beyond the edge of the map, where no counts contradict it.
# Islands with nothing between them, and a flux that may be anything down to zero: no step size fits all of that.

# %%
posterior = sick["posterior"].dataset
shown = xr.Dataset(
    {
        "log10 amplitude": np.log10(posterior["source.spectral.amplitude"]),
        "lon_0 (deg)": posterior["source.spatial.lon_0"],
        "lat_0 (deg)": posterior["source.spatial.lat_0"],
    }
)
pairs = xr.DataTree.from_dict({"posterior": shown, "sample_stats": sick["sample_stats"].dataset})
small = {"scatter": {"s": 6}, "divergence": {"color": "C1", "s": 6, "alpha": 0.4}}
_ = az.plot_pair(pairs, visuals=small, figure_kwargs={"figsize": (8, 8), "layout": "constrained"})

# %% [markdown]
# ## What to do
# - *Draw longer*: no. The chains have not failed to converge because they were short, they cannot move.
# - *Raise `target_accept`* to 0.95: smaller steps help where the density is merely curved. Here they only make it slower.
# - *Ask a question that the data can answer.* The position of a source that may not be there is not one of them. Is there a
#   source at the position that the catalogue gives, and how bright may it be? That is one.

# %%
fixed = MapFit.from_dataset(data, faint.with_frozen({"lon_0": True, "lat_0": True}))
mended = fixed.sample(draws=500, chains=4, random_seed=1)
print(summarise(mended))
assert summarise(mended).verdict.ok

# %% [markdown]
# The posterior of the amplitude now begins at zero, and what a paper quotes is an upper limit. Its ESS in the tail says how
# well that number is known.

# %%
limit = upper_limit(mended, "source.spectral.amplitude", mass=0.95)
print(limit)
draws = mended["posterior"].dataset["source.spectral.amplitude"].values.ravel()
assert limit.value > 2e-11, "the limit lies above the true value"

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
axes.hist(draws / 1e-11, bins=40, density=True, color="C0", alpha=0.5)
axes.axvline(limit.value / 1e-11, color="k", ls="--", label="95 % upper limit")
axes.axvline(2.0, color="tab:red", label="truth")
axes.set(xlabel=r"amplitude ($10^{-11}$ cm$^{-2}$ s$^{-1}$ TeV$^{-1}$)", ylabel="density", xlim=(0, None))
_ = axes.legend()

# %% [markdown]
# ## In short
# 1. Read the verdict. If it says `ok`, look at ranks and traces once, and go on.
# 2. If not, find the parameter that its reasons name, and look at pairs with divergences marked.
# 3. Change the model or the prior rather than the sampler: [the table of verdicts](../docs/posterior.md) says what helps
#    against what.
