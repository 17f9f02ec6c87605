"""The bytes that stand for a model: numbers with every digit, arrays, maps, models inside models, code of functions.

What a model holds decides on its predictions, so nothing is left out or cut short: what cannot be compared is refused.
Objects of other packages are known by what they would send to another process (``__reduce_ex__``), functions and
classes of the user by their instructions, constants, and what they find by name.
"""

from __future__ import annotations

import copyreg
import enum
import functools
import hashlib
import types
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

import astropy.units as u
import numpy as np
import scipy.special
from astropy.coordinates import BaseCoordinateFrame, SkyCoord, frame_transform_graph
from astropy.time import Time
from astropy.wcs import WCS

from bayesmap.errors import BayesmapInputError
from bayesmap.models.component import ModelComponent
from bayesmap.models.parameter import Parameter
from bayesmap.results.foreign_code import found_by_name, held, known, package, stated

PLAIN = (type(None), bool, int, float, complex, str, bytes)
"""Values whose text is all that they are; of these kinds no others made from them."""
NAMED = (np.generic, enum.Enum, PurePath)
"""The same, with all others made from them."""
WRAPPERS = (
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType, types.MethodWrapperType,
)  # fmt: skip
"""Methods of classes that are not written in Python."""


def fingerprint(value: Any) -> Iterator[bytes]:
    """Yield the bytes that stand for a value.

    Parameters
    ----------
    value : object
        Model, component, parameter, number, text, array, quantity, record, collection of these, function or class.

    Raises
    ------
    BayesmapInputError
        BM-FT-018 for what cannot be compared with that of another process.
    """
    walk = _Walk()
    try:
        yield from walk.of(value)
    except RecursionError as error:
        raise walk.refused("is nested deeper than Python can follow") from error


class _Walk:
    """One pass over a value; what holds itself is named by how deep it lies, so that circles end."""

    def __init__(self) -> None:
        self.path: list[Any] = []
        self.code: dict[int, tuple[Any, bytes]] = {}

    def of(self, value: Any) -> Iterator[bytes]:
        """Yield the bytes of a value, after its kind."""
        kind = type(value)
        yield f"{kind.__module__}.{kind.__qualname__}:".encode()
        if kind in PLAIN or isinstance(value, NAMED):
            yield repr(value).encode()
        elif isinstance(value, types.ModuleType):
            yield package(value.__name__).encode()
        elif any(item is value for item in self.path):
            yield f"circle {[item is value for item in self.path].index(True)}".encode()
        elif isinstance(value, type | types.FunctionType):
            yield self._once(value)
        else:
            yield from self._read(value)

    def _read(self, value: Any) -> Iterator[bytes]:
        self.path.append(value)
        yield from self._reader(value)(value)
        self.path.pop()

    def _once(self, value: Any) -> bytes:
        """Return the digest of a function or a class, which others may refer to many times."""
        if id(value) not in self.code:
            self.code[id(value)] = (value, digest(self._read(value)).encode())
        return self.code[id(value)][1]

    def _reader(self, value: Any) -> Callable[[Any], Iterator[bytes]]:
        for kind, reader in self._of_one_kind().items():
            if type(value) is kind:
                return reader
        for kinds, reader in self._of_kinds():
            if isinstance(value, kinds):
                return reader
        if hasattr(value, "__wrapped__") and callable(value):
            return lambda function: self.of(function.__wrapped__)
        return self._sent

    def _of_one_kind(self) -> dict[type, Callable[[Any], Iterator[bytes]]]:
        return {
            tuple: self._all,
            list: self._all,
            set: self._set,
            frozenset: self._set,
            dict: self._mapping,
            types.MappingProxyType: self._mapping,
            np.ndarray: self._array,
            WCS: lambda wcs: iter([wcs.to_header_string().encode()]),
        }

    def _of_kinds(self) -> tuple[tuple[Any, Callable[[Any], Iterator[bytes]]], ...]:
        return (
            (u.UnitBase, self._unit),
            (u.Quantity, self._quantity),
            (np.ma.MaskedArray, lambda item: self._all([item.data, np.ma.getmaskarray(item)])),
            (Parameter, self._parameter),
            (ModelComponent, self._component),
            (type, self._class),
            (types.CodeType, self._code),
            (types.FunctionType, self._function),
            (types.MethodType, lambda method: self._all([method.__func__, method.__self__])),
            ((staticmethod, classmethod), lambda method: self.of(method.__func__)),
            (property, lambda item: self._all([item.fget, item.fset])),
            (functools.cached_property, lambda item: self.of(item.func)),
            (functools.partial, lambda item: self._all([item.func, item.args, item.keywords])),
            (types.BuiltinFunctionType, lambda item: self._all([item.__module__, item.__qualname__, item.__self__])),
            (WRAPPERS, lambda item: iter([item.__qualname__.encode()])),
            (np.ufunc, self._ufunc),
            ((SkyCoord, BaseCoordinateFrame), self._position),
            (Time, lambda time: self._all([time.scale, time.jd1, time.jd2, time.location])),
        )

    def refused(self, why: str) -> BayesmapInputError:
        """Return the error for what cannot be compared, with the way to it."""
        names = [getattr(item, "__qualname__", type(item).__qualname__) for item in self.path if _tells(item)]
        place = f", in {' > '.join(names[-4:])}" if names else ""
        return BayesmapInputError(
            "BM-FT-018",
            what=f"what a model holds {why}{place}",
            rule="Every part of a model whose draws are kept, or are made by several processes, must be comparable",
            remedy="Let it hold numbers, text, arrays, quantities, functions, or records of these",
        )

    def _all(self, items: Any) -> Iterator[bytes]:
        parts = list(items)
        yield f"{len(parts)} items".encode()
        for item in parts:
            yield from self.of(item)

    def _mapping(self, items: Any) -> Iterator[bytes]:
        return self._all(part for pair in items.items() for part in pair)

    def _set(self, items: Any) -> Iterator[bytes]:
        """Yield in an order that does not depend on the process."""
        yield from (text.encode() for text in sorted(digest(_Walk().of(item)) for item in items))

    def _unit(self, unit: u.UnitBase) -> Iterator[bytes]:
        """Yield name and, with every digit, factor: the name of a unit rounds it."""
        plain = unit.decompose()
        yield unit.to_string().encode()
        yield repr(
            (plain.scale, [(base.name, power) for base, power in zip(plain.bases, plain.powers, strict=True)])
        ).encode()

    def _quantity(self, value: u.Quantity) -> Iterator[bytes]:
        yield from self.of(value.unit)
        yield from self.of(np.asarray(value.value))

    def _array(self, value: np.ndarray) -> Iterator[bytes]:
        yield f"{value.shape}{value.dtype.str}{value.dtype.descr if value.dtype.names else ''}".encode()
        if value.dtype == object:
            yield from self._all(value.flat)
        elif value.dtype.hasobject:
            raise self.refused("is an array of records with objects")
        else:
            yield value.tobytes()

    def _parameter(self, item: Parameter) -> Iterator[bytes]:
        """Yield all but the error, which is a result, and the prior, of which the posterior knows more."""
        yield repr((item.name, item.value, item.unit, item.min, item.max, item.frozen, item.link)).encode()

    def _component(self, component: ModelComponent) -> Iterator[bytes]:
        yield from self.of(type(component))
        settings = {name: getattr(component, name) for name in component.settings}
        yield from self.of(settings if known(type(component)) else settings | held(component))
        yield from self._all(component.parameters)

    def _ufunc(self, function: np.ufunc) -> Iterator[bytes]:
        name = function.__name__
        if function is not getattr(np, name, None) and function is not getattr(scipy.special, name, None):
            raise self.refused(f"is {name}, a ufunc that is neither NumPy's nor SciPy's")
        yield name.encode()

    def _position(self, position: SkyCoord | BaseCoordinateFrame) -> Iterator[bytes]:
        """Yield frame and place; what astropy keeps of earlier transformations is left out."""
        frame = position.frame if isinstance(position, SkyCoord) else position
        names = sorted(frame_transform_graph.frame_attributes)
        yield from self.of([type(frame), *(getattr(position, name, None) for name in names)])
        if frame.has_data:
            for part in (frame.data, *frame.data.differentials.values()):
                yield from self.of([type(part), *(getattr(part, name) for name in part.components)])

    def _class(self, kind: type) -> Iterator[bytes]:
        """Yield the name of a class, and of one that is not of a known package what it is made of."""
        for base in kind.__mro__:
            yield f"{base.__module__}.{base.__qualname__}".encode()
            yield package(base.__module__).encode()
            if not known(base):
                yield from self.of(stated(base))

    def _function(self, function: types.FunctionType) -> Iterator[bytes]:
        yield f"{function.__module__}.{function.__qualname__}".encode()
        yield package(function.__module__).encode()
        if known(function):
            return
        cells = [_content(cell) for cell in function.__closure__ or ()]
        yield from self._all([function.__code__, function.__defaults__, function.__kwdefaults__, *cells])
        yield from self._all(found_by_name(function))

    def _code(self, code: types.CodeType) -> Iterator[bytes]:
        yield code.co_code
        yield code.co_exceptiontable
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        yield repr((code.co_names, code.co_freevars, code.co_cellvars, code.co_flags, counts)).encode()
        yield from self._all(code.co_consts)

    def _sent(self, value: Any) -> Iterator[bytes]:
        """Yield what another process would be sent: class, arguments, and all that is held."""
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name.startswith("pytensor."):
            raise self.refused(f"is a {name}, which has no content of its own")
        try:
            parts = copyreg.dispatch_table[kind](value) if kind in copyreg.dispatch_table else value.__reduce_ex__(4)
        except (TypeError, AttributeError, ValueError, NotImplementedError) as error:
            raise self.refused(f"is a {name}, which cannot be sent to another process ({error})") from error
        if isinstance(parts, str):
            yield parts.encode()
            return
        maker, arguments, *rest = parts
        yield from self._all([maker, arguments])
        yield from self.of(held(value) if _plainly_sent(kind) else rest[:1])
        yield from self._all(list(part) for part in rest[1:3] if part is not None)


def digest(parts: Iterator[bytes]) -> str:
    """Return the SHA-256 of parts, where one ends and the next begins among it."""
    found = hashlib.sha256()
    for part in parts:
        found.update(f"{len(part)}:".encode())
        found.update(part)
    return found.hexdigest()


def _plainly_sent(kind: type) -> bool:
    """Return True if objects of a class are sent with all their attributes, by no method of their own."""
    methods = ("__reduce_ex__", "__reduce__", "__getstate__")
    own = any(getattr(kind, name) is not getattr(object, name) for name in methods)
    return not own and kind not in copyreg.dispatch_table


def _content(cell: Any) -> Any:
    try:
        return ["holds", cell.cell_contents]
    except ValueError:
        return []  # a name that was not given a value


def _tells(item: Any) -> bool:
    """Return True for a step of the way that the user would recognise."""
    return isinstance(item, type | types.FunctionType | ModelComponent) or type(item).__module__ != "builtins"
