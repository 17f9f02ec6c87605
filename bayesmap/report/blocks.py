"""What a report is made of: sections of paragraphs, tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

GOOD, BAD, NOTE, PLAIN, CODE = "good", "bad", "note", "plain", "code"
"""Kinds of text: a verdict that holds, one that does not, something to know, a paragraph, text as it stands."""


@dataclass(frozen=True)
class Text:
    """A paragraph, or several lines.

    Parameters
    ----------
    lines : tuple of str
        What it says; the first line of a verdict is its headline.
    kind : str
        ``good``, ``bad``, ``note``, ``plain`` or ``code``.
    """

    lines: tuple[str, ...]
    kind: str = PLAIN


@dataclass(frozen=True)
class Table:
    """A table of text.

    Parameters
    ----------
    head : tuple of str
        Names of the columns.
    rows : tuple of tuple of str
        Cells.
    caption : str
        What it shows.
    kinds : tuple of str
        Kind of each row, ``plain`` where there are none.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG picture.

    Parameters
    ----------
    data : bytes
        The file.
    caption : str
        What it shows.
    """

    data: bytes
    caption: str


Block = Text | Table | Picture


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Parameters
    ----------
    anchor : str
        Name in links.
    title : str
        Heading.
    blocks : tuple of Text, Table and Picture
        Content.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)
