"""The error for files that are truncated or damaged."""

from __future__ import annotations

from bayesmap.errors import BayesmapIOError


def damaged(name: str, why: str) -> BayesmapIOError:
    """Return the error for a file of that name.

    Parameters
    ----------
    name, why : str
        The file, and what is wrong in it; of the latter at most 200 characters are shown.
    """
    return BayesmapIOError(
        "BM-IO-003",
        what=f"{name} is truncated or damaged: {' '.join(why.split())[:200]}",
        rule="Every HDU must be complete",
        remedy="Fetch or write the file again",
    )
