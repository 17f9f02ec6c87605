"""Files that a fit leaves: numbers as JSON and text, models as YAML, prediction as FITS, pictures as PNG."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.dataset import MapDataset
from bayesmap.io.yaml import write_models
from bayesmap.maps.map import WcsNDMap
from bayesmap.results.fit import CovarianceResult, FitResult
from bayesmap.results.provenance import data_hash, versions

PICTURE_DPI = 150


def result_record(best: FitResult, covariance: CovarianceResult, dataset: MapDataset) -> dict[str, Any]:
    """Return what `result.json` holds: only JSON types, None where a number is not known.

    Parameters
    ----------
    best : FitResult
        Result of the fit.
    covariance : CovarianceResult
        Its covariance.
    dataset : MapDataset
        What was fitted.
    """
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
        "dataset": {"name": dataset.name, "sha256": data_hash(dataset), "notes": list(dataset.notes)},
        "versions": versions(),
    }


def number(value: float) -> float | None:
    """Return a finite number as it is and anything else as None: JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None


def covariance_table(names: Iterable[str], matrix: np.ndarray) -> str:
    """Return the covariance matrix as tab-separated text with a head line and the name before each row."""
    names = list(names)
    rows = ["\t".join(["name", *names])]
    for name, row in zip(names, np.asarray(matrix), strict=True):
        rows.append("\t".join([name, *(f"{value:.12e}" for value in row)]))
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Outcome:
    """All that a fit leaves.

    Parameters
    ----------
    dataset : MapDataset
        What was fitted.
    best : FitResult
        Best fit, with errors.
    covariance : CovarianceResult
        Its covariance.
    npred : WcsNDMap
        Predicted counts at the best fit.
    components : mapping of str to WcsNDMap
        Predicted counts of each model.
    """

    dataset: MapDataset
    best: FitResult
    covariance: CovarianceResult
    npred: WcsNDMap
    components: Mapping[str, WcsNDMap]


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write all files of a fit into a folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    outcome : Outcome
        What to write.
    """
    covariance = outcome.covariance
    record = result_record(outcome.best, covariance, outcome.dataset)
    (folder / "result.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    (folder / "covariance.tsv").write_text(covariance_table(covariance.names, covariance.matrix))
    write_models(outcome.best.model, folder / "models.yaml")
    outcome.npred.write(folder / "npred.fits.gz")
    write_pictures(folder, outcome)


def write_pictures(folder: Path, outcome: Outcome) -> None:
    """Write ``maps.png`` (counts, prediction, residuals) and ``spectrum.png`` into a folder."""
    from bayesmap.plots.counts import plot_counts
    from bayesmap.plots.spectrum import plot_spectrum

    counts, npred, mask = outcome.dataset.counts, outcome.npred, outcome.dataset.mask_data
    maps = plot_counts(counts, npred, mask=mask, models=outcome.best.model)
    maps.savefig(folder / "maps.png", dpi=PICTURE_DPI)
    spectrum = plot_spectrum(counts, npred, components=outcome.components, mask=mask)
    spectrum.savefig(folder / "spectrum.png", dpi=PICTURE_DPI)
