"""Which files a model file may name: those in its own folder, and those that the caller allows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from bayesmap.errors import BayesmapIOError

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
ALLOW = "add its folder to allow_paths (--allow-path on the command line)"
"""How a folder is allowed, for messages."""


def resolve_input(
    text: str,
    *,
    where: str,
    root: str | PathLike[str] | None = None,
    allow_paths: Sequence[str | PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
) -> Path:
    """Return the real path of a file that a document names, if it may be read.

    Parameters
    ----------
    text : str
        File name as written. ``$NAME`` and ``${NAME}`` are replaced from `env`, never from the environment.
    where : str
        Where it stands in the document, for messages.
    root : path-like, optional
        Folder that relative names start at, and that is allowed; None allows no relative name.
    allow_paths : sequence of path-like
        Further folders or files that are allowed.
    env : dict, optional
        Variables. Their values are folders, and allowed.

    Returns
    -------
    Path
        Absolute, links resolved, an existing file.

    Raises
    ------
    BayesmapIOError
        BM-IO-012 outside the allowed folders, or with ``..`` and not in `allow_paths`, BM-IO-013 a URL, BM-IO-014 a
        variable that is not in `env`, BM-IO-015 absolute or ``~`` and not allowed, BM-IO-016 no such file.
    """
    if _URL.match(text):
        raise _refused("BM-IO-013", where, text, "Files are never fetched", "Download it and name the local file")
    variables = {key: str(Path(value).resolve()) for key, value in (env or {}).items()}
    expanded = _expand(text, variables, where)
    path = Path(expanded)
    allowed = [Path(item).resolve() for item in (*allow_paths, *variables.values())]
    if "\0" in expanded or (".." in path.parts and not _leads_into(allowed, root, path)):
        rule = 'A file name may hold ".." only where it leads into allow_paths'
        raise _refused("BM-IO-012", where, text, rule, f"Move the file, or {ALLOW}")
    if path.is_absolute() or expanded.startswith("~"):
        code, rule = "BM-IO-015", "An absolute file name must lie under allow_paths (~ is not expanded)"
    elif root is None:
        code, rule = "BM-IO-015", "A relative file name needs the folder it starts at"
    else:
        code, rule = "BM-IO-012", "A file must lie in the folder of the document or under allow_paths"
        allowed.append(Path(root).resolve())
    real = (Path(root or ".") / path).resolve()
    if not any(real.is_relative_to(place) for place in allowed):
        remedy = f"Move the file, pass root= (the folder of relative names), or {ALLOW}"
        raise _refused(code, where, text, f"{rule}; this one leads to {real}", remedy)
    if not _is_file(real):
        raise _refused("BM-IO-016", where, text, f"It must be an existing file, {real} is none", "Correct the name")
    return real


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is longer than any file's may be
        return False


def _leads_into(allowed: Sequence[Path], root: str | PathLike[str] | None, path: Path) -> bool:
    real = (Path(root or ".") / path).resolve()
    return any(real.is_relative_to(place) for place in allowed)


def _expand(text: str, variables: Mapping[str, str], where: str) -> str:
    """Replace variables, all of which must be known."""
    for match in _VARIABLE.finditer(text):
        name = match[1] or match[2]
        if name not in variables:
            raise _refused(
                "BM-IO-014",
                where,
                text,
                f"The variable {name} must be given (known: {', '.join(variables) or 'none'})",
                f'Write the path out, or pass env={{"{name}": "..."}} in Python',
            )
    expanded = _VARIABLE.sub(lambda match: variables[match[1] or match[2]], text)
    if "$" in expanded:
        raise _refused("BM-IO-014", where, text, 'A "$" must begin a variable', "Correct the name")
    return expanded


def _refused(code: str, where: str, text: str, rule: str, remedy: str) -> BayesmapIOError:
    return BayesmapIOError(code, what=f"{where} names the file {text!r}", rule=rule, remedy=remedy)
