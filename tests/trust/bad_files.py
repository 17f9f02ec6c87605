"""Rows 21 to 25 of the bad inputs: files, each with the error that it must give."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import h5py
import numpy as np
from astropy.io import fits

MODEL = """\
components:
-   name: source
    type: SkyModel
    spectral:
        type: PowerLawSpectralModel
        parameters:
        -   {name: index, value: 2.2}
        -   {name: amplitude, value: 8.0e-10, unit: cm-2 s-1 TeV-1}
    spatial:
        type: PointSpatialModel
        parameters:
        -   {name: lon_0, value: 83.7, unit: deg}
        -   {name: lat_0, value: 21.96, unit: deg}
"""
INDEX = "{name: index, value: 2.2}"


@dataclass(frozen=True)
class BadFile:
    """A file, and what is said of it.

    Parameters
    ----------
    row : int
        Number in the table.
    label : str
        What is wrong, in a word.
    code : str
        Code of the only problem.
    says : str
        Part of the message: value and place.
    content : str, bytes or callable
        The file; a callable makes it from a sound one.
    """

    row: int
    label: str
    code: str
    says: str
    content: object

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.row:02d}-{self.label.replace(' ', '-').replace('/', '-')}"


def model(old, new):
    assert MODEL.count(old) == 1
    return MODEL.replace(old, new)


PLACE = "components[0].spectral.parameters[{}]"
BAD_MODELS = (
    BadFile(21, "unknown parameter", "BM-CF-001", "Did you mean 'index'", model("name: index", "name: idx")),
    BadFile(21, "NaN value", "BM-CF-002", f"{PLACE.format(0)}.value is nan", model("value: 2.2", "value: .nan")),
    BadFile(21, "number as text", "BM-CF-003", "Write 1.0e-8 (no quotes)", model("value: 8.0e-10", 'value: "1e-8"')),
    BadFile(21, "min above max", "BM-CF-004", f"{PLACE.format(0)}.min",
            model(INDEX, "{name: index, value: 2.2, min: 5.0, max: 1.0}")),
    BadFile(21, "value outside limits", "BM-CF-005", f"{PLACE.format(0)}.value",
            model(INDEX, "{name: index, value: 7.0, min: 1.0, max: 5.0}")),
    BadFile(21, "unknown type", "BM-CF-006", "Did you mean 'PowerLawSpectralModel'",
            model("PowerLawSpectralModel", "PowerLawSpectralMdel")),
)  # fmt: skip


def alias_bomb():
    """Return YAML whose nine levels of nine aliases each are 9^9 values."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    return "\n".join(levels)


HOSTILE_YAML = (
    BadFile(22, "Python tag", "BM-CF-010", "line 1",
            "components: !!python/object/apply:os.system ['touch {marker}']\n"),
    BadFile(22, "alias bomb", "BM-CF-011", "line 2, column 10 holds an alias", alias_bomb()),
    BadFile(22, "3000 nested lists", "BM-CF-012", "line 1", "components: " + "[" * 3000 + "]" * 3000 + "\n"),
    BadFile(22, "2 MB", "BM-CF-013", "bytes", "components: " + "x" * 2_000_000 + "\n"),
    BadFile(22, "empty", "BM-CF-014", "is empty", "\n"),
)  # fmt: skip


def cut(fraction):
    return lambda content: content[: int(fraction * len(content))]


def flipped(content):
    """Return the file with one bit of its counts turned."""
    with fits.open(BytesIO(content)) as hdus:
        place = hdus["COUNTS"].fileinfo()["datLoc"] + 1000
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


def without_exposure(content):
    with fits.open(BytesIO(content)) as hdus:
        left = fits.HDUList([hdu.copy() for hdu in hdus if not hdu.name.startswith("EXPOSURE")])
        file = BytesIO()
        left.writeto(file, checksum=True)
    return file.getvalue()


@cache
def packed_bomb():
    """Return 0.4 MB that unpack to 400 MB."""
    head = fits.PrimaryHDU(np.zeros((2, 2))).header
    head["NAXIS1"], head["NAXIS2"] = 10_000, 5_000
    return gzip.compress(head.tostring().encode() + b"\0" * 400_000_000, compresslevel=6)


def noise(_):
    return np.random.default_rng(23).bytes(20_000)


BAD_FITS = (
    BadFile(23, "cut at 30 %", "BM-IO-003", "data.fits", cut(0.3)),
    BadFile(23, "cut at 60 %", "BM-IO-003", "data.fits", cut(0.6)),
    BadFile(23, "cut at 95 %", "BM-IO-003", "data.fits", cut(0.95)),
    BadFile(23, "empty", "BM-IO-002", "data.fits", b""),
    BadFile(23, "random bytes", "BM-IO-002", "data.fits", noise),
    BadFile(23, "bit flip", "BM-IO-005", "data.fits[COUNTS]", flipped),
    BadFile(23, "no exposure", "BM-IO-006", "no HDU EXPOSURE", without_exposure),
    BadFile(23, "packed bomb", "BM-IO-004", "data.fits", lambda _: packed_bomb()),
)

TEMPLATE = """\
components:
-   name: diffuse
    type: SkyModel
    spectral: {{type: PowerLawSpectralModel}}
    spatial: {{type: TemplateSpatialModel, filename: {name}}}
"""
BAD_TEMPLATES = (
    BadFile(24, "template ../../etc/passwd", "BM-IO-012", "../../etc/passwd", TEMPLATE.format(name="../../etc/passwd")),
    BadFile(24, "template /etc/passwd", "BM-IO-015", "/etc/passwd", TEMPLATE.format(name="/etc/passwd")),
    BadFile(24, "template $HOME/x", "BM-IO-014", "$HOME/x", TEMPLATE.format(name="$HOME/x")),
    BadFile(24, "template of a URL", "BM-IO-013", "http://127.0.0.1:9/x", TEMPLATE.format(name="http://127.0.0.1:9/x")),
)


@dataclass(frozen=True)
class BadOutput:
    """An output that is refused."""

    row: int
    label: str
    code: str
    output: str

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.row:02d}-{self.label.replace(' ', '-')}"


BAD_OUTPUTS = (
    BadOutput(24, "output outside", "BM-IO-018", "../../elsewhere"),
    BadOutput(24, "output exists", "BM-IO-019", "there"),
)


def with_objects(path):
    """Write a file of the layout of a posterior whose array holds references to objects."""
    with h5py.File(path, "w") as file:
        file.attrs["verdict"] = "{}"
        group = file.create_group("posterior")
        group.create_dataset("draw", data=[0]).make_scale("draw")
        group.create_dataset("x", data=[group.ref], dtype=h5py.ref_dtype).dims[0].attach_scale(group["draw"])


def with_pickle(path):
    """Write a pickle that would make a file if it were loaded."""
    marker = path.with_suffix(".marker")
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")


def zipped_pickle(path):
    """Write NumPy's packed form with an array of objects, which is a pickle."""
    with path.open("wb") as file:
        np.savez(file, posterior=np.array([{"a": 1}, None], dtype=object))


@dataclass(frozen=True)
class BadPosterior:
    """A file that is no stored posterior."""

    row: int
    label: str
    code: str
    write: object

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.row:02d}-{self.label.replace(' ', '-')}"


BAD_POSTERIORS = (
    BadPosterior(25, "posterior of objects", "BM-IO-020", with_objects),
    BadPosterior(25, "posterior is a pickle", "BM-IO-020", with_pickle),
    BadPosterior(25, "posterior of pickled objects", "BM-IO-020", zipped_pickle),
)
