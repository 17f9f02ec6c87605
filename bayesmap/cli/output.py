"""Files that a fit leaves: numbers as JSON and text, models as YAML, prediction as FITS, pictures as PNG."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from bayesmap.cli.regions import best_regions
from bayesmap.dataset import Dataset, MapDataset, SpectrumDatasetOnOff
from bayesmap.io.yaml import write_models
from bayesmap.models.overdispersion import OverdispersionModel
from bayesmap.results.fit import CovarianceResult, FitResult
from bayesmap.results.records import result_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayesmap.results.regions import Region

PICTURE_DPI = 150


def covariance_table(names: Iterable[str], matrix: np.ndarray) -> str:
    """Return the covariance matrix as tab-separated text with a head line and the name before each row."""
    names = list(names)
    rows = ["\t".join(["name", *names])]
    for name, row in zip(names, np.asarray(matrix), strict=True):
        rows.append("\t".join([name, *(f"{value:.12e}" for value in row)]))
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Prediction:
    """One data set beside its predicted counts at the best fit.

    Parameters
    ----------
    dataset : MapDataset or SpectrumDatasetOnOff
        What was fitted.
    npred : WcsNDMap or ndarray
        Predicted counts; of a spectrum, signal counts.
    components : mapping of str to WcsNDMap or ndarray
        Those of each model.
    """

    dataset: Dataset
    npred: Any
    components: Mapping[str, Any]

    @property
    def totals(self) -> tuple[float, float]:
        """Observed and predicted counts inside the mask; of a spectrum, On counts with their background."""
        from bayesmap.checks.on_off import expected_background

        used, data = self.dataset.mask_data, self.dataset
        if isinstance(data, MapDataset):
            return float(data.counts.data[used].sum()), float(self.npred.data[used].sum())
        return float(data.counts[used].sum()), float((self.npred + expected_background(data))[used].sum())


@dataclass(frozen=True)
class Outcome:
    """All that a fit leaves.

    Parameters
    ----------
    predictions : tuple of Prediction
        One for each data set.
    best : FitResult
        Best fit, with errors.
    covariance : CovarianceResult
        Its covariance.
    """

    predictions: tuple[Prediction, ...]
    best: FitResult
    covariance: CovarianceResult

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """What was fitted."""
        return tuple(item.dataset for item in self.predictions)

    @property
    def joint(self) -> bool:
        """True if there are several data sets."""
        return len(self.predictions) > 1

    @cached_property
    def regions(self) -> list[Region]:
        """Error ellipses and extensions of the sources."""
        return best_regions(self.covariance, self.best.model)

    @property
    def is_cash(self) -> bool:
        """True if the statistic is Cash's: all counts are Poisson numbers of maps, without weights."""
        plain = all(isinstance(item, MapDataset) and item.weights is None for item in self.datasets)
        return plain and not any(isinstance(model, OverdispersionModel) for model in self.best.model)

    def suffix(self, name: str) -> str:
        """Return what the files of a data set have before their ending: nothing where there is only one."""
        return f"-{file_name(name)}" if self.joint else ""


def file_name(name: str) -> str:
    """Return a name as part of a file name: two names never get the same one."""
    return quote(name, safe=" +")


def write_outcome(folder: Path, outcome: Outcome, configuration: str = "") -> None:
    """Write all files of a fit into a folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    outcome : Outcome
        What to write.
    configuration : str
        Path of the configuration file as seen from the folder, for the record.
    """
    from bayesmap.results.ds9 import write_regions

    covariance = outcome.covariance
    record = result_record(outcome.best, covariance, outcome.datasets) | {"configuration": configuration}
    (folder / "result.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
    (folder / "covariance.tsv").write_text(covariance_table(covariance.names, covariance.matrix))
    usable = covariance.success and bool(np.isfinite(covariance.matrix).any())
    write_models(outcome.best.model, folder / "models.yaml", covariance=covariance if usable else None)
    for item in outcome.predictions:
        suffix = outcome.suffix(item.dataset.name)
        if isinstance(item.dataset, MapDataset):
            item.npred.write(folder / f"npred{suffix}.fits.gz")
        else:
            (folder / f"npred{suffix}.tsv").write_text(spectrum_table(item.dataset, item.npred))
    if regions := outcome.regions:
        write_regions(folder / "positions.reg", regions)
    for name, figure in pictures(outcome).items():
        figure.savefig(folder / name, dpi=PICTURE_DPI)


def spectrum_table(dataset: SpectrumDatasetOnOff, npred: np.ndarray) -> str:
    """Return counts and prediction of a spectrum as tab-separated text, one line for each energy bin."""
    from bayesmap.checks.on_off import expected_background

    edges = dataset.axis.edges
    columns = {
        "energy_min_TeV": edges[:-1],
        "energy_max_TeV": edges[1:],
        "used": dataset.mask_data,
        "counts": dataset.counts,
        "counts_off": dataset.counts_off,
        "alpha": dataset.alpha,
        "npred_signal": npred,
        "background": expected_background(dataset),
    }
    rows = ["\t".join(f"{value:.12g}" for value in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(["\t".join(columns), *rows]) + "\n"


def pictures(outcome: Outcome) -> dict[str, Figure]:
    """Return the pictures of a best fit, file name -> figure.

    Of a map ``maps.png`` (counts, prediction, residuals), ``residuals.png`` (with regions and histogram) and
    ``spectrum.png``, of a spectrum the latter; with the name of the data set where there are several. And
    ``correlation.png``, where there is a covariance of several parameters.
    """
    from bayesmap.plots.correlation import plot_correlation, shown_names
    from bayesmap.plots.counts import plot_counts
    from bayesmap.plots.residuals import plot_residuals
    from bayesmap.plots.spectrum import plot_on_off, plot_spectrum

    figures = {}
    if outcome.covariance.success and len(shown_names(outcome.covariance)) > 1:
        figures["correlation.png"] = plot_correlation(outcome.covariance, title="Correlations at the best fit")
    for item in outcome.predictions:
        data, suffix = item.dataset, outcome.suffix(item.dataset.name)
        if isinstance(data, MapDataset):
            mask, models = data.mask_data, outcome.best.model
            figures[f"maps{suffix}.png"] = plot_counts(data.counts, item.npred, mask=mask, models=models)
            figures[f"residuals{suffix}.png"] = plot_residuals(
                data.counts, item.npred, mask=mask, regions=outcome.regions
            )
            spectrum = plot_spectrum(data.counts, item.npred, components=item.components, mask=mask)
        else:
            spectrum = plot_on_off(data, item.npred, components=item.components)
        figures[f"spectrum{suffix}.png"] = spectrum
    return figures
