"""Where compiled functions are kept, and when they are not."""

from __future__ import annotations

import platform
import warnings
from pathlib import Path

import jax
import pytest

from bayesmap.posterior import jax_setup


@pytest.fixture
def fresh(monkeypatch):
    """The set-up as in a new process, JAX's own settings put back afterwards."""
    names = (
        "jax_compilation_cache_dir",
        "jax_compilation_cache_max_size",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    jax_setup.set_up.cache_clear()
    jax.config.update("jax_compilation_cache_dir", None)
    yield monkeypatch
    jax_setup.compilation_cache.reset_cache()
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"BAYESMAP_CACHE": "off"}, None),
        ({"BAYESMAP_CACHE": "OFF", "XDG_CACHE_HOME": "/x"}, None),
        ({"BAYESMAP_CACHE": "/fast/disk"}, Path("/fast/disk")),
        ({"BAYESMAP_CACHE": "/fast/disk", "XDG_CACHE_HOME": "/x"}, Path("/fast/disk")),
        ({"BAYESMAP_CACHE": "", "XDG_CACHE_HOME": "/x"}, Path("/x/bayesmap")),
        ({"XDG_CACHE_HOME": "relative"}, Path("/people/someone/.cache/bayesmap")),
        ({}, Path("/people/someone/.cache/bayesmap")),
    ],
)
def test_the_folder_follows_the_environment(environment, folder, monkeypatch):
    monkeypatch.setenv("HOME", "/people/someone")
    assert jax_setup.cache_folder(environment) == folder


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert "others may write to" in jax_setup.prepare(shared)


def test_a_made_folder_is_for_the_user_only(tmp_path):
    assert jax_setup.prepare(tmp_path / "new") == ""
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_no_home_is_a_reason():
    assert jax_setup.prepare(Path("~/.cache/bayesmap")) == "no home folder is known"


def test_an_unusable_folder_is_said_once_and_stops_nothing(tmp_path, fresh):
    (tmp_path / "file").write_text("")
    fresh.setenv("BAYESMAP_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="compiled functions are not kept for later runs.*cannot be made.*'off'"):
        jax_setup.set_up()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jax_setup.set_up()
    assert jax.config.jax_compilation_cache_dir is None
    assert jax.numpy.arange(3.0).sum() == 3.0


def test_switched_off(fresh):
    fresh.setenv("BAYESMAP_CACHE", "off")
    jax_setup.set_up()
    assert jax.config.jax_compilation_cache_dir is None
    assert jax.config.jax_enable_x64


def test_a_cache_given_to_jax_stays(tmp_path, fresh):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    jax_setup.set_up()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")


def test_the_cache_is_of_one_processor_and_bounded(tmp_path, fresh):
    fresh.setenv("BAYESMAP_CACHE", str(tmp_path))
    jax_setup.set_up()
    folder = Path(jax.config.jax_compilation_cache_dir)
    assert folder.parent == tmp_path
    assert folder.name.endswith(jax_setup.processor())
    assert jax.config.jax_compilation_cache_max_size == 512 * 1024**2


def test_other_features_are_another_processor(tmp_path, monkeypatch):
    here = jax_setup.processor()
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: another\nflags\t\t: fpu sse2\n")
    monkeypatch.setattr(jax_setup, "CPU_FEATURES", tmp_path / "cpuinfo")
    assert jax_setup.processor() != here


def test_freed_memory_is_kept_where_the_allocator_can():
    assert jax_setup.keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
