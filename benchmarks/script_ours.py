"""A best fit as a script: ``python -m benchmarks.script_ours FOLDER CASE``."""

import json
import sys
from pathlib import Path

from bayesmap import MapFit, read_dataset, read_models

folder, case = Path(sys.argv[1]), sys.argv[2]
record = json.loads((folder / "fits" / f"{case}.json").read_text())
dataset = read_dataset(folder / f"{record['dataset']}.mapdataset.fits.gz", name=record["dataset"])
fit = MapFit.from_dataset(dataset, read_models(record["models_start"]), exposure_order="after_psf")
print(fit.run())
