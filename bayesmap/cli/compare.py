"""``bayesmap compare CONFIG CONFIG ...``: which model predicts the data best, and which has the larger evidence."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmap.cli import exit_codes
from bayesmap.cli.candidates import fits_of, load_all, read_candidates
from bayesmap.cli.config import add_path_arguments
from bayesmap.cli.output import PICTURE_DPI, file_name
from bayesmap.cli.paths import check_draws, check_output, check_writable, draws_folder, output_folder, output_path
from bayesmap.cli.progress import now_and_then, progress
from bayesmap.dataset import Dataset
from bayesmap.errors import ConfigError
from bayesmap.results.draw_folder import remove_empty, remove_store, stores_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from bayesmap.fit import MapFit
    from bayesmap.results.comparison import Comparison

GROUPS = ("bin", "tile", "energy", "dataset")
EVIDENCES = ("laplace", "smc", "ultranest", "none")


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser.

    Parameters
    ----------
    commands : argparse subparsers action
        Where to add it.
    common : argparse.ArgumentParser
        Options that all commands share.
    """
    parser = commands.add_parser(
        "compare",
        parents=[common],
        help="compare models of the same data: what they predict of data they have not seen, and their evidence",
        description="Compare models of the same data by cross-validation (leave-one-out, with errors of the "
        "differences, stacking weights and Pareto k) and by their evidence. Fits that were sampled by `bayesmap fit` "
        "are not sampled again. Writes comparison.json, comparison.txt and pictures.",
    )
    parser.add_argument(
        "models",
        metavar="[NAME=]CONFIG",
        nargs="+",
        help="configuration file of `bayesmap fit`, or its output folder; the name is that of the file by default",
    )
    parser.add_argument("--by", choices=GROUPS, default="bin", help="what is left out at a time (default: bin)")
    parser.add_argument("--tile", metavar="DEG", type=float, help="side of a tile of the sky, with --by tile")
    parser.add_argument("--draws", metavar="N", type=int, help="about how many draws to use (default: all)")
    parser.add_argument(
        "--refit", metavar="N", type=int, nargs="?", const=-1, default=0,
        help="leave groups with too large a Pareto k out of a fit of their own; N: at most so many",
    )  # fmt: skip
    parser.add_argument(
        "--evidence", choices=EVIDENCES, default="laplace", help="how evidences are worked out (default: laplace)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="seed of evidences and refits (default: 1)")
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("comparison"), help="folder to write")
    add_path_arguments(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the draws that an interrupted or killed comparison left beside the output",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print the table, write the output folder; return the exit code.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed arguments.

    Returns
    -------
    int
        0; 3 if the comparison is not to be trusted.
    """
    _check_numbers(options)
    output = output_path(options.output, folder=Path.cwd(), allowed=options.allow_path)
    check_output(output, overwrite=options.overwrite)
    check_writable(output)
    kept = draws_folder(output)
    check_draws(kept, resume=options.resume, overwrite=options.overwrite)
    candidates = read_candidates(options.models, options.allow_path)
    for item in candidates:
        check_draws(kept / file_name(item.name), resume=options.resume, overwrite=options.overwrite)
    inputs = load_all(candidates)
    _check_evidence(options.evidence)
    progress(f"{', '.join(inputs)}: data and models are fine")
    start = time.perf_counter()
    with _told(kept):
        fits = fits_of(candidates, inputs, kept, resume=options.resume, overwrite=options.overwrite)
        found = _compared(fits, options)
    print(found, flush=True)
    progress("writing files and pictures")
    with output_folder(output, overwrite=options.overwrite) as folder:
        write_comparison(folder, found, {name: fit for name, (fit, _) in fits.items()})
    print(f"results: {output}")
    _tidy(kept, fits)
    progress(f"finished after {time.perf_counter() - start:.1f} s")
    return exit_codes.FINE if found.success else exit_codes.NOT_TRUSTED


def _tidy(kept: Path, models: Iterable[str]) -> None:
    """Delete the draws of the models that were compared; those that another comparison left are not its own."""
    for name in models:
        remove_store(kept / file_name(name))
    remove_empty(kept)
    if others := stores_in(kept):
        progress(f"draws that are not of this comparison are kept in {kept}: {', '.join(item.name for item in others)}")


@contextmanager
def _told(kept: Path) -> Iterator[None]:
    """Say after an interrupt where draws are."""
    try:
        yield
    except KeyboardInterrupt:
        if stores_in(kept):
            progress(f"draws are kept in {kept}, the same command with --resume continues")
        raise


def _check_numbers(options: argparse.Namespace) -> None:
    wrong = [f"--{key} {value}" for key in ("draws", "tile") if (value := getattr(options, key)) is not None and
             not value > 0]  # fmt: skip
    wrong += [f"--refit {options.refit}"] if options.refit < -1 else []
    wrong += [f"--seed {options.seed}"] if options.seed < 0 else []
    if wrong or (options.tile is not None and options.by != "tile"):
        raise ConfigError(
            "BM-CF-058",
            what=f"{', '.join(wrong)} was given" if wrong else f"--tile was given with --by {options.by}",
            rule="Numbers of draws, refits and degrees are above zero, seeds zero or more; --tile goes with --by tile",
            remedy="Correct it",
        )


def _check_evidence(method: str) -> None:
    """Refuse a method whose package is missing, before anything is sampled."""
    from bayesmap.fit.evidence import check_method

    if method != "none":
        check_method(method)


def _compared(fits: dict[str, Any], options: argparse.Namespace) -> Comparison:
    from bayesmap.fit.compare import compare

    reports: dict[str, Callable[..., None]] = {
        name: now_and_then(lambda done, total, name=name: f"{name}: cross-validation {done} of {total}")
        for name in fits
    }
    return compare(
        fits,
        by=options.by,
        tile=options.tile,
        draws=options.draws,
        refit=True if options.refit == -1 else options.refit,
        evidence=None if options.evidence == "none" else options.evidence,
        random_seed=options.seed,
        progress=lambda name, done, total: reports[name](done, total),
    )


def write_comparison(folder: Path, found: Comparison, fits: dict[str, MapFit]) -> None:
    """Write a comparison into a folder.

    Parameters
    ----------
    folder : Path
        Existing folder.
    found : Comparison
        What to write.
    fits : dict
        Fit of each model.
    """
    (folder / "comparison.json").write_text(json.dumps(found.record(), indent=1, allow_nan=False) + "\n")
    (folder / "comparison.txt").write_text(f"{found}\n")
    for name, figure in pictures(found, fits).items():
        figure.savefig(folder / name, dpi=PICTURE_DPI)


def pictures(found: Comparison, fits: dict[str, MapFit]) -> dict[str, Figure]:
    """Return the pictures of a comparison, file name -> figure.

    ``comparison.png``; for each model and data set ``elpd-MODEL.png`` and ``pareto-k-MODEL.png``, and for each model
    but the best where the best predicts better than it, ``difference-MODEL.png``.
    """
    from bayesmap.plots.comparison import plot_comparison
    from bayesmap.plots.loo import plot_difference_map, plot_elpd_map, plot_pareto_k

    figures = {"comparison.png": plot_comparison(found)}
    for name, fit in fits.items():
        for dataset, suffix in _suffixes(fit.datasets):
            end, models = f"{file_name(name)}{suffix}.png", fit.model
            figures[f"elpd-{end}"] = plot_elpd_map(found.loos[name], dataset, models=models)
            figures[f"pareto-k-{end}"] = plot_pareto_k(found.loos[name], dataset, models=models)
            if name != found.best:
                figures[f"difference-{end}"] = plot_difference_map(found, found.best, name, dataset, models=models)
    return figures


def _suffixes(datasets: Sequence[Dataset]) -> list[tuple[Dataset, str]]:
    """Return each data set with what its files have before their ending: nothing where there is only one."""
    return [(item, f"-{file_name(item.name)}" if len(datasets) > 1 else "") for item in datasets]
