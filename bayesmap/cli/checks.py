"""Predictive checks of a fit on the command line: of the posterior, and of the priors."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmap.cli.progress import now_and_then, progress
from bayesmap.errors import BayesmapInputError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from bayesmap.checks.check_record import PredictiveCheck
    from bayesmap.checks.prior_predictive import PriorCheck
    from bayesmap.cli.output import Outcome
    from bayesmap.fit import MapFit

PICTURE_DPI = 150
IMPROPER = "BM-CK-030"


def check_of(fit: MapFit, tree: xr.DataTree) -> PredictiveCheck:
    """Return the predictive check of a posterior, with signs of life."""
    joint = len(fit.names) > 1
    told = {
        name: now_and_then(partial(_show, f"predictive checks{f' of {name}' if joint else ''}")) for name in fit.names
    }
    return fit.check(tree, progress=lambda name, done, total: told[name](done, total))


def prior_check_of(fit: MapFit) -> PriorCheck | None:
    """Return what counts the priors allow; None where they have no integral, or no draw of them has support."""
    try:
        return fit.prior_check(progress=now_and_then(partial(_show, "data from the priors")))
    except BayesmapInputError as error:
        if error.code not in (IMPROPER, "BM-CK-006"):
            raise
        progress(f"no data from the priors: {error}")
        return None


def _show(what: str, done: int, total: int) -> str:
    return f"{what}: {done} of {total} draws"


def write_checks(folder: Path, check: PredictiveCheck | None, prior: PriorCheck | None, outcome: Outcome) -> None:
    """Write the files of the checks into a folder: ``check.json``, ``check.txt``, ``prior-check.txt``, pictures.

    Parameters
    ----------
    folder : Path
        Existing folder.
    check : PredictiveCheck, optional
        Of the posterior.
    prior : PriorCheck, optional
        Of the priors.
    outcome : Outcome
        The best fit, whose data sets name the files.
    """
    if check is not None:
        (folder / "check.json").write_text(json.dumps(check.record(), indent=1, allow_nan=False) + "\n")
        (folder / "check.txt").write_text(f"{check}\n")
    if prior is not None:
        (folder / "prior-check.txt").write_text(f"{prior}\n")
    for name, figure in _pictures(check, prior, outcome).items():
        figure.savefig(folder / name, dpi=PICTURE_DPI)


def _pictures(check: PredictiveCheck | None, prior: PriorCheck | None, outcome: Outcome) -> dict[str, Figure]:
    from bayesmap.plots.checks import check_pictures
    from bayesmap.plots.prior_check import plot_prior_check

    figures: dict[str, Any] = {}
    for dataset in outcome.datasets:
        suffix = outcome.suffix(dataset.name)
        if check is not None:
            found = check_pictures(check.datasets[dataset.name])
            figures |= {f"check-{name}{suffix}.png": figure for name, figure in found.items()}
        if prior is not None:
            figures[f"prior-check{suffix}.png"] = plot_prior_check(prior.datasets[dataset.name])
    return figures
