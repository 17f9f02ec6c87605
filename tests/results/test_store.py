"""A posterior on disk: the same bits, nothing replaced unasked, nothing left behind."""

import json

import h5py
import numpy as np
import pytest
import xarray as xr

from bayesmap.errors import BayesmapIOError
from bayesmap.results.posterior import verdict_of
from bayesmap.results.store import load_posterior, save_posterior
from bayesmap.results.summary import summarise


@pytest.fixture(scope="module")
def tree(small_tree):
    """The draws, with some marked as divergent."""
    tree = small_tree.copy(deep=True)
    diverging = tree["sample_stats"]["diverging"].values.copy()
    diverging[1, [3, 77]] = True
    tree["sample_stats"]["diverging"] = tree["sample_stats"]["diverging"].copy(data=diverging)
    return tree


@pytest.fixture
def saved(tree, tmp_path):
    return save_posterior(tree, tmp_path / "posterior.nc")


def same(a, b):
    return a.dtype == b.dtype and a.dims == b.dims and np.array_equal(a.values, b.values)


def test_every_array_and_attribute_comes_back(tree, saved):
    back = load_posterior(saved)
    assert set(back.children) == set(tree.children)
    assert back.attrs == tree.attrs
    for group in tree.children:
        ours, theirs = tree[group].to_dataset(), back[group].to_dataset()
        assert set(theirs.variables) == set(ours.variables)
        for name in ours.data_vars:
            assert same(ours[name], theirs[name]), (group, name)
            assert theirs[name].attrs == ours[name].attrs
        for name in ours.coords:
            assert np.array_equal(ours[name].values, theirs[name].values), (group, name)
        assert {key: list(np.atleast_1d(value)) for key, value in theirs.attrs.items()} == {
            key: list(np.atleast_1d(value)) for key, value in ours.attrs.items()
        }
    assert int(back["sample_stats"]["diverging"].sum()) == int(tree["sample_stats"]["diverging"].sum()) >= 2


def test_order_verdict_and_provenance_come_back(tree, saved):
    back = load_posterior(saved)
    assert list(back["posterior"].data_vars) == list(tree["posterior"].data_vars)
    assert verdict_of(back) == verdict_of(tree)
    assert json.loads(back.attrs["dataset"]) == json.loads(tree.attrs["dataset"])
    assert back["posterior"]["source.spectral.amplitude"].attrs["unit"] == "TeV-1 s-1 cm-2"
    assert str(summarise(back)) == str(summarise(tree))


def test_file_holds_numbers_and_text_only(saved):
    def visit(name, item):
        assert item.dtype.kind in "biufS" or h5py.check_string_dtype(item.dtype) is not None, name

    def check(name, item):
        if isinstance(item, h5py.Dataset):
            visit(name, item)

    with h5py.File(saved) as file:
        file.visititems(check)


def test_long_attributes_are_kept(tree, tmp_path):
    big = tree.copy()
    # HDF5 keeps attributes up to 64 kB in the header: the priors of a few hundred sources are longer.
    big.attrs = tree.attrs | {"priors": json.dumps({f"source-{i}.spectral.index": "Normal" * 5 for i in range(3000)})}
    assert load_posterior(save_posterior(big, tmp_path / "big.nc")).attrs == big.attrs


def test_a_file_is_not_replaced_unasked(tree, saved):
    before = saved.read_bytes()
    with pytest.raises(BayesmapIOError, match=r"BM-IO-032.*posterior\.nc exists(.|\n)*overwrite=True"):
        save_posterior(tree, saved)
    assert saved.read_bytes() == before
    save_posterior(tree, saved, overwrite=True)
    assert [item.name for item in saved.parent.iterdir()] == ["posterior.nc"]


def test_a_failed_save_leaves_nothing_and_keeps_the_old_file(tree, saved, monkeypatch):
    before = saved.read_bytes()

    def full(place):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)  # what was written so far is half of it
    with pytest.raises(BayesmapIOError, match="BM-IO-009.*No space left"):
        save_posterior(tree, saved, overwrite=True)
    assert saved.read_bytes() == before
    assert [item.name for item in saved.parent.iterdir()] == ["posterior.nc"]


def test_a_folder_that_is_not_there_is_told(tree, tmp_path):
    with pytest.raises(BayesmapIOError, match="BM-IO-009.*cannot be written"):
        save_posterior(tree, tmp_path / "missing" / "posterior.nc")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BayesmapIOError, match=r"BM-IO-001.*none\.nc"):
        load_posterior(tmp_path / "none.nc")


def test_other_files_are_told(saved, tmp_path):
    text = tmp_path / "text.nc"
    text.write_text("not netCDF")
    cut = tmp_path / "cut.nc"
    cut.write_bytes(saved.read_bytes()[:5000])
    other = tmp_path / "other.nc"
    xr.Dataset({"x": ("n", np.zeros(3))}).to_netcdf(other, engine="h5netcdf")
    for path in (text, cut, other):
        with pytest.raises(BayesmapIOError, match="BM-IO-020.*no stored posterior"):
            load_posterior(path)


def test_what_was_loaded_needs_the_file_no_more(saved):
    back = load_posterior(saved)
    saved.unlink()
    assert np.all(np.isfinite(back["posterior"]["source.spectral.index"].values))


def test_a_zarr_store_gives_the_same_bits(tree, tmp_path):
    """Of xarray, for those who keep posteriors that way; zarr comes with nutpie."""
    tree.to_zarr(tmp_path / "posterior.zarr", consolidated=False)
    with xr.open_datatree(tmp_path / "posterior.zarr", engine="zarr", consolidated=False) as opened:
        back = opened.load()
    assert back.attrs == tree.attrs
    for group in tree.children:
        for name, ours in tree[group].data_vars.items():
            theirs = back[group][name]
            assert same(ours, theirs), (group, name)
            assert theirs.attrs == ours.attrs
    assert verdict_of(back) == verdict_of(tree)
