"""Write the page of the models, and their pictures, from the classes themselves: ``python docs/make_models.py``."""

from __future__ import annotations

import inspect
import math
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_type_hints

from bayesmap.models import registry
from bayesmap.models.component import ModelComponent
from bayesmap.models.default_priors import POSITIONS, default_prior
from bayesmap.models.parameter import Parameter
from bayesmap.models.sky import AnyModel

PAGE = Path(__file__).with_name("models.md")
PICTURES = Path(__file__).with_name("models")
HEAD = """\
# Models

This page and its pictures are written by `python docs/make_models.py` from the classes themselves; a test compares it
with them. A new model is one new file: [extend.md](extend.md). Symbols: [notation.md](notation.md).

A model file names a model by either of its tags. Units are those of the defaults; any unit that converts may be given.
A parameter that is not frozen is free in a fit. Its default prior counts where neither the fit nor the parameter states
one ([priors.md](priors.md)); shown is that for the default as start value, R stands for half the diagonal of the map.
Limits are the only hard ends of a posterior.
"""
SPECTRAL = """\
Energies are in TeV inside. Sums, differences, products and quotients of spectra are made by `+`, `-`, `*` and `/`, and
`expression_model` makes one from a formula of your own ([extend.md](extend.md)). Pictures show
$E^2\\,dN/dE$, or the factor of a norm model.
"""
SPATIAL = """\
Shapes have a total of one, unless their text says otherwise. Offsets are measured on the sphere, along great circles
from the centre. Pictures show the brightness, each scaled to its peak, East to the left.
"""
OTHERS = """\
What `Models` may hold. The full name of a parameter is `model.part.name`, for example `crab.spectral.index`.
"""
COLUMNS = ("name", "default", "unit", "limits", "frozen", "default prior", "meaning")


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD, _contents(), "## Spectral models\n", SPECTRAL]
    parts += [_entry(model, "spectral") for model in _classes(registry.spectral_models())]
    parts += ["## Spatial models\n", SPATIAL]
    parts += [_entry(model, "spatial") for model in _classes(registry.spatial_models())]
    parts += ["## Sources, backgrounds, systematics\n", OTHERS]
    parts += [_entry(model, "") for model in get_args(AnyModel)]
    return "\n".join(parts)


def _classes(models: dict[str, type[ModelComponent]]) -> list[type[ModelComponent]]:
    return [models[name] for name in registry.class_names(models)]


def _contents() -> str:
    """Return a table of all models."""
    lines = ["| model | short name | what it is |", "|---|---|---|"]
    groups = (_classes(registry.spectral_models()), _classes(registry.spatial_models()), get_args(AnyModel))
    for model in (model for group in groups for model in group):
        name = model.tag[0]
        what = _markdown(" ".join(_sections(model)[""].split("\n\n")[0].split()))
        lines.append(f"| [{name}](#{name.lower()}) | {', '.join(f'`{tag}`' for tag in model.tag[1:])} | {what} |")
    return "\n".join([*lines, ""])


def _entry(model: type[Any], kind: str) -> str:
    """Return the part of the page on one model."""
    sections = _sections(model)
    lines = [f"### {model.tag[0]}", "", f"Tags: {', '.join(f'`{tag}`' for tag in model.tag)}", ""]
    lines += [_markdown(sections[""]), ""]
    lines += [_table(model, sections), ""]
    for part in _own_parts(model):
        lines += [_markdown(_sections(part)[""]), "", _table(part, _sections(part)), ""]
    for title in ("Notes", "References"):
        lines += [f"{title}: {_markdown(sections[title])}", ""] if title in sections else []
    if kind:
        lines += [f"![{model.tag[0]}](models/{model.tag[0]}.png)", ""]
    if "Examples" in sections:
        lines += ["```pycon", sections["Examples"], "```", ""]
    return "\n".join([*lines, _source(model), ""])


def _own_parts(model: type[Any]) -> list[type[ModelComponent]]:
    """Return the classes of components that belong to one class of models, such as the scales of a response."""
    hints = get_type_hints(model)
    fields = [hints[field] for field in getattr(model, "component_fields", {}).values()]
    return [item for item in fields if isinstance(item, type) and getattr(item, "default_parameters", ())]


def _source(model: type[Any]) -> str:
    """Return where the model stands, and with which values of others it is compared."""
    file = f"{model.__module__.replace('.', '/')}.py"
    examples = getattr(model, "examples", tuple)()
    text = f"Source: [{file}](../{file})"
    if not examples:
        return text
    return f"{text}; compared with {'; '.join(dict.fromkeys(example.source for example in examples))}"


def _sections(model: type[Any]) -> dict[str, str]:
    """Return the sections of a docstring by title; what stands before the first has the title ``""``."""
    pieces = re.split(r"(?m)^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(model) or "")
    return {"": pieces[0].strip()} | {
        title: text.strip() for title, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def _markdown(text: str) -> str:
    """Return reStructuredText of docstrings as Markdown."""
    text = re.sub(r"(?m)^\.\. math::(.*(?:\n(?: +.*)?)*)", _display, text)
    text = re.sub(r":math:`([^`]*)`", lambda match: f"${' '.join(match.group(1).split())}$", text)
    return re.sub(r"``([^`]*)``", r"`\1`", text).replace(r"\*", "*").strip()


def _display(match: re.Match[str]) -> str:
    body = textwrap.dedent(match.group(1).strip("\n ")).strip()
    return "$$\n" + "\n".join(line.strip() for line in body.splitlines() if line.strip()) + "\n$$\n\n"


def _table(model: type[Any], sections: dict[str, str]) -> str:
    """Return parameters and settings in the order of the docstring."""
    declared = {item.name: item for item in getattr(model, "default_parameters", ())}
    settings = getattr(model, "settings", {})
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for name, kind, meaning in _described(sections.get("Parameters", "")):
        if name in declared:
            rows.append(_row(model, declared[name], meaning))
        else:
            default = "" if settings.get(name) is None else f"`{settings[name]!r}`"
            rows.append((f"`{name}`", default, f"({kind})", "", "", "", meaning))
    missing = set(declared) - {name for name, _, _ in _described(sections.get("Parameters", ""))}
    if missing:
        raise ValueError(f"{model.__name__} does not say what {', '.join(sorted(missing))} means: add it to Parameters")
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def _described(text: str) -> Iterable[tuple[str, str, str]]:
    """Yield name, type and meaning of each entry of a section of parameters."""
    for head, body in re.findall(r"(?m)^(\S[^\n]*)\n((?:(?: +[^\n]*)?(?:\n|$))*)", f"{text}\n"):
        names, _, kind = head.partition(" : ")
        meaning = _markdown(" ".join(body.split()))
        meaning = re.sub(r",? ?Default [^;]*?\.(?=\s|$)", "", meaning.replace(", frozen.", ".")).strip()
        for name in names.split(", "):
            yield name.strip(), _markdown(kind), meaning


def _row(model: type[Any], item: Parameter, meaning: str) -> tuple[str, ...]:
    return (
        f"`{item.name}`",
        f"{item.value:g}",
        item.unit,
        _limits(item),
        "yes" if item.frozen else "",
        _prior(model, item),
        meaning,
    )


def _limits(item: Parameter) -> str:
    ends = ["" if math.isnan(end) else f"{end:g}" for end in (item.min, item.max)]
    return "" if ends == ["", ""] else " to ".join(end or "any" for end in ends)


def _prior(model: type[Any], item: Parameter) -> str:
    """Return the prior in words, with R for half the diagonal of the map."""
    if item.prior is not None:
        return f"`{item.prior}`"
    if item.name in POSITIONS:
        return "on the sphere"
    one, two = (default_prior(model.__name__, item, radius) for radius in (1.0, 2.0))
    return f"`{one}`" if one == two else f"`{one.type}(sigma=R)`"


def main() -> None:
    """Write page and pictures."""
    from model_pictures import write_pictures  # noqa: PLC0415  (matplotlib is not needed for the text)

    PAGE.write_text(page())
    write_pictures(PICTURES)


if __name__ == "__main__":
    main()
