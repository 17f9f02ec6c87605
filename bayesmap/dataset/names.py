"""Names of data sets that are fitted together."""

from __future__ import annotations

from bayesmap.errors import BayesmapInputError


def check_names(names: tuple[str, ...]) -> None:
    """Refuse a fit without datasets, or with two of one name.

    Raises
    ------
    BayesmapInputError
        BM-FT-012.
    """
    if not names or len(set(names)) < len(names) or any("/" in name for name in names):
        raise BayesmapInputError(
            "BM-FT-012",
            what=f"the datasets are named {', '.join(map(repr, names)) or '(there are none)'}",
            rule='A fit has at least one dataset, each with a name of its own without "/"',
            remedy="Rename them with dataclasses.replace(dataset, name=...)" if names else "Pass a dataset",
        )
