"""Stored posteriors: damaged as bytes, and as what a stranger may write into a netCDF file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesmap.results.posterior import free_names, verdict_of
from bayesmap.results.store import load_posterior, save_posterior
from bayesmap.results.verdict import Verdict
from fuzzing import mutate_fits

Rng = np.random.Generator


def build(path: Path) -> None:
    """Write a small posterior as a fit leaves it."""
    rng = np.random.default_rng(3)
    dims = ("chain", "draw")
    coords = {"chain": np.arange(4), "draw": np.arange(50)}
    posterior = xr.Dataset(
        {
            "crab.spectral.index": (dims, rng.normal(2.3, 0.1, (4, 50)), {"unit": "", "prior": "Normal(2, 1)"}),
            "crab.spectral.amplitude": (dims, rng.lognormal(-27.6, 0.1, (4, 50)), {"unit": "cm-2 s-1 TeV-1"}),
        },
        coords,
    )
    stats = xr.Dataset(
        {"diverging": (dims, np.zeros((4, 50), dtype=bool)), "lp": (dims, rng.normal(size=(4, 50)))}, coords
    )
    data = {"bin": np.arange(6), "energy": ("bin", np.ones(6))}
    observed = xr.Dataset({"counts": ("bin", rng.poisson(3.0, 6).astype(float))}, data)
    constant = xr.Dataset({"bin_energy": ("bin", np.ones(6))}, {"bin": np.arange(6)})
    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "sample_stats": stats, "observed_data": observed, "constant_data": constant}
    )
    tree.attrs = {"status": "complete", "notes": json.dumps([])}
    record = {"versions": {"bayesmap": "0.1.0"}, "sampler": {"library": "nutpie", "seed": 1}, "priors": {},
              "dataset": {"name": "toy", "sha256": "ab" * 32}, "options": {}}  # fmt: skip
    tree.attrs |= {name: json.dumps(value) for name, value in record.items()}
    tree.attrs["verdict"] = Verdict((), {"r_hat": 1.001, "ess_bulk": 900.0, "divergences": 0.0}).to_json()
    tree["posterior"].attrs = {"sample_dims": list(dims), "inference_library": "nutpie"}
    save_posterior(tree, path)


def damaged(source: Path, target: Path, rng: Rng, turn: int) -> tuple[Path, str, bool]:
    """Write a damaged copy; return it, what was done, and whether a digest stands against it."""
    content = source.read_bytes()
    kind = turn % 4
    if kind == 0:
        made, what = mutate_fits.cut(content, turn // 4 % 100)
        target.write_bytes(made)
        return target, what, True
    if kind == 1:
        damage = (mutate_fits.flip_bits, mutate_fits.overwrite)[turn // 4 % 2]
        made, what = damage(content, rng)
        target.write_bytes(made)
        return target, what, True
    target.write_bytes(content)
    return target, _edited(target, rng), False


def _edited(path: Path, rng: Rng) -> str:
    """Change the file as a stranger who knows the format."""
    import h5py

    with h5py.File(path, "r+") as file:
        file.attrs.pop("content_sha256", None)
        groups = ("posterior", "sample_stats", "observed_data", "constant_data")
        group = file[groups[int(rng.integers(len(groups)))]]
        name = str(rng.choice(list(group)))
        return _edits(file, group, name, rng)


def _edits(file: Any, group: Any, name: str, rng: Rng) -> str:
    import h5py

    attribute = str(rng.choice(list(file.attrs)))
    words = (
        "",
        "no json",
        "[]",
        "null",
        "{}",
        '{"reasons": 1}',
        "\x1b[31m",
        "<script>",
        '{"reasons": [], "measures": {"r_hat": "x"}, "notes": []}',
        '{"reasons": [1], "measures": {}, "notes": []}',
        "[" * 5000,
        '{"reasons": ["<script>\\u001b[2J"], "measures": {}, "notes": []}',
    )
    objects = np.array(["a", "b"], dtype=object)
    kind = int(rng.integers(9))
    if kind == 0:
        word = words[int(rng.integers(len(words)))]
        target = attribute if rng.random() < 0.5 else "verdict"
        file.attrs[target] = word
        return f"attribute {target} = {word[:40]!r}"
    if kind == 1:
        del file.attrs[attribute]
        return f"attribute {attribute} removed"
    if kind == 2:
        file.attrs[attribute] = [1.0, 2.0] if rng.random() < 0.5 else 3
        return f"attribute {attribute} is a number"
    if kind == 3:
        del group[name]
        return f"{group.name}/{name} removed"
    if kind == 4:
        del group[name]
        group.create_dataset(name, data=objects, dtype=h5py.string_dtype())
        return f"{group.name}/{name} holds text"
    if kind == 5:
        del group[name]
        made = group.create_dataset(name, (2,), dtype=h5py.vlen_dtype(np.uint8))
        made[0] = np.frombuffer(b"\x80\x04cos\nsystem\n", np.uint8)
        return f"{group.name}/{name} holds a pickle in lists of bytes"
    if kind == 6:
        shape = ((3, 7), (4, 50, 2), (), (0,), (200,))[int(rng.integers(5))]
        del group[name]
        group.create_dataset(name, data=np.ones(shape))
        return f"{group.name}/{name} has shape {shape}"
    if kind == 7:
        del group[name]
        group.create_dataset(name, (1 << 20, 1 << 14), dtype="f8", chunks=(1024, 1024), compression="gzip")
        return f"{group.name}/{name} announces 128 GiB"
    values = group[name][()]
    if values.dtype.kind == "f" and values.size:
        values.reshape(-1)[int(rng.integers(values.size))] = (np.nan, np.inf, -1e300)[int(rng.integers(3))]
        group[name][...] = values
        return f"{group.name}/{name} holds a number that is none"
    file.create_group(str(rng.choice(["prior", "posterior_predictive", "x"])))
    return "another group"


def read(path: Path) -> Any:
    """Read a posterior, its verdict and the names of its parameters."""
    tree = load_posterior(path)
    str(verdict_of(tree))
    free_names(tree)
    return tree


def judge(tree: Any, path: Path, good: Path, *, summed: bool) -> tuple[str, str]:
    """Compare what was read with the file, read by h5py, and with the good file."""
    import h5py

    with warnings.catch_warnings(), h5py.File(path, "r") as file:
        warnings.simplefilter("ignore")
        for group in ("posterior", "sample_stats", "observed_data", "constant_data"):
            for name, item in tree[group].data_vars.items() if group in tree.children else ():
                if item.dtype.kind not in "fiub":
                    return "finding", f"{group}/{name} was accepted with the type {item.dtype}"
                raw = file[group][name][()]
                if raw.shape != item.shape or not np.array_equal(
                    raw.astype(float), item.values.astype(float), equal_nan=True
                ):
                    return "finding", f"{group}/{name} is not what the file holds"
        draws = tree["posterior"]
        if any(item.dims[:2] != ("chain", "draw") for item in draws.data_vars.values()) or not draws.data_vars:
            return "finding", "accepted draws without chain and draw"
        original = load_posterior(good)
        if tree.identical(original):
            return "accepted", ""
        if summed:
            return "finding", "damaged, and other numbers were accepted"
        verdict = json.loads(file.attrs["verdict"])
    wrong = any(np.any(~np.isfinite(item.values)) for item in draws.data_vars.values())
    if wrong and not verdict["reasons"]:
        return "finding", "draws that are not finite, and a verdict 'ok'"
    return "changed", ""
