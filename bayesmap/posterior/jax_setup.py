"""How JAX is set up: double precision, and a cache of compiled functions that later processes use again.

The cache lies in a folder of the user's (`cache_folder`), which ``BAYESMAP_CACHE`` moves (a path) or switches off
(``off``). Below it each kind of processor and version of JAX has a folder of its own: compiled code is for the
instructions that the processor has, and a home may be shared between machines. It is code, so a folder that others may
write to is not used. A cache that the user gave JAX (``JAX_COMPILATION_CACHE_DIR``) stays as it is.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import stat
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jax
import jaxlib.version
from jax.experimental.compilation_cache import compilation_cache

VARIABLE = "BAYESMAP_CACHE"
ALLOCATOR = "BAYESMAP_ALLOCATOR"
"""Set to ``off``, it leaves the allocator as it is."""
KEPT = 2**30
"""Bytes of freed memory that the process keeps for the next evaluation."""
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Options of mallopt(3)."""
LARGEST = 512 * 1024**2
"""Bytes that the cache of one kind of processor may take; what was not used for longest goes first."""
CPU_FEATURES = Path("/proc/cpuinfo")
"""Where Linux says what the processor can do."""


@cache
def set_up() -> None:
    """Set up JAX, once in a process, before anything is compiled."""
    jax.config.update("jax_enable_x64", True)
    if os.environ.get(ALLOCATOR, "").lower() != "off":
        keep_freed_memory()
    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = cache_folder(os.environ)
    if folder is None:
        return
    own = folder / f"jaxlib-{jaxlib.version.__version__}-{processor()}"
    reason = prepare(folder) or prepare(own)
    if reason:
        warnings.warn(
            f"compiled functions are not kept for later runs, each compiles anew: {reason}. Set {VARIABLE} to a folder "
            f"of your own, or to 'off'",
            stacklevel=2,
        )
        return
    use(own)


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory instead of handing it back to the system; return False on other systems.

    A compiled function asks for its intermediate arrays anew in each call. Arrays of some megabytes glibc would map
    into the process and unmap again: the system then fills every page with zeros, which takes as long as arithmetic.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, KEPT // 16))
    return all([mallopt(option, value) == 1 for option, value in settings])


def use(folder: Path) -> None:
    """Let JAX keep every compiled function in a folder, however small it is."""
    compilation_cache.reset_cache()  # JAX looks once in a process whether there is a cache
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder of the cache, or None where it is switched off.

    Parameters
    ----------
    environment : mapping
        Environment variables: ``BAYESMAP_CACHE``, then ``XDG_CACHE_HOME``, then the home folder.
    """
    chosen = environment.get(VARIABLE, "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(os.path.expanduser(chosen)).absolute()  # noqa: PTH111 - of no home it keeps the ~
    base = environment.get("XDG_CACHE_HOME", "")
    # The rule of XDG: a relative path is ignored.
    return Path(base if Path(base).is_absolute() else os.path.expanduser("~/.cache")) / "bayesmap"  # noqa: PTH111


def prepare(folder: Path) -> str:
    """Make a folder that only the user may write to; return why it cannot be used, or nothing."""
    if not folder.is_absolute():
        return "no home folder is known"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        return f"{folder} cannot be made ({error})"
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return f"{folder} belongs to another user"
    if os.name == "posix" and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to {folder}"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable"
    return ""


def processor() -> str:
    """Return a short name of the processor's kind and features."""
    features = [platform.system(), platform.machine(), platform.processor()]
    if CPU_FEATURES.is_file():
        lines = CPU_FEATURES.read_text(errors="replace").splitlines()
        named = (line.partition(":") for line in lines)
        features += sorted({value for key, _, value in named if key.strip() in ("model name", "flags", "Features")})
    return hashlib.sha256("\n".join(features).encode()).hexdigest()[:16]
