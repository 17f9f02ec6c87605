"""Draws are kept while they are made: what is valid is readable at every moment, and resuming changes no bit."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayesmap import MapFit, load_posterior
from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.inference.samplers import nutpie_nuts
from bayesmap.results import blocks, draw_folder, draw_store
from bayesmap.results.draw_folder import is_store, open_store, read_draws, remove_store, stores_in
from bayesmap.results.draw_store import BLOCK, MANIFEST, WHITENING, DrawStore
from bayesmap.results.posterior import verdict_of
from bayesmap.results.summary import summarise

h5py = pytest.importorskip("h5py")

RUN = {"draws": 620, "tune": 60, "chains": 3, "cores": 2, "random_seed": 5, "modes": False}


@pytest.fixture(scope="module")
def whole(small_fit, tmp_path_factory):
    """Return the posterior of a run without interruption, and its store."""
    folder = tmp_path_factory.mktemp("draws") / "whole"
    return small_fit.sample(**RUN, store=folder), folder


def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True))


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def unfinished(folder: Path, chain: int, blocks: int = 1) -> None:
    """Make a store that of a run which was killed while a chain ran."""
    manifest = manifest_of(folder)
    entry = manifest["chains"][chain]
    for block in entry["blocks"][blocks:]:
        (folder / block["file"]).unlink()
    entry["finished"], entry["blocks"] = False, entry["blocks"][:blocks]
    (folder / MANIFEST).write_text(json.dumps(manifest))


def same_bits(a: xr.DataTree, b: xr.DataTree, groups=("posterior", "sample_stats", "observed_data", "constant_data")):
    for group in groups:
        one, two = a[group].to_dataset(), b[group].to_dataset()
        assert set(one.variables) == set(two.variables)
        for name in one.variables:
            assert one[name].dtype == two[name].dtype, name
            assert np.array_equal(one[name].values, two[name].values), name
            assert one[name].attrs == two[name].attrs, name
    return True


def test_a_store_changes_no_bit(small_fit, whole):
    assert same_bits(whole[0], small_fit.sample(**RUN))


def test_a_whole_store_reads_as_the_posterior(whole):
    """Parameters and statistics, units and provenance; not the data."""
    tree, folder = whole
    back = load_posterior(folder)
    assert same_bits(tree, back, ("posterior", "sample_stats"))
    assert back["posterior"].attrs.keys() == tree["posterior"].attrs.keys()
    assert back.attrs.keys() == tree.attrs.keys() - {"modes"}
    for name in ("versions", "priors", "dataset", "options", "notes", "status"):
        assert back.attrs[name] == tree.attrs[name], name


def test_blocks_hold_250_draws(whole):
    for chain in manifest_of(whole[1])["chains"]:
        assert chain["finished"]
        assert [block["draws"] for block in chain["blocks"]] == [BLOCK, BLOCK, 120]


@pytest.mark.parametrize("chains", [(1,), (0, 2), (0, 1, 2)])
def test_resumed_draws_are_those_of_a_run_without_interruption(small_fit, whole, tmp_path, chains):
    """Whichever chains were unfinished, and however many cores there are."""
    tree, folder = whole
    folder = copied(folder, tmp_path)
    for chain in chains:
        unfinished(folder, chain, blocks=chain)
    shown = []
    back = small_fit.sample(**RUN | {"cores": 1}, store=folder, resume=True, progress=lambda *args: shown.append(args))
    assert same_bits(tree, back)
    assert verdict_of(back) == verdict_of(tree)
    assert back.attrs["status"] == "finished"
    first, last = (680 * (3 - len(chains)), 680 * 3)
    assert first <= shown[0][0] < last if chains else True
    assert shown[-1][:2] == (last, last)
    assert same_bits(tree, read_draws(folder), ("posterior", "sample_stats"))
    named = {block["file"] for item in manifest_of(folder)["chains"] for block in item["blocks"]}
    assert {path.name for path in folder.glob("chain-*")} == named  # nothing else is left


def test_finished_draws_are_not_made_again(small_fit, whole, tmp_path, monkeypatch):
    folder = copied(whole[1], tmp_path)
    monkeypatch.setattr(nutpie_nuts.nutpie, "sample", None)
    assert same_bits(whole[0], small_fit.sample(**RUN, store=folder, resume=True))


def test_resuming_what_is_not_there_begins(small_fit, tmp_path):
    short = RUN | {"draws": 20, "tune": 20, "chains": 1}
    tree = small_fit.sample(**short, store=tmp_path / "new", resume=True)
    assert same_bits(tree, load_posterior(tmp_path / "new"), ("posterior",))


def test_a_random_seed_is_that_of_the_run_that_is_continued(small_fit, tmp_path):
    short = RUN | {"draws": 20, "tune": 20, "chains": 2, "random_seed": None}
    tree = small_fit.sample(**short, store=tmp_path / "draws")
    unfinished(tmp_path / "draws", 0, 0)
    assert same_bits(tree, small_fit.sample(**short, store=tmp_path / "draws", resume=True))


def test_what_is_there_is_neither_continued_nor_deleted_unasked(small_fit, whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BayesmapInputError, match=r"BM-IO-022.*--resume.*--overwrite"):
        small_fit.sample(**RUN, store=folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    short = RUN | {"draws": 20, "tune": 20, "chains": 1}
    tree = small_fit.sample(**short, store=folder, overwrite=True)
    assert same_bits(tree, load_posterior(folder), ("posterior",))


def test_a_folder_with_other_files_is_left_alone(small_fit, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-023.*notes\.txt"):
        small_fit.sample(**RUN, store=tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("notes.txt", "mine", "Choose an empty folder, or move these files away"),
        (MANIFEST, "{", "Name the right folder; or delete this one"),
        (MANIFEST, "{}", "Name the right folder; or delete this one"),
    ],
)
def test_what_overwriting_does_not_mend_is_not_said_to_need_it(tmp_path, name, content, remedy, resume):
    (tmp_path / name).write_text(content)
    with (
        pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{remedy}") as caught,
        open_store(tmp_path, {}, {}, 1, resume=resume, overwrite=True),
    ):
        pass
    assert "--overwrite" not in str(caught.value)
    assert (tmp_path / name).read_text() == content


def test_a_run_that_was_killed_before_its_first_manifest_is_in_nobodys_way(small_fit, tmp_path):
    folder = tmp_path / "draws"
    folder.mkdir()
    for name in ("whitening.nc", ".manifest.json.123.tmp", ".whitening.nc.0a1b3c9f.tmp"):
        (folder / name).write_bytes(b"half")
    short = RUN | {"draws": 20, "tune": 20, "chains": 1}
    tree = small_fit.sample(**short, store=folder)
    assert same_bits(tree, load_posterior(folder), ("posterior",))


def reopened(folder: Path, **options):
    """Open a store as the run that wrote it does."""
    manifest = manifest_of(folder)
    return open_store(folder, manifest["identity"], {}, len(manifest["chains"]), **options)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("how", ["lost", "dangling"])
def test_blocks_whose_manifest_cannot_be_seen_are_not_deleted_unasked(whole, tmp_path, how, resume):
    folder = copied(whole[1], tmp_path)
    kept = {path.name for path in folder.glob("chain-*")}
    again, asked = reopened(folder, resume=resume), reopened(folder, overwrite=True)
    (folder / MANIFEST).unlink()
    if how == "dangling":
        (folder / MANIFEST).symlink_to(tmp_path / "nowhere")
    match = "BM-IO-023.*it is a link" if how == "dangling" and resume else "BM-IO-022.*--overwrite"
    with pytest.raises((BayesmapInputError, BayesmapIOError), match=match), again:
        pass
    assert {path.name for path in folder.glob("chain-*")} == kept
    if how == "lost":
        with asked:
            assert not list(folder.glob("chain-*"))


def test_a_manifest_on_a_disk_that_is_away_is_not_a_missing_one(whole, monkeypatch):
    def away(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(draw_folder.os, "lstat", away)
    with pytest.raises(BayesmapIOError, match=r"BM-IO-023.*cannot be seen \(Input/output error\)"):
        is_store(whole[1])


def test_a_link_to_a_folder_of_draws_is_not_one_of_those_in_a_folder(whole, tmp_path):
    (tmp_path / "link").symlink_to(whole[1])
    folder = copied(whole[1], tmp_path)
    assert stores_in(tmp_path) == [folder]


def test_what_killed_runs_left_is_deleted_by_the_next(whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    before = {path.name for path in folder.iterdir()}
    block = "chain-0-run-9-0000000-0000250.nc"
    for name in (block, f".{block}.42.tmp", ".manifest.json.d2e4f608.tmp", "notes.nc"):
        (folder / name).write_bytes(b"half")
    with reopened(folder, resume=True):
        pass
    assert {path.name for path in folder.iterdir()} == before | {"lock", "notes.nc"}


def test_a_folder_named_as_a_block_is_in_nobodys_way(whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    (folder / "chain-0-run-9-0000000-0000250.nc").mkdir()
    with reopened(folder, overwrite=True):
        left = {path.name for path in folder.iterdir()}
    assert left == {"lock", "chain-0-run-9-0000000-0000250.nc"}


def test_the_names_of_new_folders_are_on_the_disk(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(draw_folder, "synchronise", done.append)
    with open_store(tmp_path / "comparison.draws" / "a", {"versions": {}}, {}, 1):
        assert {tmp_path, tmp_path / "comparison.draws"} <= set(done)


def test_deleting_a_store_leaves_what_is_not_its_own(whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    (folder / "chain-notes.nc").write_text("mine")
    remove_store(folder)
    assert [path.name for path in folder.iterdir()] == ["chain-notes.nc"]
    remove_store(folder)
    (folder / "chain-notes.nc").unlink()
    other = copied(whole[1], tmp_path / "other")
    remove_store(other)
    assert not other.exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [({"draws": 700}, "draws was 620, is 700"), ({"random_seed": 6}, "seed was 5, is 6"),
     ({"target_accept": 0.9}, r"target_accept was 0\.8, is 0\.9")],
)  # fmt: skip
def test_other_settings_are_refused(small_fit, whole, change, text):
    with pytest.raises(BayesmapInputError, match=f"BM-IO-021(.|\n)*{text}"):
        small_fit.sample(**RUN | change, store=whole[1], resume=True)


@pytest.fixture(scope="module")
def others():
    """Fits of other data, another model, and another prior than `small_fit`."""
    from dataclasses import replace

    from bayesmap.testing import toy_dataset, toy_models

    data, models = toy_dataset(npix=12), toy_models()
    counts = data.counts.data.copy()
    counts.flat[np.argmax(counts)] += 1
    changed = replace(data, counts=replace(data.counts, data=counts))
    return {
        "data": MapFit.from_dataset(changed, models),
        "models": MapFit.from_dataset(data, models.with_frozen({"index": True})),
        "priors": MapFit.from_dataset(data, models, priors="flat"),
    }


@pytest.mark.parametrize("what", ["data", "models", "priors"])
def test_changed_data_models_or_priors_are_refused_by_hash(others, whole, what):
    with pytest.raises(BayesmapInputError, match=f"BM-IO-021(.|\n)*{what} is different"):
        others[what].sample(**RUN, store=whole[1], resume=True)


def test_a_prior_is_told_from_another_by_every_digit(others):
    """Also those of PyMC, whose text holds no numbers."""
    import pymc as pm

    from bayesmap import Prior
    from bayesmap.posterior.priors import build_variables

    fit = others["data"]
    geoms = [fit.dataset.counts.geom]

    def digest(prior):
        return build_variables(fit.model, {"index": prior}, geoms).digest()

    given = [pm.Normal.dist(2.0, 0.1), pm.Normal.dist(2.5, 0.3), Prior("Normal", mu=2.0, sigma=0.1),
             Prior("Normal", mu=2.000004, sigma=0.1), Prior("Laplace", mu=2.0, b=0.1)]  # fmt: skip
    found = [digest(prior) for prior in given]
    assert len(set(found)) == len(given)
    assert digest(pm.Normal.dist(2.0, 0.1)) == found[0]


def test_another_version_is_refused(small_fit, whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"nutpie": "', '"nutpie": "0.0.'))
    with pytest.raises(BayesmapInputError, match="BM-IO-021.*versions"):
        small_fit.sample(**RUN, store=folder, resume=True)


def test_one_process_at_a_time(small_fit, whole):
    held = open_store(whole[1], manifest_of(whole[1])["identity"], {}, 3, resume=True)
    with held, pytest.raises(BayesmapIOError, match=r"BM-IO-025.*another process"):
        small_fit.sample(**RUN, store=whole[1], resume=True)


def test_only_nutpie_gives_draws_before_the_end(small_fit, tmp_path):
    with pytest.raises(BayesmapInputError, match=r"BM-FT-016.*numpyro"):
        small_fit.sample(**RUN, store=tmp_path / "draws", nuts_sampler="numpyro")


@pytest.mark.parametrize("kind", ["flipped", "cut", "missing"])
def test_a_damaged_block_is_told(whole, tmp_path, kind):
    folder = copied(whole[1], tmp_path)
    path = sorted(folder.glob("chain-1-*"))[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink() if kind == "missing" else path.write_bytes(content if kind == "flipped" else content[:-1])
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{path.name}"):
        load_posterior(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, '{"format": 1}', '{"format": 2}', '{"format": 1, "run": "1"}']
)
def test_a_manifest_that_is_none_is_told(whole, tmp_path, text):
    folder = copied(whole[1], tmp_path)
    (folder / MANIFEST).write_text(text)
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{MANIFEST}"):
        load_posterior(folder)


@pytest.mark.parametrize(
    "path",
    [("attributes",), ("identity", "versions"), ("whitening",), ("whitening", "notes"), ("sampler",),
     ("sampler", "tune"), ("chains", 0, "finished"), ("chains", 0, "blocks", 0, "sha256"),
     ("chains", 0, "blocks", 0, "draws")],
    ids=str,
)  # fmt: skip
def test_a_manifest_without_one_of_its_parts_is_told(whole, tmp_path, path):
    folder = copied(whole[1], tmp_path)
    manifest = manifest_of(folder)
    part = manifest
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{MANIFEST}"):
        load_posterior(folder)


@pytest.mark.parametrize(
    ("place", "value"),
    [(("run",), -3), (("run",), 0), (("run",), 2**63), (("identity", "seed"), -5), (("identity", "seed"), 2**63),
     (("identity", "seed"), True), (("whitening", "notes"), [3]), (("chains", 1, "blocks"), "those of chain 0")],
    ids=str,
)  # fmt: skip
def test_a_forged_manifest_is_told(whole, tmp_path, place, value):
    """Numbers that no run has, and blocks that are named twice."""
    folder = copied(whole[1], tmp_path)
    manifest = manifest_of(folder)
    part = manifest
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = manifest["chains"][0]["blocks"] if place[0] == "chains" else value
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{MANIFEST}"):
        load_posterior(folder)


@pytest.mark.parametrize(("name", "value"), [("priors", None), ("options", "{")])
def test_attributes_of_a_manifest_say_how_draws_were_made(whole, tmp_path, name, value):
    folder, _ = one_chain(whole, tmp_path)
    manifest = manifest_of(folder)
    manifest["attributes"] = {key: text for key, text in manifest["attributes"].items() if key != name}
    manifest["attributes"] |= {} if value is None else {name: value}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*attribute '{name}'"):
        load_posterior(folder)


def one_chain(whole, tmp_path: Path, number: int = 1) -> tuple[Path, Path]:
    """Return a copy of the store with some blocks of its first chain alone, and the last of these."""
    folder = copied(whole[1], tmp_path)
    manifest = manifest_of(folder)
    manifest["chains"] = [{"finished": False, "blocks": manifest["chains"][0]["blocks"][:number]}]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder, folder / manifest["chains"][0]["blocks"][-1]["file"]


def forge(path: Path, change) -> None:
    """Change a block, and the manifest so that it knows nothing of it."""
    with h5py.File(path, "r+") as file:
        change(file)
    manifest = manifest_of(path.parent)
    manifest["chains"][0]["blocks"][-1]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / MANIFEST).write_text(json.dumps(manifest))


def with_array(place, **options):
    """Return a change that puts another array in a place, or a further one."""

    def change(file):
        if place in file:
            del file[place]
        file.create_dataset(place, **options)

    return change


def with_values(place, index, value):
    return lambda file: file[place].__setitem__(index, value)


def with_layout(file):
    layout = h5py.VirtualLayout(shape=(1, 250), dtype="f8")
    layout[:] = h5py.VirtualSource("other.nc", "x", shape=(1, 250))
    file["posterior"].create_virtual_dataset("more", layout)


def transposed(file):
    """Exchange the dimensions of a statistic."""
    values = file["sample_stats/lp"][...].T
    del file["sample_stats/lp"]
    made = file["sample_stats"].create_dataset("lp", data=values)
    made.dims[0].attach_scale(file["sample_stats/draw"])
    made.dims[1].attach_scale(file["sample_stats/chain"])


W, INDEX = "coordinates/w", "posterior/source.spectral.index"
FORGED = {
    "bomb": (with_array("posterior/more", shape=(1, 250, 1 << 18), dtype="f8", chunks=(1, 250, 64), compression="gzip"),
             "unpacks to|is packed"),
    "small and packed": (with_array("posterior/more", shape=(1, 250), dtype="f8", chunks=True, compression="gzip"),
                         "is packed"),
    "never written": (with_array("posterior/more", shape=(1, 250, 20_000), dtype="f8"), "its arrays would have 40,"),
    "outside": (with_array("posterior/more", shape=(1, 250), dtype="f4", external=[("/etc/hosts", 0, 1000)]),
                "lies in another file"),
    "virtual": (with_layout, "lies in another file"),
    "soft link": (lambda file: file["posterior"].__setitem__("more", h5py.SoftLink("/coordinates/w")), "is a link"),
    "external link": (lambda file: file.__setitem__("more", h5py.ExternalLink("other.nc", "/x")), "is a link"),
    "no w": (lambda file: file.__delitem__(W), "does not hold w"),
    "w of other size": (with_array(W, data=np.zeros((250, 7))), "does not hold w, 250 x 5 numbers"),
    "w not finite": (with_values(W, (3, 1), np.inf), "its w is not finite"),
    "a statistic less": (lambda file: file.__delitem__("sample_stats/energy"), "does not hold the statistics"),
    "a statistic transposed": (transposed, "does not hold the statistics"),
    "another chain": (with_values("posterior/chain", 0, 1), "posterior does not hold 250 draws of chain 0 from 0 on"),
    "other draws": (with_values("coordinates/draw", 9, 10), "group coordinates does not hold 250 draws"),
    "no group": (lambda file: file.__delitem__("sample_stats"), "group sample_stats does not hold 250 draws"),
    "no unit": (lambda file: file[INDEX].attrs.__delitem__("unit"), "does not say its unit"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_block_is_told_before_it_is_loaded(whole, tmp_path, case):
    change, match = FORGED[case]
    folder, path = one_chain(whole, tmp_path)
    forge(path, change)
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{path.name}.*({match})"):
        load_posterior(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [(lambda file: file[INDEX].attrs.__setitem__("unit", "TeV"), "do not hold the parameters of those before"),
     (lambda file: file.__delitem__(INDEX), "do not hold the parameters of those before"),
     (with_values("posterior/offset", 0, "z"), "its blocks do not fit together")],
    ids=["unit", "parameter", "label"],
)  # fmt: skip
def test_blocks_of_one_run_are_alike(whole, tmp_path, change, match):
    """Nothing is filled up with NaN, nor one unit taken for another."""
    folder, path = one_chain(whole, tmp_path, 2)
    forge(path, change)
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{match}"):
        load_posterior(folder)


def test_draws_that_are_not_finite_are_said(whole, tmp_path):
    folder, path = one_chain(whole, tmp_path)
    forge(path, with_values(INDEX, (0, 4), np.nan))
    assert "not_finite: some draws are not finite" in verdict_of(load_posterior(folder)).reasons


@pytest.mark.parametrize("what", ["block", "manifest"])
@pytest.mark.parametrize("kind", ["link", "device", "pipe", "folder", "large"])
def test_what_is_no_file_is_not_read(whole, tmp_path, monkeypatch, what, kind):
    """Neither a link out of the folder, nor what never ends."""
    folder, path = one_chain(whole, tmp_path)
    path = path if what == "block" else folder / MANIFEST
    moved = path.rename(tmp_path / "moved")
    if kind in ("link", "device"):
        path.symlink_to(moved if kind == "link" else "/dev/zero")
    elif kind == "large":
        shutil.copy(moved, path)
        monkeypatch.setattr(draw_store if what == "block" else draw_folder, *LARGEST[what])
    else:
        {"pipe": os.mkfifo, "folder": os.mkdir}[kind](path)
    said = {"pipe": "no regular file", "folder": "(no regular file|Is a directory)", "large": "more than"}
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{path.name} cannot be read .*{said.get(kind, 'is a link')}"):
        load_posterior(folder)


LARGEST = {"block": ("LARGEST_BLOCK", 10_000), "manifest": ("LARGEST_MANIFEST", 500)}


def test_a_change_of_coordinates_of_another_fit_is_told(small_fit, whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    manifest = manifest_of(folder)
    arrays = {"origin": ("origin_0", np.zeros(3)), "root": (("root_0", "root_1"), np.eye(3))}
    manifest["whitening"] |= DrawStore(folder, manifest).write(WHITENING, xr.DataTree(xr.Dataset(arrays)))
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match="BM-IO-023.*does not hold w, 250 x 3 numbers"):
        load_posterior(folder)
    with pytest.raises(BayesmapIOError, match="BM-IO-023.*whitening.nc holds no change of 5 coordinates"):
        small_fit.sample(**RUN, store=folder, resume=True)


def test_a_block_holds_the_statistics_of_the_sampler():
    assert set(blocks.STATISTICS) == set(nutpie_nuts.STATISTICS)


@pytest.mark.parametrize("content", [b"", b"no block", None])
def test_a_block_that_is_none_is_told_whatever_the_manifest_says(whole, tmp_path, content):
    folder = copied(whole[1], tmp_path)
    manifest = manifest_of(folder)
    first = manifest["chains"][0]["blocks"][0]
    data = (folder / manifest["chains"][0]["blocks"][2]["file"]).read_bytes() if content is None else content
    (folder / first["file"]).write_bytes(data)
    first["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match=f"BM-IO-023.*{first['file']}"):
        load_posterior(folder)


def test_a_manifest_cannot_name_a_file_elsewhere(whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    manifest = manifest_of(folder)
    block = manifest["chains"][0]["blocks"][0]
    (folder / block["file"]).replace(tmp_path / "elsewhere.nc")
    block["file"] = "../elsewhere.nc"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match="BM-IO-023"):
        load_posterior(folder)


@pytest.mark.parametrize("name", ["/etc/hostname", "..", "../x.nc", "chain-0.nc", "manifest.json", ""])
def test_a_manifest_cannot_have_other_files_deleted(small_fit, whole, tmp_path, name):
    folder = copied(whole[1], tmp_path)
    unfinished(folder, 0)
    manifest = manifest_of(folder)
    manifest["chains"][0]["blocks"][0]["file"] = name
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match="BM-IO-023"):
        small_fit.sample(**RUN, store=folder, resume=True)
    with pytest.raises(BayesmapIOError, match="BM-IO-023"):
        small_fit.sample(**RUN, store=folder, overwrite=True)
    assert Path("/etc/hostname").exists()


def test_a_finished_chain_has_all_its_draws(small_fit, whole, tmp_path):
    folder = copied(whole[1], tmp_path)
    unfinished(folder, 1)
    manifest = manifest_of(folder)
    manifest["chains"][1]["finished"] = True
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BayesmapIOError, match=r"BM-IO-023.*\[620, 250, 620\] draws"):
        small_fit.sample(**RUN, store=folder, resume=True)


def test_a_chain_that_is_another_one_is_refused(small_fit, whole, tmp_path, monkeypatch):
    """As on a processor that rounds otherwise: the draws of before stay."""
    folder = copied(whole[1], tmp_path)
    unfinished(folder, 1)
    with monkeypatch.context() as patch:
        patch.setattr(nutpie_nuts.Settings, "chain_seed", lambda self, chain: 99)
        with pytest.raises(BayesmapIOError, match="BM-IO-028.*chain 1"):
            small_fit.sample(**RUN, store=folder, resume=True)
    assert same_bits(whole[0], small_fit.sample(**RUN, store=folder, resume=True))


def test_what_a_manifest_of_somebody_else_names_is_left(small_fit, tmp_path):
    for name in (MANIFEST, "index.html"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(BayesmapIOError, match="BM-IO-023"):
        small_fit.sample(**RUN, store=tmp_path, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "lock") == ["index.html", MANIFEST]


@pytest.mark.parametrize("wrong", [{"chains": 0}, {"nuts_sampler": "numpyro"}, {"start": "nowhere"}, {"draws": -1}])
def test_nothing_is_deleted_for_a_run_that_cannot_be(small_fit, whole, tmp_path, wrong):
    folder = copied(whole[1], tmp_path)
    with pytest.raises(BayesmapInputError, match="BM-FT-0"):
        small_fit.sample(**RUN | wrong, store=folder, overwrite=True)
    assert same_bits(whole[0], load_posterior(folder), ("posterior",))


def test_an_interrupt_soon_after_resuming_keeps_what_the_run_before_had(small_fit, whole, tmp_path, monkeypatch):
    folder = copied(whole[1], tmp_path)
    for chain in range(3):
        unfinished(folder, chain)

    def stopped(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(nutpie_nuts._Pool, "_look", stopped)
    tree = small_fit.sample(**RUN, store=folder, resume=True)
    assert tree.attrs["status"] == "interrupted"
    assert tree["posterior"].sizes["draw"] == 250
    for name, values in tree["posterior"].data_vars.items():
        assert np.array_equal(values.values, whole[0]["posterior"][name].values[:, :250])


class Killed(BaseException):
    """In place of `kill -9`: nobody catches it."""


@pytest.mark.parametrize("step", range(9))
def test_killed_between_any_two_steps_of_writing(small_fit, whole, tmp_path, monkeypatch, step):
    """Before a file is put in its place or deleted: what is there is readable, resuming gives the same."""
    folder, done = copied(whole[1], tmp_path), []
    unfinished(folder, 0)
    unfinished(folder, 2, 0)
    originals = draw_store.put_bytes, draw_store.DrawWriter._remove

    def dying(original):
        def act(*arguments):
            if len(done) == step:
                raise Killed
            done.append(original)
            original(*arguments)

        return act

    with monkeypatch.context() as patch:
        patch.setattr(draw_store, "put_bytes", dying(originals[0]))
        patch.setattr(draw_store.DrawWriter, "_remove", dying(originals[1]))
        with pytest.raises(Killed):
            small_fit.sample(**RUN, store=folder, resume=True)
    left = load_posterior(folder)
    assert left["posterior"].sizes["draw"] * left["posterior"].sizes["chain"] >= 620  # those of the finished chain
    assert same_bits(whole[0], small_fit.sample(**RUN, store=folder, resume=True))


class Full:
    """A disk that is full after so many files."""

    def __init__(self, files: int) -> None:
        self.left, self.put = files, draw_store.put_bytes

    def __call__(self, path, content):
        if self.left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= 1
        self.put(path, content)


@pytest.mark.parametrize("files", [2, 5, 6, 9])
def test_a_full_disk_ends_the_run_and_leaves_what_was_written(small_fit, whole, tmp_path, monkeypatch, files):
    """The store is readable as it was at the last flush, and a later run gives the same bits."""
    tree, folder = whole[0], tmp_path / "draws"
    with monkeypatch.context() as patch:
        patch.setattr(draw_store, "put_bytes", Full(files))
        with pytest.raises(BayesmapIOError, match=r"BM-IO-024.*No space left on device(.|\n)*--resume"):
            small_fit.sample(**RUN, store=folder)
    if files > 4:
        left = load_posterior(folder)
        assert left.attrs["status"] == "interrupted"
        assert "interrupted" in str(summarise(left))
        size = left["posterior"].sizes["draw"]
        assert 0 < size <= 620
        for name, values in left["posterior"].data_vars.items():
            kept = tree["posterior"][name].sel(chain=values["chain"].values).values[:, :size]
            assert np.array_equal(values.values, kept), name
    assert same_bits(tree, small_fit.sample(**RUN, store=folder, resume=True))


def test_a_disk_without_room_is_told_before_the_first_draw(small_fit, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(draw_store.shutil, "disk_usage", lambda path: usage._replace(free=300_000))
    with pytest.raises(BayesmapIOError, match=r"BM-IO-026.*0\.3 MB left"):
        small_fit.sample(**RUN | {"draws": 10_000}, store=tmp_path / "draws")


def test_a_chain_that_is_run_again_needs_its_room_once_more(whole, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(draw_store.shutil, "disk_usage", lambda path: usage._replace(free=0))

    def needed(folder, draws=100_000):
        with pytest.raises(BayesmapIOError, match="BM-IO-026") as told:
            DrawStore(folder, manifest_of(folder))._check_room(3, draws, size=5)
        return float(re.search(r"need ([\d,.]+) MB", str(told.value))[1].replace(",", ""))

    folder = copied(whole[1], tmp_path)
    finished = needed(folder)
    unfinished(folder, 0, blocks=3)
    begun = needed(folder)
    unfinished(folder, 0, blocks=0)
    assert needed(folder) == begun > finished


def test_a_folder_that_cannot_be_made_is_told(small_fit, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BayesmapIOError, match="BM-IO-024"):
        small_fit.sample(**RUN, store=tmp_path / "file" / "draws")


def test_draws_are_written_after_some_seconds_too(small_fit, tmp_path, monkeypatch):
    """Also where a block is not full for long: the manifest counts more draws each time, in one open block."""
    monkeypatch.setattr(nutpie_nuts, "EVERY", 0.0)
    sizes = []

    def progress(done, total, divergences):
        if (tmp_path / "draws" / MANIFEST).exists():
            sizes.append(sum(block["draws"] for block in manifest_of(tmp_path / "draws")["chains"][0]["blocks"]))

    small_fit.sample(**RUN | {"draws": 240, "chains": 1}, store=tmp_path / "draws", progress=progress)
    assert sizes == sorted(sizes)
    assert len({size for size in sizes if 0 < size < 240}) > 0
    assert len(list((tmp_path / "draws").glob("chain-*"))) == 1
