"""Table and pictures of the page on calibration.

``python docs/calibration_figures.py FOLDER`` reads the calibrations that the long tier left in a folder
(BAYESMAP_CALIBRATION_RECORD), draws the pictures and renews docs/calibration-data/record.json; without a folder it
writes the tables of that record into the page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bayesmap import read_calibration
from bayesmap.checks.calibration import FAR, Calibration
from bayesmap.plots.calibration import plot_coverage, plot_rank_histograms, plot_ranks, plot_z_scores

PAGE = Path(__file__).with_name("calibration.md")
FOLDER = Path(__file__).with_name("calibration-data")
START, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
DPI = 80
MAIN = "thousand"
PICTURES = {"ranks": plot_ranks, "rank-histograms": plot_rank_histograms, "coverage": plot_coverage,
            "z-scores": plot_z_scores}  # fmt: skip
BUG = "PSF-1.3-times-as-wide"


def summary(found: Calibration) -> dict[str, Any]:
    """Return the figures of a calibration."""
    return {
        "simulations": found.simulations,
        "refused": len(found.refused),
        "success": found.success,
        "reasons": list(found.reasons),
        "bounds": [list(found.bounds(mass)) for mass in found.masses],
        "masses": list(found.masses),
        "rows": found.rows,
        "near": float(np.mean(np.abs(found.z_scores) < FAR)),
    }


def table(record: dict[str, Any]) -> str:
    """Return the measured figures as tables."""
    item = record[MAIN]
    allowed = " | ".join(f"{100 * low:.1f} to {100 * high:.1f}" for low, high in item["bounds"])
    head = " | ".join(f"in {100 * mass:.2f} %" for mass in item["masses"])
    lines = [f"| quantity | p | {head} | contraction | z: mean, sd |", "|---|---|---|---|---|---|"]
    for name, row in item["rows"].items():
        shares = " | ".join(f"{100 * share:.1f}" for share in row["shares"].values())
        own = row["contraction"] is not None
        spread = f"{row['z_mean']:+.3f}, {row['z_sd']:.3f}" if own else ""
        contraction = f"{row['contraction']:.3f}" if own else ""
        lines.append(f"| `{name}` | {row['p_value']:.3f} | {shares} | {contraction} | {spread} |")
    lines += [f"| allowed | >= 0.001 | {allowed} | 0 to 1 | |", ""]
    lines += [
        f"{item['simulations']} simulations, {item['refused']} refused; {100 * item['near']:.2f} % of the z-scores are "
        f"within {FAR:g}.",
        "",
        "| planted bug (200 simulations) | least p | quantities outside their envelope |",
        "|---|---|---|",
    ]
    for name, found in record.items():
        if name not in (MAIN, "on-off"):
            values = {key: row["p_value"] for key, row in found["rows"].items()}
            out = [f"`{key}`" for key, value in values.items() if value < 1e-3]
            lines.append(f"| {name.replace('-', ' ')} | {min(values.values()):.1g} | {', '.join(out)} |")
    return "\n".join(lines) + "\n"


def renew(folder: Path) -> None:
    """Write record and pictures from the calibrations of the long tier."""
    found = {path.stem: read_calibration(path) for path in sorted(folder.glob("*.json"))}
    FOLDER.mkdir(exist_ok=True)
    record = {name: summary(item) for name, item in found.items()}
    (FOLDER / "record.json").write_text(json.dumps(record, indent=1) + "\n")
    for name, plot in PICTURES.items():
        plot(found[MAIN]).savefig(FOLDER / f"{name}.png", dpi=DPI)
    plot_ranks(found[BUG]).savefig(FOLDER / "bug.png", dpi=DPI)


def main() -> None:
    """Write what is asked for."""
    if len(sys.argv) > 1:
        renew(Path(sys.argv[1]))
    record = json.loads((FOLDER / "record.json").read_text())
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text(before + START + table(record) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
