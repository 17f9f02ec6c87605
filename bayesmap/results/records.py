"""Best fit and posterior as JSON types: what `result.json` and `summary.json` hold, and reports are written from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmap.dataset import Dataset
from bayesmap.results.fit import CovarianceResult, FitResult
from bayesmap.results.provenance import data_hash, versions

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.results.summary import Summary


def result_record(best: FitResult, covariance: CovarianceResult, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return what `result.json` holds: only JSON types, None where a number is not known.

    Parameters
    ----------
    best : FitResult
        Result of the fit.
    covariance : CovarianceResult
        Its covariance.
    datasets : sequence of MapDataset and SpectrumDatasetOnOff
        What was fitted. One is the record ``dataset``, several are the list ``datasets``.
    """
    identities = [{"name": item.name, "sha256": data_hash(item), "notes": list(item.notes)} for item in datasets]
    parameters = {
        name: {
            "value": number(parameter.value),
            "error": number(parameter.error),
            "unit": parameter.unit,
            "min": number(parameter.min),
            "max": number(parameter.max),
            "frozen": parameter.frozen,
            "link": parameter.link,
        }
        for name, parameter in best.model.parameters.items()
    }
    return {
        "success": bool(best.success),
        "message": str(best.message),
        "reasons": list(best.reasons),
        "at_bound": list(best.at_bound),
        "notes": list(best.notes),
        "total_stat": number(best.total_stat),
        "nfev": int(best.nfev),
        "parameters": parameters,
        "covariance": {
            "names": list(covariance.names),
            "matrix": [[number(value) for value in row] for row in np.asarray(covariance.matrix)],
            "success": bool(covariance.success),
        },
        **({"dataset": identities[0]} if len(datasets) == 1 else {"datasets": identities}),
        "versions": versions(),
    }


def number(value: float) -> float | None:
    """Return a finite number as it is and anything else as None: JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None


def posterior_record(
    tree: xr.DataTree, summary: Summary, prior_rows: Mapping[str, Any], p_values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what `summary.json` holds: verdict, rows, priors and provenance, None where a number is not known.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    summary : Summary
        Of it.
    prior_rows : mapping
        `PriorReport.rows`; empty where it was not made.
    p_values : mapping
        Of the predictive maps.
    """
    verdict = summary.verdict
    record = {
        "verdict": {
            "ok": verdict.ok,
            "status": verdict.status,
            "reasons": list(verdict.reasons),
            "measures": dict(verdict.measures),
            "notes": list(verdict.notes),
        },
        "interval_mass": summary.mass,
        "parameters": summary.rows,
        "priors": json.loads(tree.attrs["priors"]),
        "prior_report": prior_rows,
        "predictive_p_values": p_values,
        "provenance": {name: json.loads(tree.attrs[name]) for name in ("versions", "sampler", "dataset", "options")},
    }
    known: dict[str, Any] = _finite(record)
    return known


def _finite(value: Any) -> Any:
    """Return the same structure with None for numbers that are not finite: JSON knows no NaN."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
