r"""What the data added to the priors: contraction, and sensitivity to raising prior or likelihood to a power.

The sensitivity of a parameter is the rate at which its marginal posterior changes, as the distance of cumulative
distributions (Jensen-Shannon), when the density :math:`p(\theta)^\alpha L(\theta)` or
:math:`p(\theta) L(\theta)^\alpha` takes the place of the posterior, per doubling of alpha near one.  The draws are
reweighted for it (smoothed importance sampling), nothing is fitted again.

References
----------
Kallioinen et al. 2024, Statistics and Computing 34, 57 (power-scaling, the threshold 0.05).
Betancourt 2018, "Calibrating model-based inferences and decisions" (contraction).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from astropy.table import QTable

from bayesmap.checks.thinning import thin
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.posterior import free_names, theta_of

DRAWS = 1000
"""Draws of the posterior, in all, at which prior and likelihood are worked out."""
PRIOR_DRAWS = 8000
"""Draws of the priors; their standard deviations are known to about one percent, of heavy tails less well."""
SENSITIVE = 0.05
"""Sensitivity from which on prior or likelihood matters."""
SHUFFLES = 8
"""Times that the densities are shuffled among the draws, to see what sensitivity chance alone gives."""
RETURNED = 0.05
"""Contraction below which a parameter has its prior again."""
DOMINATED, CONFLICT, FINE = "prior-dominated", "prior-data conflict", "-"
COLUMNS = ("prior_sd", "posterior_sd", "contraction", "prior_sensitivity", "likelihood_sensitivity")


@dataclass(frozen=True)
class PriorReport:
    r"""What the data added to the priors, for each free parameter.

    Parameters
    ----------
    rows : dict
        Qualified name -> ``prior`` (in words), ``unit``, ``prior_sd``, ``posterior_sd``, ``contraction``
        (:math:`1 - \sigma_{post}^2 / \sigma_{prior}^2`; NaN where the prior has no integral), ``prior_sensitivity``,
        ``likelihood_sensitivity``, ``diagnosis`` (of sensitivities above 0.05 and above chance).
    prior : Dataset
        Draws from the priors by qualified name, along ``draw``; NaN where the prior has no integral.
    draws : int
        Draws of the posterior that were reweighted.
    """

    rows: Mapping[str, Mapping[str, Any]]
    prior: xr.Dataset
    draws: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be looked at, one line each."""
        lines = []
        for name, row in self.rows.items():
            if row["contraction"] < RETURNED:
                lines.append(
                    f"{name} returns its prior (contraction {row['contraction']:.2g}): the data do not tell it"
                )
            elif row["diagnosis"] == DOMINATED:
                lines.append(f"{name} follows its prior more than the data: another prior gives another result")
            elif row["diagnosis"] == CONFLICT:
                lines.append(f"{name} is pulled by prior and data to different values: check both")
        return tuple(lines)

    def to_table(self) -> QTable:
        """Return the rows as a table with the columns name, prior, unit, the figures, and diagnosis."""
        table = QTable()
        table["name"] = np.array(list(self.rows), dtype=str)
        for column in ("prior", "unit", *COLUMNS, "diagnosis"):
            table[column] = [row[column] for row in self.rows.values()]
        for column in COLUMNS:
            table[column].info.format = ".3g"
        return table

    def __str__(self) -> str:
        """Show the warnings, then the table."""
        head = ("parameter", "prior sd", "posterior sd", "contraction", "sensitivity prior/data", "diagnosis", "prior")
        lines = [head, *(_line(name, row) for name, row in self.rows.items())]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        verdict = [f"- {line}" for line in self.warnings] or ["priors: the data decide every parameter"]
        return "\n".join([*verdict, *(line.rstrip() for line in shown)])


def _line(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    def show(value: float, text: str) -> str:
        return format(value, text) if math.isfinite(value) else "-"

    both = "/".join(show(row[key], ".2f") for key in ("prior_sensitivity", "likelihood_sensitivity"))
    spreads = (show(row["prior_sd"], ".3g"), f"{row['posterior_sd']:.3g}", show(row["contraction"], ".4f"))
    return (name, *spreads, both, row["diagnosis"], row["prior"])


def prior_report(
    posterior: CompiledPosterior,
    tree: xr.DataTree,
    *,
    draws: int | None = DRAWS,
    random_seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PriorReport:
    """Compare a posterior with its priors.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions.
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    draws : int, optional
        About how many draws of the posterior to reweight, at even distances; None for all.
    random_seed : int
        Seed of the draws from the priors.
    progress : callable, optional
        Called with (done, all).

    Raises
    ------
    BayesmapInputError
        BM-CK-004 for a number below one.
    """
    theta = theta_of(tree, posterior.variables)
    index = thin(theta, draws)
    theta, kept = theta[:, index], tree["posterior"].to_dataset()[list(free_names(tree))].isel(draw=index)
    logs = _log_densities(posterior, theta, progress)
    prior = _prior_draws(posterior, random_seed)
    texts = _prior_texts(posterior)
    scaled = {name: _sensitivity(kept, values) for name, values in logs.items()}
    chance = [_chance(kept, values, random_seed) for values in logs.values()]
    rows = {}
    for name in free_names(tree):
        spreads = float(prior[name].std(ddof=1)), float(tree["posterior"][name].std(ddof=1))
        contraction = 1.0 - (spreads[1] / spreads[0]) ** 2 if spreads[0] > 0 else math.nan
        sensitivities = scaled["log_prior"][name], scaled["log_likelihood"][name]
        figures = dict(zip(COLUMNS, (*spreads, contraction, *sensitivities), strict=True))
        words = {"prior": texts[name], "unit": str(tree["posterior"][name].attrs["unit"])}
        rows[name] = words | figures | {"diagnosis": diagnosis(contraction, *sensitivities, *chance)}
    return PriorReport(rows, prior, theta.shape[0] * theta.shape[1])


def diagnosis(
    contraction: float, prior: float, likelihood: float, prior_chance: float = 0.0, likelihood_chance: float = 0.0
) -> str:
    """Return what contraction and sensitivities say of a parameter.

    Parameters
    ----------
    contraction : float
        NaN where the prior has no integral.
    prior, likelihood : float
        Sensitivities.
    prior_chance, likelihood_chance : float
        What chance alone gives of each.

    Examples
    --------
    >>> diagnosis(0.99, 0.01, 0.2), diagnosis(0.5, 0.2, 0.01), diagnosis(0.9, 0.2, 0.3)
    ('-', 'prior-dominated', 'prior-data conflict')
    """
    follows_prior = prior >= max(SENSITIVE, prior_chance)
    follows_data = likelihood >= max(SENSITIVE, likelihood_chance)
    if contraction < RETURNED or (follows_prior and not follows_data):
        return DOMINATED
    return CONFLICT if follows_prior else FINE


def _log_densities(
    posterior: CompiledPosterior, theta: np.ndarray, progress: Callable[[int, int], None] | None
) -> dict[str, np.ndarray]:
    """Return log-prior and log-likelihood of the draws, each of shape (n_chain, n_draw)."""
    points = theta.reshape(-1, theta.shape[-1])
    found = {name: np.empty(len(points)) for name in ("log_prior", "log_likelihood")}
    for i, point in enumerate(points):
        for name, values in found.items():
            values[i] = getattr(posterior, name)(point)
        if progress is not None:
            progress(i + 1, len(points))
    return {name: values.reshape(theta.shape[:2]) for name, values in found.items()}


def _sensitivity(kept: xr.Dataset, logs: np.ndarray) -> dict[str, float]:
    """Return the power-scaling sensitivity of each parameter; zero to a density that is the same for all draws."""
    import arviz as az

    if np.ptp(logs) == 0.0:
        return dict.fromkeys(map(str, kept.data_vars), 0.0)
    scaled = xr.Dataset({"total": (("chain", "draw"), logs)}, {name: kept[name] for name in ("chain", "draw")})
    found = az.psense(xr.DataTree.from_dict({"posterior": kept, "log_prior": scaled}), group="prior")
    return {str(name): float(value) for name, value in found.data_vars.items()}


def _chance(kept: xr.Dataset, logs: np.ndarray, random_seed: int) -> float:
    """Return the largest sensitivity to a density that has nothing to do with the draws: the same one, shuffled."""
    rng = np.random.default_rng(random_seed)
    shuffled = (rng.permutation(logs.ravel()).reshape(logs.shape) for _ in range(SHUFFLES))
    return max(max(_sensitivity(kept, values).values()) for values in shuffled)


def _prior_draws(posterior: CompiledPosterior, random_seed: int) -> xr.Dataset:
    variables = posterior.variables
    values = variables.coordinates.to_many_values(variables.draw(PRIOR_DRAWS, random_seed, improper=True))
    return xr.Dataset({name: ("draw", values[:, i]) for i, name in enumerate(variables.coordinates.names)})


def _prior_texts(posterior: CompiledPosterior) -> dict[str, str]:
    """Return the prior of each free parameter in words."""
    names = posterior.coordinates.names
    return {names[i]: item.text for item in posterior.variables.items for i in item.indices}
