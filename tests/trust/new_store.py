"""A folder of draws without a fit."""

from __future__ import annotations

import json
from pathlib import Path

from bayesmap.results.draw_store import FORMAT, LIBRARY, MANIFEST


def new_store(folder: Path, *, finished: bool) -> None:
    """Write the manifest of a run of one chain without draws."""
    identity = {"versions": {LIBRARY: "1"}, "seed": 1, "draws": 0}
    chains = [{"finished": finished, "blocks": []}]
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(
        json.dumps({"format": FORMAT, "run": 1, "identity": identity, "attributes": {}, "chains": chains})
    )
