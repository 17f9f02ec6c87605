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
# # Real data: the Crab nebula seen by H.E.S.S.
#
# Four runs of half an hour each on the brightest steady source at TeV energies, from the public test data release of the
# H.E.S.S. collaboration (HESS DL3 DR1, 2018), stacked with Gammapy into one cube. The terms of that release allow to test
# software and not to claim results; the data are not part of bayesmap. This lesson looks for
# `hess-crab.mapdataset.fits.gz` in the folder that the environment variable `BAYESMAP_REFERENCE_DATA` names.
#
# With real data the truth is not known. What we have instead are earlier measurements, and what real data teach is that the
# statistical error is not all.

# %%
# %matplotlib inline
import os
from pathlib import Path

import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord

from bayesmap import (
    FoVBackgroundModel,
    MapFit,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawSpectralModel,
    ResponseModel,
    SkyModel,
    flux_points,
    integral_flux,
    position_ellipse,
    read_dataset,
    summarise,
)

folder = os.environ.get("BAYESMAP_REFERENCE_DATA")
if folder is None:
    raise FileNotFoundError("This lesson needs real data: set BAYESMAP_REFERENCE_DATA to the folder that holds them")
dataset = read_dataset(Path(folder) / "hess-crab.mapdataset.fits.gz", name="hess-crab")
print(dataset)

# %%
from bayesmap.plots.regions import plot_regions

plot_regions(dataset.counts, [], cmap="inferno")

# %% [markdown]
# ## Model and priors
# A point source with a power law, and a background whose norm and slope are free: the background model comes from other
# fields, and is known to some ten percent only.

# %%
crab = SkyModel(
    PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"),
    PointSpatialModel(lon_0="83.62 deg", lat_0="22.02 deg"),
    name="crab",
)
models = Models((crab, FoVBackgroundModel("hess-crab"))).with_frozen({"tilt": False})
fit = MapFit.from_dataset(dataset, models, exposure_order="after_psf")
for name, prior in fit.priors.items():
    print(f"{name:28} {prior}")

# %% [markdown]
# ## Best fit and posterior

# %%
best = fit.run()
assert best.success, best.reasons
print(best)
tree = fit.sample(draws=500, random_seed=1)
print(summarise(tree))
assert summarise(tree).verdict.ok

# %% [markdown]
# ## Does the model describe the data?
# Look before you believe. The residuals are summed over a disk of two pixels, a group of energies in each panel.

# %%
from bayesmap.plots.predictive import plot_predictive

predictive = fit.predictive(tree)
print(predictive.p_values)
plot_predictive(dataset.counts, predictive, models=fit.model)

# %% [markdown]
# The p-values of the whole map are fine, and they look at 110 000 bins, nearly all of them background. The panel of the
# ratio says more: too few counts at both ends, too many in between. The spectrum of the Crab nebula is curved, which a
# power law cannot be. Remember it for the flux points below.
#
# ## Where is it?
# The pulsar's position is known from radio to a fraction of an arcsecond. The posterior of our position is much narrower than
# the distance to it, and that is no discovery: the pointing of the telescopes is known to 20 arcseconds in each direction,
# the nebula is not centred on the pulsar, and none of that is in the model. A posterior is right for the model that it is of. (The legend calls the pulsar the truth.)

# %%
from bayesmap.plots.position import plot_position

pulsar = SkyCoord(83.6331, 22.0145, unit="deg")
ellipse = position_ellipse(tree, fit.model, "crab", mass=0.95)
ours = SkyCoord(ellipse.lon, ellipse.lat, unit="deg")
print(ellipse)
away = ours.separation(pulsar).arcsec
print(f"distance from the pulsar: {away:.0f} arcsec, 95 % radius {ellipse.radius * 3600:.0f} arcsec")
assert away < 60
plot_position(tree, fit.model, "crab", regions=[ellipse], truth=(pulsar.ra.deg, pulsar.dec.deg))

# %% [markdown]
# ## How bright is it?
# The flux above 1 TeV, draw by draw. The collaboration published $2.26 \pm 0.08 \pm 0.45$ in units of
# $10^{-11}$ cm$^{-2}$ s$^{-1}$ (A&A 457, 899, 2006); the second error is systematic, 20 %.

# %%
flux = integral_flux(tree, fit.model, "crab", 1 * u.TeV, 100 * u.TeV)
print(flux)

# %% [markdown]
# That 20 % belongs into our error too. A `ResponseModel` says that the exposure may be off by a factor, with a log-normal prior
# 20 % wide. The data cannot tell a bright source from a large exposure, so the factor keeps its prior, and the flux takes its
# width over. Nothing else changes. Chains are not needed for that: where the posterior is close to a normal one, weighted draws
# of the Laplace approximation do, and they are checked before they are handed out.

# %%
from bayesmap import Prior

scale = Parameter("exposure_scale", 1.0, prior=Prior("LogNormal", mu=0.0, sigma=0.2))
uncertain = MapFit.from_dataset(dataset, models + ResponseModel(scale, name="irf"), exposure_order="after_psf")
assert uncertain.run().success
wide_tree = uncertain.laplace_draws(random_seed=1)
print(summarise(wide_tree))
wide = integral_flux(wide_tree, uncertain.model, "crab", 1 * u.TeV, 100 * u.TeV)

figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
bins = np.linspace(1.0, 6.0, 60)
for found, label, colour in ((wide, "exposure known to 20 %", "C1"), (flux, "exposure taken as exact", "C0")):
    axes.hist(found.draws.values.ravel() / 1e-11, bins=bins, density=True, alpha=0.5, color=colour, label=label)
axes.axvspan(2.26 - 0.46, 2.26 + 0.46, color="0.85", zorder=0, label="published, all errors")
axes.set(xlabel=r"flux above 1 TeV ($10^{-11}$ cm$^{-2}$ s$^{-1}$)", ylabel="density")
_ = axes.legend()

low, high = (np.quantile(wide.draws.values / 1e-11, q) for q in (0.025, 0.975))
print(f"95 % from {low:.2f} to {high:.2f}")
assert low < 2.26 < high

# %% [markdown]
# ## The spectrum
# Band and points beside the power law with cut-off that was published in 2006 (again under the name of truth).

# %%
from bayesmap import ExpCutoffPowerLawSpectralModel
from bayesmap.plots.sed import plot_sed
from bayesmap.results.flux import flux_band, log_energies

published = ExpCutoffPowerLawSpectralModel(index=2.39, amplitude="3.76e-11 cm-2 s-1 TeV-1", lambda_=1 / (14.3 * u.TeV))
points = flux_points(fit, "crab", dataset.axis.edges[::2] * u.TeV)
print(points)
band = flux_band(tree, fit.model, "crab", log_energies(0.7 * u.TeV, 30 * u.TeV))
plot_sed(band, points=points, truth=published)

# %% [markdown]
# ## In short
# - The posterior is narrow, the verdict `ok`, and still position and flux differ from what others found by more than that:
#   verdicts are about sampling, predictive checks about the counts, and neither knows a wrong response.
# - What is known of systematic errors goes into the model, as a nuisance with a prior, and comes out in every quantity.
