"""Code that is not bayesmap's: which package it comes from, and what functions and classes of the user are made of."""

from __future__ import annotations

import dis
import functools
import site
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOUSE = ("bayesmap", "numpy", "scipy", "astropy", "pytensor", "pymc", "jax", "jaxlib", "builtins")
"""Packages that are known by their versions wherever they lie."""
PYTHONS_OWN = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__conditional_annotations__", "__abstractmethods__", "_abc_impl",
    "__firstlineno__", "__static_attributes__", "__dataclass_fields__", "__dataclass_params__", "__match_args__",
    "__parameters__", "__orig_bases__", "__slots__", "__protocol_attrs__", "__non_callable_proto_members__",
})  # fmt: skip
"""What Python keeps in a class for itself."""
PLACES = (types.MemberDescriptorType, types.GetSetDescriptorType)
"""Where a class keeps values of its objects."""


def known(item: Any) -> bool:
    """Return True for a class or function of an installed package: its version stands for its code."""
    return _installed(_top(item.__module__))


def package(module: str) -> str:
    """Return the name of a module, with the version of its package where that stands for its code."""
    top = _top(module)
    if not _installed(top) or top == "bayesmap":
        return module
    return f"{module} {getattr(sys.modules.get(top), '__version__', '')}"


def held(value: Any) -> dict[str, Any]:
    """Return the attributes of an object, slots among them, without those that it works out of the others."""
    own = dict(vars(value)) if hasattr(value, "__dict__") else {}
    for base in type(value).__mro__:
        for name, item in vars(base).items():
            if isinstance(item, functools.cached_property):
                own.pop(name, None)
            elif isinstance(item, types.MemberDescriptorType) and hasattr(value, name):
                own[name] = getattr(value, name)
    return dict(sorted(own.items()))  # in whatever order they were given


def stated(kind: type) -> dict[str, Any]:
    """Return what a class is made of, as opposed to what Python keeps in it."""
    return {
        name: item
        for name, item in vars(kind).items()
        if name not in PYTHONS_OWN and not isinstance(item, PLACES)
    }  # fmt: skip


def found_by_name(function: types.FunctionType) -> list[Any]:
    """Return what a function finds by name in its module, and in modules of the user that it refers to."""
    globals_, attributes = set[str](), set[str]()
    for code in _codes(function.__code__):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                globals_.add(str(step.argval))
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                attributes.add(str(step.argval))
    found: list[Any] = []
    for name in sorted(globals_ & set(function.__globals__)):
        item = function.__globals__[name]
        found += [name, *_opened(item, attributes, ())] if isinstance(item, types.ModuleType) else [name, item]
    return found


def _opened(module: types.ModuleType, attributes: set[str], above: tuple[types.ModuleType, ...]) -> list[Any]:
    """Return a module; of one of the user's also what a function may take from it."""
    found: list[Any] = [module]
    if _installed(_top(module.__name__)) or module in above:
        return found
    for name in sorted(attributes & set(vars(module))):
        item = vars(module)[name]
        inside = isinstance(item, types.ModuleType)
        found += [name, *(_opened(item, attributes, (*above, module)) if inside else [item])]
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a function's code and that of the functions inside it."""
    yield code
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield from _codes(item)


def _top(module: str | None) -> str:
    return (module or "").partition(".")[0]


@functools.cache
def _installed(top: str) -> bool:
    """Return True for Python's own modules, and for packages that lie where installed ones do."""
    if top in HOUSE or top in sys.builtin_module_names:
        return True
    places = getattr(sys.modules.get(top), "__path__", None) or [getattr(sys.modules.get(top), "__file__", None)]
    return all(place is not None and _lies_in(Path(place).resolve()) for place in places)


def _lies_in(place: Path) -> bool:
    return any(place.is_relative_to(folder) for folder in _folders())


@functools.cache
def _folders() -> tuple[Path, ...]:
    names = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(name).resolve() for name in (*names, *site.getsitepackages(), site.getusersitepackages()))
