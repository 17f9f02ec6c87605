"""Write a report, from a folder of results or from a fit at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesmap.errors import BayesmapInputError, BayesmapIOError
from bayesmap.files import write_whole
from bayesmap.report.html import render
from bayesmap.report.material import Material, read_folder
from bayesmap.report.sections import sections

if TYPE_CHECKING:
    from bayesmap.fit import MapFit


def write_report(
    path: str | os.PathLike[str],
    source: MapFit | str | os.PathLike[str],
    *,
    title: str | None = None,
    comparison: str | os.PathLike[str] | None = None,
    calibration: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Write one HTML page on an analysis that needs nothing else: pictures are inside, nothing is loaded.

    Parameters
    ----------
    path : path-like
        File to write.
    source : path-like or MapFit
        Output folder of `bayesmap fit`; or a fit.
    title : str, optional
        Heading; by default the name of the analysis.
    comparison, calibration : path-like, optional
        What `bayesmap compare` and `bayesmap calibrate` wrote: the JSON file, or the folder that holds it. Of a folder
        of results, by default those in it.
    overwrite : bool
        True to replace an existing file.
    **options
        Of a fit: ``tree`` (posterior; without one the report is on the best fit alone), and ``check`` (`MapFit.check`,
        made now where there is a posterior and none is given).

    Returns
    -------
    Path
        The file. The same source gives the same page, byte by byte.

    Raises
    ------
    BayesmapIOError
        BM-RP-001 for a folder without result, BM-RP-002 for a file that cannot be read, BM-RP-003 for a report that is
        there, or a folder that is not, BM-IO-009 if the report cannot be written.
    BayesmapInputError
        BM-RP-004 for a picture that is no PNG, BM-RP-005 for a file of another kind, BM-RP-006 for options of a fit
        with a folder.
    FitStateError
        BM-FT-001 for a fit without a best fit.
    """
    target = Path(path)
    _check_target(target, overwrite=overwrite)
    places: dict[str, Any] = {"comparison": _path(comparison), "calibration": _path(calibration)}
    if isinstance(source, str | os.PathLike):
        if options:
            raise BayesmapInputError(
                "BM-RP-006",
                what=f"{', '.join(options)} and a folder of results are given",
                rule="A folder holds its posterior and checks; these options belong to a fit",
                remedy="Leave them out, or pass the fit",
            )
        material = read_folder(Path(source), **places)
    else:
        from bayesmap.report.live import material_of  # matplotlib, PyMC and ArviZ, which a folder does not need

        material = material_of(source, **places, **options)
    page = render(title or f"Report on {material.name}", _subtitle(material), sections(material))
    write_whole(target, page)
    return target


def _path(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)


def _subtitle(material: Material) -> str:
    names = [str(item["name"]) for item in material.analysis.get("datasets") or []]
    version = (material.result.get("versions") or {}).get("bayesmap", "")
    parts = (", ".join(names), str(material.analysis.get("finished") or ""), f"bayesmap {version}".strip())
    return " \N{MIDDLE DOT} ".join(part for part in parts if part)


def _check_target(target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        raise BayesmapIOError(
            "BM-RP-003",
            what=f"{target} exists and is a folder",
            rule="A report is one HTML file",
            remedy="Name a file, for example report.html in that folder",
        )
    if target.exists() and not overwrite:
        raise BayesmapIOError(
            "BM-RP-003",
            what=f"{target} exists",
            rule="A report is never overwritten unasked",
            remedy="Choose another name, or pass --overwrite (overwrite=True) to replace the file",
        )
    if not target.parent.is_dir():
        raise BayesmapIOError(
            "BM-RP-003",
            what=f"the folder {target.parent} is not there",
            rule="A report is written into a folder that exists",
            remedy="Make the folder, or choose another one",
        )
