"""XML from strangers: bounded, no document type, no entities, every element with its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any
from xml.parsers import expat

from bayesmap.errors import BayesmapIOError, ConfigError
from bayesmap.io.safe_yaml import unknown_key

MAX_BYTES = 4_000_000
MAX_DEPTH = 20
MAX_ELEMENTS = 100_000


@dataclass(frozen=True)
class Element:
    """An element of a document.

    Attributes
    ----------
    tag : str
        Its name.
    attributes : dict
        Name -> text.
    line : int
        Where it begins.
    children : list of Element
        What it holds.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The place, for messages."""
        name = f" {self.attributes['name']!r}" if "name" in self.attributes else ""
        return f"line {self.line}, <{self.tag}>{name}"

    def check(self, attributes: tuple[str, ...], children: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
        """Check the names of attributes and children.

        Raises
        ------
        ConfigError
            BM-CF-001 for an unknown one, with the nearest known; BM-CF-007 for a missing attribute.
        """
        for name in self.attributes:
            if name not in attributes:
                raise unknown_key(self.where, "attribute", name, attributes)
        for child in self.children:
            if child.tag not in children:
                raise unknown_key(child.where, "element", child.tag, children or ("none",))
        for name in required:
            if name not in self.attributes:
                raise ConfigError(
                    "BM-CF-007",
                    what=f"{self.where} has no attribute {name!r}",
                    rule=f"It must have {', '.join(required)}",
                    remedy=f"Add {name!r}",
                )

    def child(self, tag: str) -> Element:
        """Return the only child of a name.

        Raises
        ------
        ConfigError
            BM-CF-007 if there is none, or more than one.
        """
        found = [child for child in self.children if child.tag == tag]
        if len(found) != 1:
            raise ConfigError(
                "BM-CF-007",
                what=f"{self.where} has {len(found)} elements <{tag}>",
                rule="It must have one",
                remedy="Add it, or remove all but one",
            )
        return found[0]


def load_xml(source: str | PathLike[str], *, max_bytes: int = MAX_BYTES) -> Element:
    """Load an XML document, without trusting who wrote it.

    Parameters
    ----------
    source : str or path-like
        Path of a file, or the text itself: a str that holds ``<`` is text.
    max_bytes : int
        Largest size.

    Returns
    -------
    Element
        The root. Text between elements must be blank: this kind of document keeps everything in attributes.

    Raises
    ------
    BayesmapIOError
        BM-IO-016 if the file is not there or cannot be read.
    ConfigError
        BM-CF-013 too large, BM-CF-012 too deep, BM-CF-040 a document type, entity or text, or no XML at all.

    Examples
    --------
    >>> load_xml("<source_library><source name='crab'/></source_library>").children[0].where
    "line 1, <source> 'crab'"
    """
    data = _read(source, max_bytes)
    if len(data) > max_bytes:
        raise ConfigError(
            "BM-CF-013",
            what=f"the XML document has more than {max_bytes:,} bytes",
            rule="An XML file may not be larger",
            remedy="Split the file, or keep data in FITS files",
        )
    builder = _Builder(expat.ParserCreate())
    try:
        builder.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _refused(builder.parser.ErrorLineNumber, str(error), "Correct it there") from error
    return builder.roots[0]


def _read(source: str | PathLike[str], max_bytes: int) -> bytes:
    """Return the text, or one byte more of a file than is allowed."""
    if isinstance(source, str) and "<" in source:
        return source.encode()
    try:
        with Path(source).open("rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        raise BayesmapIOError(
            "BM-IO-016",
            what=f"{source} cannot be read: {error}",
            rule="It must be an XML file (a str is taken as text only if it holds <)",
            remedy="Correct the path",
        ) from error


class _Builder:
    """Handlers that build elements and refuse what is not needed."""

    def __init__(self, parser: Any) -> None:
        self.parser = parser
        self.roots: list[Element] = []
        self.stack: list[Element] = []
        self.number = [0]
        parser.StartElementHandler = self.start
        parser.EndElementHandler = lambda tag: self.stack.pop()
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = lambda *_: self.refuse("a document type (DTD)", "Remove <!DOCTYPE ...>")
        parser.EntityDeclHandler = lambda *_: self.refuse("an entity", "Write its text out")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Add an element."""
        self.number[0] += 1
        if len(self.stack) >= MAX_DEPTH or self.number[0] > MAX_ELEMENTS:
            raise ConfigError(
                "BM-CF-012",
                what=f"line {self.parser.CurrentLineNumber} goes beyond {MAX_DEPTH} levels or {MAX_ELEMENTS:,} items",
                rule="An XML file may not be larger",
                remedy="Flatten or split the file",
            )
        element = Element(tag, attributes, self.parser.CurrentLineNumber)
        (self.stack[-1].children if self.stack else self.roots).append(element)
        self.stack.append(element)

    def text(self, data: str) -> None:
        """Refuse text that is not blank."""
        if data.strip():
            self.refuse(f"the text {data.strip()[:30]!r} between elements", "Remove it")

    def refuse(self, what: str, remedy: str) -> None:
        """Stop at the present line."""
        raise _refused(self.parser.CurrentLineNumber, f"holds {what}", remedy)


def _refused(line: int, what: str, remedy: str) -> ConfigError:
    return ConfigError(
        "BM-CF-040",
        what=f"line {line} of the XML document: {what}",
        rule="It must be plain XML: elements and attributes, without document type and entities",
        remedy=remedy,
    )
