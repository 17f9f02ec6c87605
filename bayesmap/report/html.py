"""Sections as one HTML page that needs nothing else: no script, no link to elsewhere, pictures inside.

Every text is escaped here and nowhere else: names of sources and files may hold anything.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape as escape_html

from bayesmap.errors import BayesmapInputError, printable
from bayesmap.report.blocks import CODE, PLAIN, Block, Picture, Section, Table, Text
from bayesmap.report.style import STYLE

PNG = b"\x89PNG\r\n\x1a\n"


def escape(text: str) -> str:
    """Return a text as HTML shows it: markup and what cannot be seen as they are spelled."""
    return escape_html("\n".join(printable(line) for line in text.replace("\t", " ").split("\n")))


def render(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Return the page.

    Parameters
    ----------
    title, subtitle : str
        Heading of the page, and the line below it.
    sections : sequence of Section
        In order.

    Raises
    ------
    BayesmapInputError
        BM-RP-004 for a picture that is no PNG.
    """
    links = "\n".join(f'<li><a href="#{item.anchor}">{escape(item.title)}</a></li>' for item in sections)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{STYLE}</style>",
        "</head>",
        "<body>",
        f"<header>\n<h1>{escape(title)}</h1>\n<p>{escape(subtitle)}</p>\n</header>",
        f"<nav>\n<ul>\n{links}\n</ul>\n</nav>",
        "<main>",
        *map(_section, sections),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _section(section: Section) -> str:
    body = "\n".join(map(_block, section.blocks))
    return f'<section id="{section.anchor}">\n<h2>{escape(section.title)}</h2>\n{body}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return _text(block)
    return _table(block) if isinstance(block, Table) else _picture(block)


def _text(text: Text) -> str:
    lines = list(map(escape, text.lines))
    if text.kind == CODE:
        return "<pre>" + "\n".join(lines) + "</pre>"
    if text.kind == PLAIN:
        return f"<p>{'<br>'.join(lines)}</p>"
    more = f"<ul>{''.join(f'<li>{line}</li>' for line in lines[1:])}</ul>" if lines[1:] else ""
    return f'<div class="verdict {text.kind}"><strong>{lines[0]}</strong>{more}</div>'


def _table(table: Table) -> str:
    kinds = table.kinds or (PLAIN,) * len(table.rows)
    head = _cells("th", table.head)
    rows = "\n".join(
        f'<tr class="{kind}">{_cells("td", row)}</tr>' for row, kind in zip(table.rows, kinds, strict=True)
    )
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<div class="wide">\n<table>\n{caption}{body}\n</table>\n</div>'


def _cells(tag: str, cells: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(cell).replace(' × ', '&nbsp;×&nbsp;')}</{tag}>" for cell in cells)


def _picture(picture: Picture) -> str:
    if not picture.data.startswith(PNG):
        raise BayesmapInputError(
            "BM-RP-004",
            what=f"the picture {picture.caption!r} is no PNG",
            rule="Pictures of a report are PNG files",
            remedy="Make the result again, or remove the file",
        )
    data, caption = base64.b64encode(picture.data).decode("ascii"), escape(picture.caption)
    image = f'<img src="data:image/png;base64,{data}" alt="{caption}">'
    return f"<figure>\n{image}\n<figcaption>{caption}</figcaption>\n</figure>"
