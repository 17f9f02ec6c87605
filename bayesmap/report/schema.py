"""What the records of a report hold: files of a folder are those of a stranger until they were compared with this."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bayesmap.errors import BayesmapInputError

Check = Callable[[Any, str], str]
"""(value, place) -> what is wrong with it, or nothing."""
LONGEST = 40
"""Digits of a whole number."""
SHOWN = 60


def parse(text: str) -> Any:
    """Return what JSON holds.

    Raises
    ------
    ValueError
        If it is no JSON, or holds a number that is not finite or has too many digits.
    RecursionError
        If it is nested too deeply.
    """
    return json.loads(text, parse_constant=_no_number, parse_int=_whole, parse_float=_finite)


def check(name: str, record: Any, path: Path) -> None:
    """Refuse a record that is not what the command wrote.

    Parameters
    ----------
    name : str
        ``result``, ``summary``, ``check``, ``analysis``, ``comparison`` or ``calibration``.
    record : object
        What the file holds.
    path : Path
        The file.

    Raises
    ------
    BayesmapInputError
        BM-RP-005.
    """
    if wrong := RECORDS[name](record, ""):
        raise BayesmapInputError(
            "BM-RP-005",
            what=f"{path} is not a {name} record of bayesmap: {wrong}",
            rule="Each file is what the command of that name wrote",
            remedy="Name the right file, or make it again",
        )


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _whole(text: str) -> int:
    if len(text) > LONGEST:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"the number {text[:LONGEST]} is too large")
    return number


def _is(kind: Any, words: str, *, none: bool = False) -> Check:
    def look(value: Any, place: str) -> str:
        flag = isinstance(value, bool) and kind is not bool
        return "" if (isinstance(value, kind) and not flag) or (none and value is None) else _wrong(value, place, words)

    return look


def _wrong(value: Any, place: str, words: str) -> str:
    return f"{place.lstrip('.') or 'its top'} is {str(value)[:SHOWN]!r}, not {words}"


def _list(item: Check, size: int | None = None) -> Check:
    def look(value: Any, place: str) -> str:
        if not isinstance(value, list) or (size is not None and len(value) != size):
            return _wrong(value, place, "a list" if size is None else f"a list of {size}")
        return next(filter(None, (item(one, f"{place}[{n}]") for n, one in enumerate(value))), "")

    return look


def _table(item: Check) -> Check:
    def look(value: Any, place: str) -> str:
        if not isinstance(value, Mapping):
            return _wrong(value, place, "a mapping")
        return next(filter(None, (item(one, f"{place}.{key[:SHOWN]}") for key, one in value.items())), "")

    return look


def _record(**fields: Check) -> Check:
    """Check named fields; those that may be missing are called ``maybe_...``."""

    def look(value: Any, place: str) -> str:
        if not isinstance(value, Mapping):
            return _wrong(value, place, "a mapping")
        for label, item in fields.items():
            key = label.removeprefix("maybe_")
            if key not in value and key == label:
                return f"{place.lstrip('.') or 'its top'} has no {key!r}"
            if key in value and (wrong := item(value[key], f"{place}.{key}")):
                return wrong
        return ""

    return look


def _single_or_list(item: Check) -> Check:
    return lambda value, place: (_list(item) if isinstance(value, list) else item)(value, place)


def _maybe(item: Check) -> Check:
    return lambda value, place: "" if value is None else item(value, place)


def _agreeing(flag: str, item: Check) -> Check:
    """Refuse a record that is called good and gives reasons against it."""

    def look(value: Any, place: str) -> str:
        if wrong := item(value, place):
            return wrong
        contradicts = value[flag] and value.get("reasons")
        return f"{place.lstrip('.') or 'its top'} has {flag} true and reasons against it" if contradicts else ""

    return look


TEXT, FLAG = _is(str, "a text"), _is(bool, "true or false")
NUMBER, UNKNOWN = _is(int | float, "a number"), _is(int | float, "a number or null", none=True)
WHOLE, PLAIN = _is(int, "a whole number"), _is(str | int | float | bool, "a text or number", none=True)
WORD = _is(str, "a text or null", none=True)
TEXTS, PAIR = _list(TEXT), _list(NUMBER, 2)
JUDGED = {"success": FLAG, "maybe_reasons": TEXTS, "maybe_notes": TEXTS}
IDENTITY = _record(name=TEXT, sha256=TEXT)
PARAMETER = _record(value=UNKNOWN, error=UNKNOWN, unit=TEXT, min=UNKNOWN, max=UNKNOWN, frozen=FLAG, link=WORD)
RESULT = _record(
    success=FLAG, message=TEXT, maybe_reasons=TEXTS, maybe_at_bound=TEXTS, maybe_notes=TEXTS, total_stat=UNKNOWN,
    nfev=WHOLE, maybe_versions=_table(TEXT), maybe_dataset=_maybe(IDENTITY), maybe_datasets=_maybe(_list(IDENTITY)),
    parameters=_table(PARAMETER),
)  # fmt: skip
VERDICT = _agreeing("ok", _record(ok=FLAG, status=TEXT, reasons=TEXTS, notes=TEXTS, measures=_table(UNKNOWN)))
EFFECT = _record(
    prior=TEXT, unit=TEXT, prior_sd=UNKNOWN, posterior_sd=UNKNOWN, contraction=UNKNOWN, prior_sensitivity=UNKNOWN,
    likelihood_sensitivity=UNKNOWN, diagnosis=TEXT,
)  # fmt: skip
ROW = _record(
    unit=TEXT, mean=UNKNOWN, sd=UNKNOWN, median=UNKNOWN, lower=UNKNOWN, upper=UNKNOWN, ess_bulk=UNKNOWN,
    ess_tail=UNKNOWN, r_hat=UNKNOWN,
)  # fmt: skip
SUMMARY = _record(
    verdict=VERDICT, interval_mass=NUMBER, parameters=_table(ROW), maybe_priors=_maybe(_table(TEXT)),
    maybe_prior_report=_maybe(_table(EFFECT)),
    maybe_provenance=_maybe(
        _record(maybe_sampler=_maybe(_table(_single_or_list(PLAIN))), maybe_options=_maybe(_table(lambda *_: "")))
    ),
)  # fmt: skip
PLACE = _record(lon=NUMBER, lat=NUMBER, significance=NUMBER, counts=NUMBER, npred=NUMBER, radius=UNKNOWN)
DISCREPANCY = _record(p_value=UNKNOWN, error=UNKNOWN, sampled_p_value=UNKNOWN, meaning=TEXT)
CHECKED = _record(
    draws=WHOLE, discrepancies=_table(DISCREPANCY), pit=_record(p_value=UNKNOWN), places=_table(PLACE), notes=TEXTS
)
DATA = _record(
    name=TEXT, kind=TEXT, sky=WORD, energy=_list(NUMBER, 3), energy_true=_list(NUMBER, 3), bins=_list(WHOLE, 2),
    counts=NUMBER, maybe_counts_off=UNKNOWN, background=UNKNOWN, exposure=_maybe(PAIR), psf=UNKNOWN, edisp=FLAG,
    weights=FLAG, sha256=TEXT, maybe_notes=TEXTS,
)  # fmt: skip
MODEL = _record(name=TEXT, kind=TEXT, components=_table(TEXT), datasets=TEXTS, free=TEXTS)
COMPARED = _record(
    name=TEXT, maybe_elpd=UNKNOWN, maybe_error=UNKNOWN, maybe_delta=UNKNOWN, maybe_delta_error=UNKNOWN,
    maybe_weight=UNKNOWN, maybe_p=UNKNOWN, maybe_bad=UNKNOWN, maybe_log_z=UNKNOWN, maybe_log_z_error=UNKNOWN,
)  # fmt: skip
QUANTITY = _record(
    maybe_p_value=UNKNOWN, maybe_shape=WORD, maybe_shares=_maybe(_table(UNKNOWN)), maybe_contraction=UNKNOWN,
    maybe_z_mean=UNKNOWN, maybe_z_sd=UNKNOWN,
)  # fmt: skip
RECORDS: dict[str, Check] = {
    "result": RESULT,
    "summary": SUMMARY,
    "check": _agreeing("ok", _record(ok=FLAG, reasons=TEXTS, datasets=_table(CHECKED))),
    "analysis": _record(
        maybe_name=WORD, maybe_command=WORD, maybe_finished=WORD, maybe_configuration=WORD,
        maybe_datasets=_maybe(_list(DATA)), maybe_models=_maybe(_list(MODEL)),
    ),
    "comparison": _agreeing("success", _record(**JUDGED, models=_list(COMPARED), maybe_by=TEXT, maybe_groups=UNKNOWN)),
    "calibration": _agreeing("success", _record(**JUDGED, quantities=_table(QUANTITY), maybe_done=UNKNOWN)),
}  # fmt: skip
