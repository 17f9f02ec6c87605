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
# # A model of your own
#
# The models that come with bayesmap are those of Gammapy ([all of them](../docs/models.md)). Yours may be another: a spectrum
# that follows from your theory, a shape that you see in X-rays. It takes one formula. Gradients, integrals over energy bins,
# priors and plots follow from it, and it is sampled as fast as the others.
#
# Here: electrons that cool in a magnetic field radiate a power law that is one unit steeper above an energy $E_b$,
#
# $$\frac{dN}{dE} = A \left(\frac{E}{E_0}\right)^{-\Gamma} \frac{1}{1 + E / E_b}.$$
#
# The data are simulated with it, on the small field of `bayesmap demo`: 6 energy bins from 0.1 to 10 TeV.

# %%
# %matplotlib inline
import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np

from bayesmap import (
    FoVBackgroundModel,
    MapFit,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawSpectralModel,
    Prior,
    SkyModel,
    expression_model,
    simulate,
    summarise,
)
from bayesmap.cli.demo_data import empty_dataset

# %% [markdown]
# ## One expression
# The formula gets `xp` in place of `numpy`: it is NumPy when numbers are asked for, and PyTensor when gradients are. Energies
# are numbers in TeV, parameters in their own canonical units. Say with each parameter what it is: start value, unit, limits,
# and a prior where you know one. Without a prior the scale of your start value makes a wide one.

# %%
cooled = expression_model(
    lambda xp, energy, index, amplitude, ebreak: amplitude * energy ** (-index) / (1.0 + energy / ebreak),
    [
        Parameter("index", 1.8),
        Parameter("amplitude", 3e-11, "cm-2 s-1 TeV-1"),
        Parameter("ebreak", 1.5, "TeV", min=0.0, prior=Prior("LogNormal", mu=np.log(2.0), sigma=1.0)),
    ],
)

# %% [markdown]
# Look at it before you fit it. The integral over a bin needs no closed form: it is done by quadrature, exact to rounding for
# a smooth formula. A sum over a fine grid says the same.

# %%
energy = np.geomspace(0.1, 10.0, 200) * u.TeV
fine = np.geomspace(1.0, 3.0, 20_001)
by_hand = np.trapezoid(cooled(fine * u.TeV).value, fine)
integral = cooled.integral_flux(1 * u.TeV, 3 * u.TeV)
print(f"flux from 1 to 3 TeV: {integral:.6g}, by hand {by_hand:.6g}")
assert np.isclose(integral.value, by_hand, rtol=1e-8)

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for ebreak in (0.5, 1.5, 5.0):
    curve = cooled.with_parameters([cooled.ebreak.with_value(ebreak)])
    axes.loglog(energy, (energy**2 * curve(energy)).to("TeV cm-2 s-1"), label=f"ebreak = {ebreak} TeV")
axes.set(xlabel="Energy (TeV)", ylabel=r"$E^2\,$d$N$/d$E$ (TeV cm$^{-2}$ s$^{-1}$)")
_ = axes.legend()

# %% [markdown]
# ## The fit
# Nothing is different from any other model.

# %%
position = PointSpatialModel(lon_0="0 deg", lat_0="0 deg", frame="galactic")
truth = Models((SkyModel(cooled, position, name="nebula"), FoVBackgroundModel("demo")))
truth = truth.with_frozen({"lon_0": True, "lat_0": True})
dataset = simulate(empty_dataset(), truth, seed=4)

first = MapFit.from_dataset(dataset, truth)
assert first.run().success
first_tree = first.sample(draws=1000, random_seed=1)
print(summarise(first_tree))
assert not summarise(first_tree).verdict.ok

# %% [markdown]
# Some draws diverged, and their number is not the point: where they did, the sampler could not follow the density, and nobody
# knows what it missed. The picture tells why. A low break needs a high amplitude, without end: the draws lie along a thin
# curved needle, and into its tip the sampler does not come.

# %%
from bayesmap.plots.corner import plot_corner

names = ["nebula.spectral.index", "nebula.spectral.amplitude", "nebula.spectral.ebreak"]
true_values = {name: parameter.value for name, parameter in truth.parameters.items()}
plot_corner(first_tree, truth=true_values, names=names)

# %% [markdown]
# ## Choose parameters that the data measure
# The formula is right, but its amplitude is the flux that there would be without the break: nobody measured that. The flux at
# an energy in the middle of the counts is measured. The same curves, written with the flux at 0.5 TeV:
#
# $$\frac{dN}{dE} = A \left(\frac{E}{0.5\,\mathrm{TeV}}\right)^{-\Gamma} \frac{1 + 0.5\,\mathrm{TeV} / E_b}{1 + E / E_b}.$$

# %%
E_0 = 0.5
measured = expression_model(
    lambda xp, energy, index, amplitude, ebreak: (
        amplitude * (energy / E_0) ** (-index) * (1.0 + E_0 / ebreak) / (1.0 + energy / ebreak)
    ),
    [cooled.index, Parameter("amplitude", cooled(E_0 * u.TeV).value, "cm-2 s-1 TeV-1"), cooled.ebreak],
)
assert np.allclose(measured(energy), cooled(energy), rtol=1e-12)

models = Models((SkyModel(measured, position, name="nebula"), FoVBackgroundModel("demo")))
models = models.with_frozen({"lon_0": True, "lat_0": True})
fit = MapFit.from_dataset(dataset, models)
assert fit.run().success
tree = fit.sample(draws=1000, random_seed=1)
print(summarise(tree))
assert summarise(tree).verdict.ok

# %% [markdown]
# The same likelihood, no complaint, and twice as many independent draws. Index and break still go together, because they do
# in the data, but as a bent blob and not as a needle.

# %%
true_values = {name: parameter.value for name, parameter in models.parameters.items()}
posterior = tree["posterior"].dataset
for name in names:
    assert abs(posterior[name].mean() - true_values[name]) < 3 * posterior[name].std()
plot_corner(tree, truth=true_values, names=names)

# %%
from bayesmap.plots.sed import plot_sed
from bayesmap.results.flux import flux_band, log_energies

plot_sed(flux_band(tree, fit.model, "nebula", log_energies(0.1 * u.TeV, 10 * u.TeV)), truth=cooled)

# %% [markdown]
# ## Is the gradient right?
# It is worked out from your formula, so it is right unless the formula has a kink, or is 0/0 somewhere (then say where the
# kinks are with `breaks=`, or choose another form). A difference quotient is quick to ask.

# %%
name = "nebula.spectral.ebreak"
value = 1.2 * fit.model.parameters[name].value
step = 1e-4 * value
up, down = (fit.log_posterior({name: value + sign * step}) for sign in (1, -1))
slope = fit.log_posterior_gradient({name: value})[name]
print(f"slope {slope:.6f}, by differences {(up - down) / (2 * step):.6f}")
assert np.isclose(slope, (up - down) / (2 * step), rtol=1e-4)

# %% [markdown]
# ## A class, where the model is to stay
# An expression cannot be written to a model file, which holds no code. A class can: declared parameters, and a static
# `evaluate`. With a `tag`, in a file of its own in the package, model files know it by name
# ([extending bayesmap](../docs/extend.md)); in a notebook it needs no file.

# %%
from bayesmap.models.spectral.base import SpectralModel


class CooledSpectralModel(SpectralModel):
    """Power law that is one unit steeper above a break."""

    tag = ("CooledSpectralModel", "cooled")
    index = Parameter("index", 2.0)
    amplitude = Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1")
    reference = Parameter("reference", 1.0, "TeV", frozen=True)
    ebreak = Parameter("ebreak", 1.0, "TeV", min=0.0)

    @staticmethod
    def evaluate(xp, energy, *, index, amplitude, reference, ebreak):
        """Return dN/dE at energies in TeV."""
        return amplitude * (energy / reference) ** (-index) / (1.0 + energy / ebreak)


same = CooledSpectralModel(index=1.8, amplitude="3e-11 cm-2 s-1 TeV-1", ebreak="1.5 TeV")
assert np.allclose(same(energy), cooled(energy), rtol=1e-12)
same

# %% [markdown]
# Models are joined with `+`, `-`, `*` and `/`: a factor on a spectrum of the library is often all that is needed, and a factor
# is an expression without unit.

# %%
bend = expression_model(
    lambda xp, energy, ebreak: 1.0 / (1.0 + energy / ebreak), [Parameter("ebreak", 1.5, "TeV", min=0.0)], is_norm=True
)
product = PowerLawSpectralModel(index=1.8, amplitude="3e-11 cm-2 s-1 TeV-1") * bend
assert np.allclose(product(energy), cooled(energy), rtol=1e-12)

# %% [markdown]
# ## A shape
# The same for shapes: a function of the elliptical radius is enough. The image is made below the size of a pixel and its
# derivatives in position and size are exact. This one is a dome, bright in the middle, with an edge at `r_0`. The methods
# besides `evaluate` say how far it reaches and which ellipse it lives on.

# %%
from bayesmap.models.spatial.base import SpatialModel, elliptical_radius_squared


class DomeSpatialModel(SpatialModel):
    """Paraboloid of radius r_0, normalised to one."""

    tag = ("DomeSpatialModel", "dome")
    image_kind = "lattice"
    size_names = ("r_0",)
    lon_0 = Parameter("lon_0", 0.0, "deg")
    lat_0 = Parameter("lat_0", 0.0, "deg", min=-90.0, max=90.0)
    r_0 = Parameter("r_0", 0.2, "deg", min=0.0, max=0.8)

    @staticmethod
    def profile(xp, squared, **values):
        """Return the brightness at squared radii in units of r_0, up to a factor."""
        return xp.where(squared < 1.0, 1.0 - squared, 0.0)

    @staticmethod
    def evaluate(xp, x, y, *, r_0):
        """Return the brightness in sr-1 at offsets in deg."""
        area = np.pi * r_0 * r_0 * (np.pi / 180.0) ** 2
        return 2.0 / area * DomeSpatialModel.profile(xp, elliptical_radius_squared(xp, x, y, r_0, 0.0, 0.0))

    @staticmethod
    def ellipse(xp, *, r_0):
        """Return semi-axis, eccentricity and position angle."""
        return r_0, 0.0, 0.0

    @staticmethod
    def extent(xp, *, r_0):
        """Return the radius beyond which there is no light."""
        return r_0


geom = dataset.counts.geom.to_image()
dome = DomeSpatialModel(lon_0="0.3 deg", lat_0="0.1 deg", r_0="0.6 deg", frame="galactic")
inside = float(np.sum(dome.evaluate_geom(geom).value * geom.solid_angle()))
print(f"integral over the map: {inside:.4f}")
assert abs(inside - 1.0) < 0.01

# %%
shaped = Models(
    (SkyModel(PowerLawSpectralModel(amplitude="8e-12 cm-2 s-1 TeV-1"), dome, name="dome"), truth["demo-bkg"])
)
seen = simulate(empty_dataset(), shaped, seed=5)
dome_fit = MapFit.from_dataset(seen, shaped.with_values({"dome.spatial.r_0": 0.4, "dome.spatial.lon_0": 0.25}))
found = dome_fit.run()
assert found.success, found.reasons
radius = found.model.parameters["dome.spatial.r_0"]
print(f"r_0 = {radius.value:.3f} +- {radius.error:.3f} deg, simulated with 0.6")
assert abs(radius.value - 0.6) < 3 * radius.error

# %%
from bayesmap.plots.counts import plot_counts

plot_counts(seen.counts, dome_fit.npred(), models=dome_fit.model)

# %% [markdown]
# ## In short
# - `expression_model` for a formula, `*` with a factor for a change to a known one, a class where it is to be stored.
# - State units, limits and priors with the parameters. They are part of the model.
# - Write a formula with parameters that the data measure: fluxes where the counts are, not where the theory has its norm.
# - Look at a curve, an integral and a gradient before you fit, and at the pairs of parameters afterwards.
