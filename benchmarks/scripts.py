"""Scripts from the start of the process: read, fit, errors, print."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.record import Figure, Result, Table
from benchmarks.settings import Settings
from benchmarks.timing import seconds_of

CASE = "cta_gc"


def measure(settings: Settings) -> Result:
    """Return the time of both scripts; bayesmap's with an empty cache of compiled functions, and with a filled one."""
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(Path(folder))
        imports = "import bayesmap.fit.facade, bayesmap.io.gammapy, gammapy.datasets, gammapy.modeling.models, iminuit"
        subprocess.run([sys.executable, "-W", "ignore", "-c", imports], env=environment, check=True)
        cold = _seconds("script_ours", settings, environment)
        times = [
            [_seconds(name, settings, environment) for name in ("script_ours", "script_gammapy")]
            for _ in range(settings.runs)
        ]
    warm, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    rows = [
        ["bayesmap, compiled before", warm, warm / theirs],
        ["bayesmap, empty cache (once)", cold, cold / theirs],
        ["Gammapy", theirs, 1.0],
    ]
    text = f"{CASE}: import, read, optimum and errors, print; the whole process. Byte code of all packages is there."
    table = Table("Scripts from process start", ["script", "s", "ratio"], rows, text)
    return Result([Figure(f"{CASE}: script / Gammapy's script, cache filled", warm / theirs, "<= 1")], [table])


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with an empty cache of compiled functions, and a place for byte code in a checkout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    places = {"BAYESMAP_CACHE": folder / "cache", "PYTHONPYCACHEPREFIX": folder / "bytecode"}
    places["PYTHONPATH"] = Path(__file__).resolve().parents[1]
    return environment | {key: str(value) for key, value in places.items()}


def _seconds(name: str, settings: Settings, environment: dict[str, str]) -> float:
    command = [sys.executable, "-m", f"benchmarks.{name}", str(settings.folder), CASE]
    return seconds_of(lambda: subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL))
