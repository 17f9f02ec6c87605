"""``python -m tests.trust.measure``: processor time of the bad inputs, in process and by ``bayesmap check``."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bayesmap.errors import BayesmapError
from bayesmap.io.gammapy import read_dataset, write_dataset
from bayesmap.io.yaml import read_models, write_models
from bayesmap.posterior.preflight import preflight
from bayesmap.testing import toy_models
from tests.trust.bad_data import BAD_DATA, BASE
from tests.trust.bad_files import BAD_FITS, BAD_MODELS, BAD_TEMPLATES, HOSTILE_YAML

CONFIG = "dataset: data.fits\nmodels: models.yaml\noutput: fit\n"


def used():
    """Return the processor time of this process and of those that it ran: what a machine without other work takes."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def seconds(function, *args):
    start = used()
    with contextlib.suppress(BayesmapError):
        function(*args)
    return used() - start


def command(folder):
    arguments = [sys.executable, "-m", "bayesmap", "check", str(folder / "config.yaml")]
    return subprocess.run(arguments, capture_output=True, check=False).returncode


def main():
    preflight([BASE], toy_models())  # imports
    within, outside = {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(CONFIG)

        def fresh():
            write_dataset(BASE, folder / "data.fits", overwrite=True)
            write_models(toy_models(), folder / "models.yaml", checksum=False, overwrite=True)

        for case in (item for item in BAD_DATA if not item.maps):
            fresh()
            dataset, models = case.make()
            within[case.id] = seconds(preflight, [dataset], models)
            write_dataset(dataset, folder / "data.fits", overwrite=True)
            write_models(models, folder / "models.yaml", checksum=False, overwrite=True)
            outside[case.id] = seconds(command, folder)
        for case in (*BAD_MODELS, *HOSTILE_YAML, *BAD_TEMPLATES):
            fresh()
            (folder / "models.yaml").write_text(case.content)
            within[case.id] = seconds(read_models, folder / "models.yaml")
            outside[case.id] = seconds(command, folder)
        for case in BAD_FITS:
            fresh()
            path = folder / "data.fits"
            path.write_bytes(case.content if isinstance(case.content, bytes) else case.content(path.read_bytes()))
            within[case.id] = seconds(read_dataset, path)
            outside[case.id] = seconds(command, folder)
        fresh()
        outside["a sound analysis"] = seconds(command, folder)
    for name, times in (("in process", within), ("bayesmap check", outside)):
        slowest = max(times, key=times.get)
        print(  # noqa: T201
            f"{name}: {len(times)} inputs, the slowest {times[slowest]:.2f} s ({slowest}), "
            f"median {sorted(times.values())[len(times) // 2]:.2f} s"
        )


if __name__ == "__main__":
    main()
