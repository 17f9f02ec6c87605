"""The sections of a report in words, tables and pictures; what was not made is said, with how to make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesmap.report.blocks import CODE, NOTE, Block, Picture, Section, Table, Text
from bayesmap.report.captions import caption
from bayesmap.report.material import Material
from bayesmap.report.numbers import UNKNOWN, measured, number, unit
from bayesmap.report.plain_records import calibration_blocks, comparison_blocks
from bayesmap.report.verdicts import verdict_section

MEASURES = {
    "r_hat": ("largest R-hat", "at most 1.01"),
    "ess_bulk": ("smallest bulk effective size", "at least 400"),
    "ess_tail": ("smallest tail effective size", "at least 400"),
    "divergences": ("divergences", "none"),
    "e_bfmi": ("E-BFMI", "at least 0.3"),
    "max_treedepth_fraction": ("draws at the largest tree depth", "at most 5 %"),
    "chains": ("chains", "at least 4"),
    "draws": ("draws of each chain", ""),
}


def sections(material: Material) -> tuple[Section, ...]:
    """Return all sections of a report, in order."""
    return (
        verdict_section(material),
        _data(material),
        _model(material),
        _priors(material),
        _fit(material),
        _posterior(material),
        _pictured(material, "maps", "Maps", ("maps", "residuals", "position"), "The data are On/Off spectra."),
        _spectra(material),
        _pictured(material, "corner", "Parameters in pairs", ("corner", "correlation"), "No posterior was sampled."),
        _check(material),
        Section("comparison", "Comparison with other models", tuple(comparison_blocks(material))),
        Section("calibration", "Calibration", tuple(calibration_blocks(material))),
        _provenance(material),
    )


def shown(material: Material, *stems: str) -> list[Block]:
    """Return the pictures whose names begin with one of the stems."""
    return [Picture(data, caption(name)) for name, data in material.starting_with(*stems).items()]


def _pictured(material: Material, anchor: str, title: str, stems: tuple[str, ...], missing: str) -> Section:
    return Section(anchor, title, tuple(shown(material, *stems) or [Text((missing,), NOTE)]))


def _data(material: Material) -> Section:
    records = material.analysis.get("datasets") or []
    if not records:
        text = (
            "This result does not describe its data: it was made by an earlier version. Fit it again to have them here."
        )
        return Section("data", "Data", (Text((text,), NOTE),))
    blocks: list[Block] = []
    for item in records:
        rows = [(key, value) for key, value in _data_rows(item) if value]
        blocks.append(Table(("data set", str(item["name"])), tuple(rows)))
        blocks += [Text((str(note),), NOTE) for note in item.get("notes", ())]
    return Section("data", "Data", tuple(blocks))


def _data_rows(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    low, high, n = item["energy"]
    true_low, true_high, n_true = item["energy_true"]
    used, size = item["bins"]
    spread, width = item["exposure"], item["psf"]
    off = item.get("counts_off")
    return [
        ("kind", str(item["kind"])),
        ("sky", item["sky"] or ""),
        ("reconstructed energy", f"{number(low)} to {number(high)} TeV, {n} bins"),
        ("true energy", f"{number(true_low)} to {number(true_high)} TeV, {n_true} bins"),
        ("bins in the fit", f"{used:,} of {size:,}"),
        ("counts in the fit", f"{item['counts']:,.0f}" + ("" if off is None else f" On, {off:,.0f} Off")),
        ("background", UNKNOWN if item["background"] is None else f"{number(item['background'])} counts as given"),
        ("exposure", "" if spread is None else f"{number(spread[0], 3)} to {number(spread[1], 3)} cm² s"),
        ("PSF, 68 % radius", "" if width is None else f"{number(width, 3)}° (median over true energies)"),
        ("energy dispersion", "yes" if item["edisp"] else "none (perfect)"),
        ("weights", "pixel weights" if item["weights"] else ""),
        ("SHA-256", str(item["sha256"])),
    ]


def _model(material: Material) -> Section:
    blocks: list[Block] = []
    rows = tuple(
        (
            str(item["name"]),
            str(item["kind"]),
            ", ".join(f"{part}: {kind}" for part, kind in item["components"].items()) or UNKNOWN,
            ", ".join(item["datasets"]) or "all",
            ", ".join(str(name).removeprefix(f"{item['name']}.") for name in item["free"]) or "none",
        )
        for item in material.analysis.get("models") or []
    )
    if rows:
        blocks.append(Table(("model", "kind", "components", "data sets", "free parameters"), rows))
    return Section("model", "Model", tuple(blocks or [Text(("The result holds no models.",), NOTE)]))


def _priors(material: Material) -> Section:
    summary = material.summary or {}
    table, effect = summary.get("priors") or {}, summary.get("prior_report") or {}
    blocks: list[Block] = []
    if effect:
        rows = tuple(
            (
                str(name),
                str(row["prior"]),
                unit(str(row["unit"])),
                number(row["prior_sd"], 3),
                number(row["posterior_sd"], 3),
                UNKNOWN if row["contraction"] is None else f"{row['contraction']:.4f}",
                f"{number(row['prior_sensitivity'], 2)} / {number(row['likelihood_sensitivity'], 2)}",
                str(row["diagnosis"]) if row["diagnosis"] != "-" else UNKNOWN,
            )
            for name, row in effect.items()
        )
        kinds = tuple(NOTE if row["diagnosis"] != "-" else "plain" for row in effect.values())
        head = (
            "parameter",
            "prior",
            "unit",
            "prior sd",
            "posterior sd",
            "contraction",
            "sensitivity prior / data",
            "diagnosis",
        )
        words = "Contraction: one minus the ratio of posterior and prior variance. Sensitivity above 0.05 matters."
        blocks.append(Table(head, rows, words, kinds))
    elif table:
        stated = tuple((str(name), str(text)) for name, text in table.items())
        blocks.append(Table(("variable", "prior"), stated))
    if text := material.texts.get("prior-check.txt"):
        blocks.append(Text(tuple(text.rstrip().split("\n"))))
    blocks += shown(material, "priors", "prior-check")
    missing = Text(("No posterior was sampled: the effect of the priors was not worked out.",), NOTE)
    return Section("priors", "Priors and their effect", tuple(blocks or [missing]))


def _fit(material: Material) -> Section:
    result = material.result
    rows, kinds = [], []
    for name, item in result["parameters"].items():
        value, error = measured(item["value"], error=item["error"])
        state = "frozen" if item["frozen"] else f"linked to {item['link']}" if item["link"] else ""
        at_bound = name in result.get("at_bound", ())
        limits = ("", "") if item["min"] is None and item["max"] is None else (number(item["min"]), number(item["max"]))
        between = f"{limits[0]} to {limits[1]}" if limits != ("", "") else ""
        hidden = item["frozen"] or item["link"]
        words = "at its limit" if at_bound else state
        rows.append((str(name), value, "" if hidden else error, unit(str(item["unit"])), between, words))
        kinds.append(NOTE if at_bound else "plain")
    head = ("parameter", "best value", "error", "unit", "limits", "note")
    blocks: list[Block] = [
        Text(
            (f"-2 ln L = {number(result['total_stat'], 8)} after {result['nfev']} evaluations. {result['message']}.",)
        ),
        Table(head, tuple(rows), "Maximum of the posterior, errors by the Laplace approximation.", tuple(kinds)),
        *(Text((str(note),), NOTE) for note in result.get("notes", ())),
    ]
    if text := material.texts.get("profiles.txt"):
        blocks.append(Text(tuple(text.rstrip().split("\n")), CODE))
    return Section("fit", "Best fit", (*blocks, *shown(material, "profile")))


def _posterior(material: Material) -> Section:
    if material.summary is None:
        text = "No posterior was sampled: the configuration says 'sample: false', or the run was interrupted."
        return Section("posterior", "Posterior", (Text((text,), NOTE),))
    verdict = material.summary["verdict"]
    figures = tuple(
        (words, number(verdict["measures"][key]), wanted)
        for key, (words, wanted) in MEASURES.items()
        if key in verdict["measures"]
    )
    mass = material.summary["interval_mass"]
    rows = []
    for name, row in material.summary["parameters"].items():
        mean, sd, median, low, high = measured(row["mean"], row["median"], row["lower"], row["upper"], error=row["sd"])
        sizes = f"{number(row['ess_bulk'], 3)} / {number(row['ess_tail'], 3)}"
        rows.append(
            (str(name), mean, sd, median, f"{low} to {high}", unit(str(row["unit"])), sizes, number(row["r_hat"], 5))
        )
    head = ("parameter", "mean", "sd", "median", f"{mass:.1%} interval", "unit", "ESS bulk / tail", "R-hat")
    return Section("posterior", "Posterior", (
        Table(head, tuple(rows), "Equal-tailed intervals of the draws."),
        Table(("diagnostic", "found", "wanted"), figures, "The worst of all parameters."),
        *(Text((str(note),), NOTE) for note in verdict["notes"]),
        *shown(material, "trace"),
    ))  # fmt: skip


def _spectra(material: Material) -> Section:
    blocks = shown(material, "spectrum", "sed")
    for name, text in material.texts.items():
        if name.startswith("flux-points-"):
            blocks.append(Text(tuple(text.rstrip().split("\n")), CODE))
            blocks += shown(material, name.removesuffix(".txt"))
    return Section("spectra", "Spectra", tuple(blocks or [Text(("There is no picture of a spectrum.",), NOTE)]))


def _check(material: Material) -> Section:
    if material.check is None:
        return Section("predictive", "Predictive checks", (Text(("No predictive check was made.",), NOTE),))
    blocks: list[Block] = []
    for name, item in material.check["datasets"].items():
        rows = [
            (
                str(key),
                number(row["p_value"], 3),
                number(row["error"], 2),
                number(row["sampled_p_value"], 3),
                str(row["meaning"]),
            )
            for key, row in item["discrepancies"].items()
        ]
        rows.append(
            ("pit", "", "", number(item["pit"]["p_value"], 3), "transforms of single bins: the law of the counts")
        )
        words = (
            f"{name}: share of replicated data farther off than the observed, at {item['draws']} draws (conservative), "
            "and at one draw (uniform if the model is true)."
        )
        head = ("discrepancy", "p-value", "±", "one draw", "sensitive to")
        blocks.append(Table(head, tuple(rows), words))
        blocks += [Text((_place(word, place),)) for word, place in item["places"].items()]
        blocks += [Text((str(note),), NOTE) for note in item["notes"]]
    order = [f"check-{name}" for name in ("overview", "maximum", "significance", "radial", "spectrum", "pit")]
    return Section("predictive", "Predictive checks", (*blocks, *shown(material, *order, "predictive")))


def _place(word: str, place: Mapping[str, Any]) -> str:
    size = f"within {place['radius']:.3g}°" if place["radius"] else "in one pixel"
    return (
        f"Largest {word}: {place['significance']:+.1f} σ at ({place['lon']:.4f}°, {place['lat']:.4f}°), "
        f"{place['counts']:.0f} counts {size} where {place['npred']:.1f} are predicted. The p-value above takes into "
        "account that it was searched for everywhere."
    )


def _provenance(material: Material) -> Section:
    own = (material.summary or {}).get("provenance") or {}
    sampler, options = own.get("sampler") or {}, own.get("options") or {}
    blocks: list[Block] = []
    if command := material.analysis.get("command"):
        blocks.append(
            Table(("command", str(command)), (("finished", str(material.analysis.get("finished", UNKNOWN))),))
        )
    for title, record in (
        ("sampler", sampler),
        ("option", options),
        ("package", material.result.get("versions") or {}),
    ):
        rows = tuple((str(key), number(value)) for key, value in record.items())
        if rows:
            blocks.append(Table((title, "value" if title != "package" else "version"), rows))
    identities = material.result.get("datasets") or [material.result.get("dataset") or {}]
    rows = tuple((str(item["name"]), str(item["sha256"])) for item in identities if "sha256" in item)
    if rows:
        blocks.append(Table(("data set", "SHA-256 of counts, background and response"), rows))
    if text := material.analysis.get("configuration"):
        blocks.append(Text(("The configuration:",)))
        blocks.append(Text(tuple(str(text).rstrip().split("\n")), CODE))
    if text := material.texts.get("models.yaml"):
        blocks.append(Text(("The models at the best fit, as a file that bayesmap and Gammapy read:",)))
        blocks.append(Text(tuple(text.rstrip().split("\n")), CODE))
    return Section("provenance", "Provenance", tuple(blocks))
