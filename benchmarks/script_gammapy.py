"""The same fit as a script with Gammapy: ``python -m benchmarks.script_gammapy FOLDER CASE``."""

import json
import sys
from pathlib import Path

from gammapy.datasets import Datasets, MapDataset
from gammapy.modeling import Fit
from gammapy.modeling.models import Models

folder, case = Path(sys.argv[1]), sys.argv[2]
record = json.loads((folder / "fits" / f"{case}.json").read_text())
dataset = MapDataset.read(folder / f"{record['dataset']}.mapdataset.fits.gz", name=record["dataset"])
dataset.models = Models.from_dict(record["models_start"])
datasets = Datasets([dataset])
steps = record["initial_steps"].values()
for parameter, step in zip(datasets.models.parameters.free_parameters, steps, strict=True):
    parameter.error = step
print(Fit().run(datasets))
print(datasets.models.to_parameters_table())
