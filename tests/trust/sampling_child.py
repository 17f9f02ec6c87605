"""A run that is killed: fit what lies in a folder, keep the draws there, write the posterior at the end."""

from __future__ import annotations

import sys
from pathlib import Path

from bayesmap import MapFit, read_dataset, read_models, save_posterior

RUN = {"draws": 1500, "tune": 100, "chains": 4, "cores": 2, "random_seed": 3, "modes": False}


def main(folder: Path) -> None:
    """Sample, continuing what is there."""
    fit = MapFit.from_dataset(read_dataset(folder / "data.fits.gz"), read_models(folder / "models.yaml"))
    tree = fit.sample(**RUN, store=folder / "fit.draws", resume=True)
    save_posterior(tree, folder / "posterior.nc", overwrite=True)  # of a run that was killed in its last moment


if __name__ == "__main__":
    main(Path(sys.argv[1]))
