"""One case: made from seed and number alone, read by the package, judged."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapError, ProblemList
from fuzzing import arrays, documents, mutate_fits, mutate_text, posteriors
from fuzzing.memory import peak_since, start_peak
from fuzzing.numbers import differences, numbers_of, unusable
from fuzzing.targets import FITS_TARGETS, Target, compared, place

SLOWEST = 5.0
"""Seconds of processor time that a case may take."""
LARGEST = 150 << 20
"""Bytes by which a case may raise the memory in use."""
CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
PLAN = (
    *(["fits-bits"] * 16), *(["fits-cut"] * 14), *(["fits-card"] * 10), *(["fits-header"] * 12), *(["fits-data"] * 6),
    *(["fits-structure"] * 5), *(["yaml"] * 14), *(["xml"] * 5), *(["table"] * 3), *(["json"] * 6),
    *(["posterior"] * 4), *(["arrays"] * 5),
)  # fmt: skip
"""Kinds of cases out of a hundred."""
ORDER = tuple(str(kind) for kind in np.random.default_rng(0).permutation(PLAN))


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Parameters
    ----------
    number : int
        Of the case.
    kind, what : str
        What was damaged, and how.
    outcome : str
        ``refused``, ``accepted`` (numbers as before), ``changed`` (others, and the file says so) or ``finding``.
    codes : list of str
        With which it was refused.
    why : str
        Of a finding.
    seconds : float
        Of processor time.
    megabytes : float
        By which memory rose.
    """

    number: int
    kind: str
    what: str
    outcome: str
    codes: list[str]
    why: str
    seconds: float
    megabytes: float

    def line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Trial:
    """A damaged input that waits to be read.

    Parameters
    ----------
    what : str
        The damage.
    read : callable
        Reads it; returns what was made of it.
    judge : callable
        (what was read) -> (outcome, why).
    """

    what: str
    read: Callable[[], Any]
    judge: Callable[[Any], tuple[str, str]]


def run_case(seed: int, number: int, corpus: Path, *, keep: Path | None = None) -> Outcome:
    """Make a case, read it and judge what came of it.

    Parameters
    ----------
    seed, number : int
        Which one: the same two give the same case.
    corpus : Path
        Folder of good inputs.
    keep : Path, optional
        Folder in which the damaged input is left.
    """
    kind = ORDER[number % len(ORDER)]
    turn = number // len(ORDER) * PLAN.count(kind) + ORDER[: number % len(ORDER)].count(kind)
    rng = np.random.default_rng([seed, number])
    folder = Path(tempfile.mkdtemp(prefix="case-")) if keep is None else keep
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = MAKERS[kind](rng, turn, corpus, folder)
        return _judged(number, kind, trial)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _judged(number: int, kind: str, trial: Trial) -> Outcome:
    start, before = time.process_time(), start_peak()
    codes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning that nobody sees is as good as none
            found = trial.read()
        spent, more = time.process_time() - start, peak_since(before)
        outcome, why = trial.judge(found)
    except BayesmapError as error:
        spent, more = time.process_time() - start, peak_since(before)
        codes = sorted({item.code for item in _flat(error)})
        outcome, why = ("finding", bad) if (bad := _bad_letter(error)) else ("refused", "")
    except Exception:
        spent, more = time.process_time() - start, peak_since(before)
        outcome, why = "finding", f"no error of the package: {traceback.format_exc(limit=-4)}"
    if outcome != "finding" and spent > SLOWEST:
        outcome, why = "finding", f"{spent:.1f} s"
    if outcome != "finding" and more > LARGEST:
        outcome, why = "finding", f"memory rose by {more / 2**20:.0f} MiB"
    return Outcome(number, kind, trial.what, outcome, codes, why, round(spent, 3), round(more / 2**20, 1))


def _flat(error: BayesmapError) -> list[BayesmapError]:
    return list(error.problems) if isinstance(error, ProblemList) else [error]


def _bad_letter(error: BayesmapError) -> str:
    """Return what is wrong with the text of an error."""
    for item in _flat(error):
        if not (item.code.startswith("BM-") and item.what and item.rule and item.remedy):
            return f"an incomplete error: {item}"
        text = f"{item.what}{item.rule}{item.remedy}"
        if any(unicodedata.category(character) in CONTROL for character in text):
            return f"the message holds control characters: {text!r}"
        if len(text) > 3000:
            return f"the message has {len(text)} characters: {text[:200]}"
    return ""


def _fits_trial(target: Target, content: bytes, what: str, corpus: Path, folder: Path, *, summed: bool) -> Trial:
    path = place(target, corpus, folder, content)

    def judge(found: Any) -> tuple[str, str]:
        if broken := unusable(found):
            return "finding", f"accepted with {', '.join(broken)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            good = place(target, corpus, Path(tempfile.mkdtemp(dir=folder)), (corpus / target.file).read_bytes())
            changed = differences(numbers_of(found), numbers_of(target.read(good)))
            if not changed:
                return "accepted", ""
            if summed:
                return "finding", f"a file with checksums gave other numbers: {changed}"
            if target.says is None:
                return "changed", ""
            try:
                mine, said = compared(target, found, target.says(path))
            except Exception as error:
                return (
                    "finding",
                    f"accepted with other numbers ({changed}), read plainly: {type(error).__name__} {error}",
                )
        wrong = differences(mine, said)
        return ("finding", f"accepted, not what the file says: {wrong}") if wrong else ("changed", "")

    return Trial(f"{target.file}: {what}", lambda: target.read(path), judge)


def _target(turn: int) -> Target:
    return FITS_TARGETS[turn % len(FITS_TARGETS)]


def _bits(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
    target = _target(turn)
    damage = (mutate_fits.flip_bits, mutate_fits.flip_bits, mutate_fits.overwrite, mutate_fits.resize)[
        turn // len(FITS_TARGETS) % 4
    ]
    content = (corpus / target.file).read_bytes()
    made, what = damage(content, rng) if rng.random() < 0.5 else mutate_fits.repacked(content, damage, rng)
    return _fits_trial(target, made, what, corpus, folder, summed="-sum" in target.file)


def _cut(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
    target = _target(turn)
    made, what = mutate_fits.cut((corpus / target.file).read_bytes(), turn // len(FITS_TARGETS) % 100)
    return _fits_trial(target, made, what, corpus, folder, summed=True)


def _changed_by(damage: Callable[..., tuple[bytes, str]], *, rewritten: bool) -> Callable[..., Trial]:
    def make(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
        target = _target(turn)
        content = (corpus / target.file).read_bytes()
        packed = content.startswith(b"\x1f\x8b") and not rewritten
        made, what = damage(gzip.decompress(content) if packed else content, rng)
        made = gzip.compress(made, 1, mtime=0) if packed else made
        summed = "-sum" in target.file and not rewritten
        return _fits_trial(target, made, what, corpus, folder, summed=summed)

    return make


TEXTS: dict[str, tuple[tuple[str, Callable[[Path], list[str]]], ...]] = {
    "yaml": (
        ("models.yaml", documents.models_yaml), ("config.yaml", documents.config_yaml),
        ("models.yaml", documents.models_yaml), ("config-joint.yaml", documents.config_yaml),
        ("datasets.yaml", documents.datasets_yaml),
    ),
    "xml": (("models.xml", documents.models_xml),),
    "table": (("with_covariance.dat", documents.covariance_table), ("isotropic.txt", documents.spectrum_table)),
}  # fmt: skip
BESIDE = (
    "dataset.fits", "spectrum.fits", "template.fits", "counts.fits", "exposure.fits", "models.yaml", "isotropic.txt",
    "models-joint.yaml", "with.yaml", "pha.fits", "bkg.fits", "arf.fits", "rmf.fits",
)  # fmt: skip


def _text(kind: str) -> Callable[..., Trial]:
    def make(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
        name, read = TEXTS[kind][turn % len(TEXTS[kind])]
        text = (corpus / name).read_text(encoding="utf-8")
        scalars = mutate_text.XML_SCALARS if kind == "xml" else mutate_text.SCALARS
        if rng.random() < 0.1:
            data, what = mutate_text.mutate_bytes(text, rng)
        else:
            deep = {"yaml": mutate_text.mutate_yaml, "xml": mutate_text.mutate_xml}.get(kind)
            if deep is not None and rng.random() < 0.6:
                changed, what = deep(text, rng)
            else:
                changed, what = mutate_text.mutate(text, rng, scalars)
            data = changed.encode("utf-8", "surrogatepass")
        for other in BESIDE:
            with contextlib.suppress(FileExistsError):
                (folder / other).hardlink_to(corpus / other)
        (folder / name).unlink(missing_ok=True)
        path = folder / name
        path.write_bytes(data)
        same = data == text.encode()
        return Trial(f"{name}: {what}", lambda: read(path), lambda lost: _of_lost(lost, same=same))

    return make


def _of_lost(lost: list[str], *, same: bool) -> tuple[str, str]:
    if lost:
        return "finding", f"accepted, not what the file says: {lost[:5]}"
    return ("accepted" if same else "changed"), ""


def _json(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
    names = ("result", "summary", "check", "analysis", "comparison", "calibration")
    name = names[turn % len(names)]
    shutil.copytree(corpus / "fit", folder / "fit")
    path = folder / "fit" / f"{name}.json"
    if rng.random() < 0.2:
        data, what = mutate_text.mutate_bytes(path.read_text(), rng)
        path.write_bytes(data)
    else:
        text, what = mutate_text.mutate_json(json.loads(path.read_text()), rng)
        path.write_text(text)
    read = documents.report
    return Trial(f"{name}.json: {what}", lambda: read(path), lambda lost: _of_lost(lost, same=False))


def _posterior(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
    path, what, summed = posteriors.damaged(corpus / "posterior.nc", folder / "posterior.nc", rng, turn)
    return Trial(
        f"posterior.nc: {what}", lambda: posteriors.read(path),
        lambda tree: posteriors.judge(tree, path, corpus / "posterior.nc", summed=summed),
    )  # fmt: skip


def _arrays(rng: np.random.Generator, turn: int, corpus: Path, folder: Path) -> Trial:
    arrays.warm()
    name, draw = arrays.STRATEGIES[turn % len(arrays.STRATEGIES)]
    seed = int(rng.integers(2**32))
    return Trial(
        f"{name} drawn with seed {seed}", lambda: arrays.drawn(draw, seed), lambda lost: _of_lost(lost, same=False)
    )


MAKERS: dict[str, Callable[..., Trial]] = {
    "fits-bits": _bits,
    "fits-cut": _cut,
    "fits-card": _changed_by(mutate_fits.edit_card, rewritten=False),
    "fits-header": _changed_by(mutate_fits.edit_header, rewritten=True),
    "fits-data": _changed_by(mutate_fits.edit_data, rewritten=True),
    "fits-structure": _changed_by(mutate_fits.edit_structure, rewritten=True),
    "yaml": _text("yaml"),
    "xml": _text("xml"),
    "table": _text("table"),
    "json": _json,
    "posterior": _posterior,
    "arrays": _arrays,
}
