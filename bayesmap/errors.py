"""The errors of the package: short letters that say what is wrong, the rule, and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that move the cursor, turn the writing round or cannot be written."""
LONGEST = 1200
"""Characters of what, rule and remedy each."""


class BayesmapError(Exception):
    """Something that the user can act on.

    The message reads ``CODE: what. rule. remedy.``

    Parameters
    ----------
    code : str
        Stable identifier such as ``BM-GE-001``; the page of error codes explains each.
    what : str
        What is wrong, with the value, how many, where.
    rule : str
        What was expected.
    remedy : str
        What to do.
    """

    exit_code = 1

    def __init__(self, code: str, *, what: str, rule: str, remedy: str) -> None:
        self.code = code
        self.what = printable(_shortened(what)).rstrip(".")
        self.rule = printable(_shortened(rule)).rstrip(".")
        self.remedy = printable(_shortened(remedy)).rstrip(".")
        super().__init__(f"{code}: {self.what}. {self.rule}. {self.remedy}.")

    def __reduce__(self) -> tuple[Callable[..., BayesmapError], tuple[Any, ...]]:
        return _rebuild, (type(self), self.code, self.what, self.rule, self.remedy)


class BayesmapInputError(BayesmapError):
    """An input that cannot be analysed."""

    exit_code = 2


class GeometryError(BayesmapInputError):
    """Maps, axes or responses that do not share a grid."""


class UnitsError(BayesmapInputError):
    """A unit that is missing or cannot be converted."""


class ResponseError(BayesmapInputError):
    """An instrument response that breaks its normalisation law."""


class ModelError(BayesmapInputError):
    """A sky model that cannot be evaluated or fitted."""


class ConfigError(BayesmapInputError):
    """A configuration or model file that says something impossible."""


class PriorError(BayesmapInputError):
    """A prior that does not fit its parameter."""


class BayesmapIOError(BayesmapError):
    """A file that cannot be read or written."""

    exit_code = 4


class FitStateError(BayesmapError):
    """A verb that was called before the one it builds on."""

    exit_code = 2


class ProblemList(BayesmapInputError):  # noqa: N818 - it is a list of errors, raised together
    """Several problems found in one pass.

    Parameters
    ----------
    problems : iterable of BayesmapError
        At least one; `code`, `what`, `rule` and `remedy` are those of the first.
    """

    def __init__(self, problems: Iterable[BayesmapError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.code, what=first.what, rule=first.rule, remedy=first.remedy)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        self.args = (f"{len(self.problems)} problems found:\n{lines}",)

    def __reduce__(self) -> tuple[Callable[..., BayesmapError], tuple[Any, ...]]:
        return ProblemList, (self.problems,)


def raise_problems(problems: Iterable[BayesmapError]) -> None:
    """Raise the only problem as it is, several as a `ProblemList`, and nothing when there is none.

    Parameters
    ----------
    problems : iterable of BayesmapError
        What was found.

    Raises
    ------
    BayesmapError
        If there is at least one problem.
    """
    found = tuple(problems)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ProblemList(found)


def attempt[Read](problems: list[BayesmapError], read: Callable[..., Read], *args: Any) -> Read | None:
    """Return what a function returns; where it fails, add its problems to the list and return None.

    Parameters
    ----------
    problems : list of BayesmapError
        What was found so far.
    read : callable
        Function.
    *args
        Its arguments.
    """
    try:
        return read(*args)
    except ProblemList as error:
        problems.extend(error.problems)
    except BayesmapError as error:
        problems.append(error)
    return None


def located(error: BayesmapError, path: str) -> BayesmapError:
    """Return the same error with the place put in front."""
    return type(error)(error.code, what=f"{path}: {error.what}", rule=error.rule, remedy=error.remedy)


def printable(text: str) -> str:
    r"""Return a text with what cannot be seen written as escapes: names in messages come from files of strangers.

    Parameters
    ----------
    text : str
        Any text.

    Examples
    --------
    >>> print(printable("\x1b[31mred\n"))
    \x1b[31mred\x0a
    """
    return "".join(_escaped(item) if unicodedata.category(item) in UNSEEN else item for item in text)


def _shortened(text: str) -> str:
    """Leave out the middle of a text that nobody would read: a value of a file may have a megabyte."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 4 :]}"


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"


def _rebuild(cls: type[BayesmapError], code: str, what: str, rule: str, remedy: str) -> BayesmapError:
    """Make the error again in another process."""
    return cls(code, what=what, rule=rule, remedy=remedy)
