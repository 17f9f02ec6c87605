"""The verdict gate: what a posterior must show before it is called fine.

References
----------
Vehtari et al. 2021, Bayesian Analysis 16, 667 (R-hat and effective sample size of rank-normalised draws).
Betancourt 2016, arXiv:1604.00695 (energy fraction of missing information).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import numpy as np
import xarray as xr

from bayesmap.checks.ridges import ridges
from bayesmap.models.sky import SkyModel
from bayesmap.posterior.variables import Variables
from bayesmap.results.verdict import Verdict

LARGEST_R_HAT = 1.01
SMALLEST_ESS = 400
SMALLEST_E_BFMI = 0.3
LARGEST_DEPTH_FRACTION = 0.05
FEWEST_CHAINS = 4
EDGE_WIDTH, EDGE_FRACTION = 0.01, 0.05
"""More than EDGE_FRACTION of the draws within EDGE_WIDTH of the range at an end of the support is a pile-up."""
OPEN_EDGE_FRACTION = 0.1
"""The same where the support has one end only and the range is that of 99 % of the draws: of an exponential, the
posterior of an amplitude that the data do not need, 4.5 % lie there, and it is a fine posterior."""
TWIN_DISTANCE = 4.0
"""Sources of one kind whose parameters differ by less than this many standard deviations are exchangeable."""


def judge(tree: xr.DataTree, variables: Variables) -> Verdict:
    """Return the verdict on a posterior.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior with groups ``posterior`` and ``sample_stats``.
    variables : Variables
        Free parameters, for the ends of their support.
    """
    draws = tree["posterior"].to_dataset()
    sizes = {"chains": draws.sizes["chain"], "draws": draws.sizes["draw"]}
    notes = tuple(json.loads(tree.attrs["notes"]))
    reasons = []
    if tree.attrs["status"] != "finished":
        reasons.append(f"interrupted: {sizes['chains']} chains of {sizes['draws']} draws were kept")
    if not all(np.all(np.isfinite(values)) for values in draws.data_vars.values()):
        return Verdict((*reasons, "not_finite: some draws are not finite"), sizes, notes)
    if sizes["draws"] < 4:
        return Verdict((*reasons, f"few_draws: {sizes['draws']} draws a chain"), sizes, notes)
    mixing, measures = _mixing(draws)
    energy, figures = _sampler(tree["sample_stats"].to_dataset())
    if sizes["chains"] < FEWEST_CHAINS:
        reasons.append(f"few_chains: {sizes['chains']} chains, {FEWEST_CHAINS} are needed to see modes")
    reasons += [*mixing, *energy, *_at_bound(draws, variables), *_exchangeable(draws, variables)]
    reasons += [f"multimodal: {text}" for text in json.loads(tree.attrs.get("modes", "[]"))]
    found = ridges(draws, variables.coordinates.models)
    reasons += [f"ridge: {item}" for item in found if item.between_models]
    notes += tuple(str(item) for item in found if not item.between_models)
    return Verdict(tuple(reasons), measures | figures | sizes, notes)


def _mixing(draws: xr.Dataset) -> tuple[list[str], dict[str, float]]:
    """Return reasons and figures on R-hat and effective sample size."""
    import arviz as az

    found = {"ess_bulk": az.ess(draws, method="bulk"), "ess_tail": az.ess(draws, method="tail")}
    if draws.sizes["chain"] > 1:
        found["r_hat"] = az.rhat(draws)
    reasons, measures = [], {}
    for key, values in found.items():
        worst, figure = _worst(values, largest=key == "r_hat")
        measures[key] = figure
        if key == "r_hat" and not figure <= LARGEST_R_HAT:
            reasons.append(f"not_converged: R-hat of {worst} is {figure:.4f}, above {LARGEST_R_HAT}")
        if key != "r_hat" and not figure >= SMALLEST_ESS:
            kind = key.removeprefix("ess_")
            reasons.append(f"few_draws: {kind} ESS of {worst} is {figure:.0f}, below {SMALLEST_ESS}")
    return reasons, measures


def _worst(values: xr.Dataset, *, largest: bool) -> tuple[str, float]:
    figures = {str(name): np.asarray(item) for name, item in values.data_vars.items()}
    ends = {name: float(figure.max() if largest else figure.min()) for name, figure in figures.items()}
    # A parameter whose figure is not a number (a chain that never moved) is the worst there is.
    badness = {name: np.inf if np.isnan(end) else end * (1.0 if largest else -1.0) for name, end in ends.items()}
    worst = max(badness, key=lambda name: badness[name])
    return worst, ends[worst]


def _sampler(statistics: xr.Dataset) -> tuple[list[str], dict[str, float]]:
    """Return reasons and figures from the sampler's statistics."""
    import arviz as az

    divergences = int(statistics["diverging"].sum())
    deep = float(statistics["reached_max_treedepth"].mean())
    e_bfmi = float(np.min(az.bfmi(statistics)["energy"].values))
    reasons = []
    if divergences:
        reasons.append(f"divergent: {divergences} draws diverged; raise target_accept, or look at the model there")
    if not e_bfmi >= SMALLEST_E_BFMI:
        reasons.append(f"low_energy: E-BFMI is {e_bfmi:.2f}, below {SMALLEST_E_BFMI}")
    if deep > LARGEST_DEPTH_FRACTION:
        reasons.append(f"tree_depth: {deep:.1%} of the draws reached the largest tree depth")
    return reasons, {"divergences": divergences, "e_bfmi": e_bfmi, "max_treedepth_fraction": deep}


def _at_bound(draws: xr.Dataset, variables: Variables) -> Iterator[str]:
    """Yield parameters whose draws pile up at an end of their support."""
    for name, low, high in _ends(variables):
        values = draws[name].values.ravel()
        for end, other in ((low, high), (high, low)):
            if np.isfinite(end):
                distance = np.abs(values - end)
                span = abs(other - end) if np.isfinite(other) else np.quantile(distance, 0.99)
                share = float(np.mean(distance < EDGE_WIDTH * span))
                if share > (EDGE_FRACTION if np.isfinite(other) else OPEN_EDGE_FRACTION) and _pressed(distance):
                    yield f"at_bound: {share:.0%} of the draws of {name} lie at the end {end:g} of its support"


def _pressed(distance: np.ndarray) -> bool:
    """Return True if draws reach the end they have this distance from, instead of standing off it.

    In a support much wider than the posterior they may be near an end without ever touching it.
    """
    return bool(np.quantile(distance, 0.01) < 0.5 * distance.std())


def _ends(variables: Variables) -> Iterator[tuple[str, float, float]]:
    """Yield each free parameter with the ends of its support; of positions and pooled ones, the declared limits."""
    lower, upper = variables.bounds()
    derived = variables.coordinates.derived
    for i, name in enumerate(variables.coordinates.names):
        if i in derived:
            parameter = variables.coordinates.models.parameters[name]
            yield name, parameter.min, parameter.max
        else:
            yield name, float(lower[i]), float(upper[i])


def _exchangeable(draws: xr.Dataset, variables: Variables) -> Iterator[str]:
    """Yield pairs of sources of one kind whose parameters overlap: exchanging their names changes nothing."""
    models = variables.coordinates.models
    names = set(variables.coordinates.names)
    for first, second in itertools.combinations((model for model in models if isinstance(model, SkyModel)), 2):
        kinds = [tuple(type(part) for part in model.components.values()) for model in (first, second)]
        free = [
            {name.removeprefix(f"{model.name}.") for name in model.named_parameters if name in names}
            for model in (first, second)
        ]
        if kinds[0] != kinds[1] or free[0] != free[1] or not free[0]:
            continue
        same_frozen = all(
            own.value == second.named_parameters[f"{second.name}.{name.removeprefix(f'{first.name}.')}"].value
            for name, own in first.named_parameters.items()
            if own.frozen
        )
        pairs = [(draws[f"{first.name}.{name}"], draws[f"{second.name}.{name}"]) for name in free[0]]
        if same_frozen and all(_close(a.values, b.values) for a, b in pairs):
            yield f"exchangeable: {first.name} and {second.name} may exchange their names"


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(abs(a.mean() - b.mean()) < TWIN_DISTANCE * np.hypot(a.std(), b.std()))
