"""Table of a posterior: verdict first, then each parameter with its unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.results.intervals import mass_in_one_dimension
from bayesmap.results.posterior import free_names, verdict_of
from bayesmap.results.verdict import Verdict

COLUMNS = ("unit", "mean", "sd", "median", "lower", "upper", "mcse_mean", "ess_bulk", "ess_tail", "r_hat")


@dataclass(frozen=True)
class Summary:
    """Summary of a posterior.

    Parameters
    ----------
    verdict : Verdict
        Whether it may be trusted.
    rows : dict
        Qualified name -> column of `COLUMNS` -> value; lower and upper are the equal-tailed interval of `mass`.
    mass : float
        Probability inside the interval.
    """

    verdict: Verdict
    rows: dict[str, dict[str, Any]]
    mass: float

    def __str__(self) -> str:
        """Show the verdict, then the table."""
        head = ("parameter", "unit", "mean", "sd", "median", f"{self.mass:.1%} interval", "ESS bulk/tail", "R-hat")
        lines = [_line(name, row) for name, row in self.rows.items()]
        widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
        shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in
                 [head, *lines]]  # fmt: skip
        return "\n".join([str(self.verdict), *(line.rstrip() for line in shown)])


def summarise(tree: xr.DataTree, *, sigma: float = 1.0) -> Summary:
    """Return the summary of a posterior.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior, as `MapFit.sample` returns it.
    sigma : float
        Probability of the interval as a number of standard deviations.
    """
    import arviz as az

    names = list(free_names(tree))
    draws = tree["posterior"].to_dataset()[names]
    tails = 0.5 * (1.0 + np.array([-1.0, 1.0]) * mass_in_one_dimension(sigma))
    quantiles = draws.quantile([tails[0], 0.5, tails[1]], dim=("chain", "draw"))
    measured = {
        "mean": draws.mean(("chain", "draw")),
        "sd": draws.std(("chain", "draw"), ddof=1),
        "median": quantiles.isel(quantile=1),
        "lower": quantiles.isel(quantile=0),
        "upper": quantiles.isel(quantile=2),
        "mcse_mean": az.mcse(draws, method="mean"),
        "ess_bulk": az.ess(draws, method="bulk"),
        "ess_tail": az.ess(draws, method="tail"),
        "r_hat": az.rhat(draws) if draws.sizes["chain"] > 1 else draws.mean(("chain", "draw")) * math.nan,
    }
    rows = {
        name: {"unit": str(draws[name].attrs["unit"])} | {key: float(found[name]) for key, found in measured.items()}
        for name in names
    }
    return Summary(verdict_of(tree), rows, mass_in_one_dimension(sigma))


def _line(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """Return one row as text, numbers to two digits of the standard deviation."""
    digits = 1 - math.floor(math.log10(row["sd"])) if 0 < row["sd"] < math.inf else 3
    exponent = math.isfinite(row["mean"]) and row["mean"] != 0 and not 1e-3 <= abs(row["mean"]) < 1e5

    def show(value: float) -> str:
        if exponent:
            size = max(abs(row["mean"]), abs(row["sd"]))
            return f"{value:.{max(digits + math.floor(math.log10(size)), 1)}e}"
        return f"{value:.{max(digits, 0)}f}"

    interval = f"[{show(row['lower'])}, {show(row['upper'])}]"
    sizes = f"{row['ess_bulk']:.0f}/{row['ess_tail']:.0f}"
    return (name, row["unit"], show(row["mean"]), f"{row['sd']:.2g}", show(row["median"]), interval, sizes,
            f"{row['r_hat']:.4f}")  # fmt: skip
