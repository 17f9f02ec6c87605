"""The bytes that stand for a model: numbers with every digit, arrays, maps, models inside models, code of functions.

What a model holds decides on its predictions, so nothing is left out or cut short: a value of a kind that is not known
here is refused. Code is known by its instructions and constants; that of bayesmap itself by its version.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import astropy.units as u
import numpy as np
from astropy.wcs import WCS

from bayesmap.errors import BayesmapInputError
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter

PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, enum.Enum, PurePath)
"""Values whose text is all that they are."""
HOUSE = ("bayesmap.", "numpy.", "scipy.", "astropy.", "pytensor.", "pymc.", "jax.", "builtins.", "abc.", "typing.")
"""Where code comes from that is known by the version of its package."""


def fingerprint(value: Any) -> Iterator[bytes]:
    """Yield the bytes that stand for a value.

    Parameters
    ----------
    value : object
        Model, component, parameter, number, text, array, quantity, record, collection of these, function or class.

    Raises
    ------
    BayesmapInputError
        BM-FT-018 for a value of another kind.
    """
    return _Walk().of(value)


class _Walk:
    """One pass over a value; what holds itself is named by how deep it lies, so that circles end."""

    def __init__(self) -> None:
        self.path: list[Any] = []

    def of(self, value: Any) -> Iterator[bytes]:
        """Yield the bytes of a value, after its kind."""
        kind = type(value)
        yield f"{kind.__module__}.{kind.__qualname__}:".encode()
        if isinstance(value, PLAIN):
            yield repr(value).encode()
        elif isinstance(value, types.ModuleType):
            yield value.__name__.encode()
        elif any(item is value for item in self.path):
            yield f"circle {[item is value for item in self.path].index(True)}".encode()
        else:
            self.path.append(value)
            yield from self._reader(value)(value)
            self.path.pop()

    def _reader(self, value: Any) -> Callable[[Any], Iterator[bytes]]:
        readers: tuple[tuple[Any, Callable[[Any], Iterator[bytes]]], ...] = (
            (u.UnitBase, lambda unit: iter([unit.to_string().encode()])),
            (u.Quantity, self._quantity),
            (np.ndarray, self._array),
            (WCS, lambda wcs: iter([wcs.to_header_string().encode()])),
            (Mapping, lambda items: self._all(part for pair in items.items() for part in pair)),
            ((tuple, list), self._all),
            ((set, frozenset), self._set),
            (Parameter, self._parameter),
            (ModelComponent, self._component),
            (type, self._class),
            (types.CodeType, self._code),
            (types.FunctionType, self._function),
            (types.MethodType, lambda method: self._all([method.__func__, method.__self__])),
            ((staticmethod, classmethod), lambda method: self.of(method.__func__)),
            (property, lambda item: self._all([item.fget, item.fset])),
            (functools.partial, lambda item: self._all([item.func, item.args, item.keywords])),
            ((types.BuiltinFunctionType, np.ufunc), lambda function: iter([function.__name__.encode()])),
        )
        for kind, reader in readers:
            if isinstance(value, kind):
                return reader
        if dataclasses.is_dataclass(value) or hasattr(value, "__dict__"):
            return self._record
        raise BayesmapInputError(
            "BM-FT-018",
            what=f"a model holds a {type(value).__module__}.{type(value).__qualname__}",
            rule="Every part of a model whose draws are kept, or are made by several processes, must be comparable",
            remedy="Let it hold numbers, text, arrays, quantities, functions, or records of these",
        )

    def _all(self, items: Any) -> Iterator[bytes]:
        parts = list(items)
        yield f"{len(parts)} items".encode()
        for item in parts:
            yield from self.of(item)

    def _set(self, items: Any) -> Iterator[bytes]:
        """Yield in an order that does not depend on the process."""
        yield from sorted(b"".join(_Walk().of(item)) for item in items)

    def _quantity(self, value: u.Quantity) -> Iterator[bytes]:
        yield value.unit.to_string().encode()
        yield from self._array(np.asarray(value.value))

    def _array(self, value: np.ndarray) -> Iterator[bytes]:
        yield f"{value.shape}{value.dtype.str}".encode()
        if value.dtype == object:
            yield from self._all(value.flat)
        else:
            yield value.tobytes()

    def _parameter(self, item: Parameter) -> Iterator[bytes]:
        """Yield all but the error, which is a result, and the prior, of which the posterior knows more."""
        yield repr((item.name, item.value, item.unit, item.min, item.max, item.frozen, item.link)).encode()

    def _component(self, component: ModelComponent) -> Iterator[bytes]:
        yield from self.of(type(component))
        settings = {name: getattr(component, name) for name in component.settings}
        yield from self.of(settings if _known(type(component)) else settings | vars(component))
        yield from self._all(component.parameters)

    def _record(self, value: Any) -> Iterator[bytes]:
        yield from self.of(type(value))
        fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        own = {item.name: getattr(value, item.name) for item in fields} or vars(value)
        for name, item in own.items():
            yield name.encode()
            yield from self.of(item)

    def _class(self, kind: type) -> Iterator[bytes]:
        """Yield the name of a class, and of one that is not of a known package what it is made of."""
        for base in kind.__mro__:
            yield f"{base.__module__}.{base.__qualname__}".encode()
            if not _known(base):
                for name, item in vars(base).items():
                    if _is_stated(name, item):
                        yield name.encode()
                        yield from self.of(item)

    def _function(self, function: types.FunctionType) -> Iterator[bytes]:
        yield f"{function.__module__}.{function.__qualname__}".encode()
        if _known(function):
            return
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        yield from self._all([function.__code__, function.__defaults__, function.__kwdefaults__, cells])
        yield from self._all(self._globals(function))

    def _code(self, code: types.CodeType) -> Iterator[bytes]:
        yield code.co_code
        yield repr((code.co_names, code.co_flags, code.co_argcount)).encode()
        yield from self._all(code.co_consts)

    def _globals(self, function: types.FunctionType) -> list[Any]:
        """Return what a function finds by name in its module, and by which its value may change."""
        names = dict.fromkeys(name for code in _codes(function.__code__) for name in code.co_names)
        found = [function.__globals__[name] for name in names if name in function.__globals__]
        kinds = (*PLAIN, np.ndarray, tuple, list, types.FunctionType, functools.partial)
        return [item for item in found if isinstance(item, kinds)]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a function's code and that of the functions inside it."""
    yield code
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield from _codes(item)


def _known(item: Any) -> bool:
    """Return True for code of a package whose version is known."""
    return f"{item.__module__}.".startswith(HOUSE)


def _is_stated(name: str, item: Any) -> bool:
    """Return True for what a class is made of, as opposed to what Python keeps in it."""
    if name.startswith("__") and not inspect.isroutine(item):
        return False
    return isinstance(item, (*PLAIN, Parameter, tuple, list, dict, staticmethod, classmethod, property)) or (
        inspect.isroutine(item)
    )
