"""The first section: whether fit, posterior, model and priors are to be trusted, in one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayesmap.checks.prior_report import DOMINATED, RETURNED
from bayesmap.report.blocks import BAD, GOOD, NOTE, Block, Section, Table, Text
from bayesmap.report.material import Material


@dataclass(frozen=True)
class Judgement:
    """What one part of an analysis came to.

    Parameters
    ----------
    part : str
        Of what.
    kind : str
        ``good``, ``bad`` or ``note``.
    words : str
        The verdict.
    reasons : tuple of str
        Why.
    """

    part: str
    kind: str
    words: str
    reasons: tuple[str, ...] = ()


def verdict_section(material: Material) -> Section:
    """Return the section that stands on top."""
    found = judgements(material)
    bad = [item for item in found if item.kind == BAD]
    blocks: list[Block] = [_headline(found)]
    blocks += [Text((f"{item.part}: {item.words}", *item.reasons), BAD) for item in bad]
    blocks += [Text((f"{item.part}: {item.words}", *item.reasons), NOTE) for item in found
               if item.kind == NOTE and item.reasons]  # fmt: skip
    rows = tuple((item.part, item.words) for item in found)
    blocks.append(Table(("part", "verdict"), rows, kinds=tuple(item.kind for item in found)))
    return Section("verdict", "Verdict", tuple(blocks))


def _headline(found: list[Judgement]) -> Text:
    bad = [item.part.lower() for item in found if item.kind == BAD]
    if bad:
        return Text((f"NOT TO BE TRUSTED as it stands: see {', '.join(bad)}",), BAD)
    if not any(item.part == "Posterior" and item.kind == GOOD for item in found):
        return Text(("A best fit only: no posterior was sampled",), NOTE)
    return Text(("Fit and posterior are to be trusted, and the model describes the data",), GOOD)


def judgements(material: Material) -> list[Judgement]:
    """Return what each part came to, in the order of the report."""
    found = [_fit(material.result), _posterior(material.summary), _check(material.check)]
    if material.summary is not None:
        found.append(_priors(material.summary.get("prior_report") or {}))
    if "problems.txt" in material.texts:
        lines = tuple(material.texts["problems.txt"].splitlines())
        found.append(Judgement("Profiles and flux points", BAD, "some are missing", lines))
    found += [
        _other(part, record)
        for part, record in (("Comparison", material.comparison), ("Calibration", material.calibration))
        if record is not None
    ]
    return found


def _fit(result: Mapping[str, Any]) -> Judgement:
    reasons = tuple(map(str, result.get("reasons", ())))
    if result.get("success"):
        return Judgement("Best fit", GOOD, f"success: {result.get('message', '')}")
    return Judgement("Best fit", BAD, f"not to be trusted: {result.get('message', '')}", reasons)


def _posterior(summary: Mapping[str, Any] | None) -> Judgement:
    if summary is None:
        return Judgement("Posterior", NOTE, "not sampled")
    verdict = summary["verdict"]
    if verdict["ok"]:
        return Judgement("Posterior", GOOD, "ok: the draws have converged")
    words = f"NOT TO BE TRUSTED ({verdict['status']})"
    return Judgement("Posterior", BAD, words, tuple(map(str, verdict["reasons"])))


def _check(check: Mapping[str, Any] | None) -> Judgement:
    if check is None:
        return Judgement("Predictive check", NOTE, "not made")
    if check["ok"]:
        return Judgement("Predictive check", GOOD, "the model describes the data")
    return Judgement("Predictive check", BAD, "MISFIT: the model does not describe the data", tuple(check["reasons"]))


def _priors(rows: Mapping[str, Any]) -> Judgement:
    if not rows:
        return Judgement("Priors", NOTE, "their effect was not worked out")
    returned = [name for name, row in rows.items() if row["contraction"] is not None and row["contraction"] < RETURNED]
    lines = [f"{name} returns its prior: the data do not tell it" for name in returned]
    lines += [
        f"{name}: {row['diagnosis']}"
        + (": another prior gives another result" if row["diagnosis"] == DOMINATED else ": check both")
        for name, row in rows.items()
        if name not in returned and row["diagnosis"] != "-"
    ]
    if lines:
        return Judgement("Priors", NOTE, f"they matter for {len(lines)} of {len(rows)} parameters", tuple(lines))
    return Judgement("Priors", GOOD, "the data decide every parameter")


def _other(part: str, record: Mapping[str, Any]) -> Judgement:
    reasons = tuple(map(str, record.get("reasons", ())))
    if record.get("success"):
        return Judgement(part, GOOD, "ok")
    return Judgement(part, BAD, "not to be trusted", reasons)
