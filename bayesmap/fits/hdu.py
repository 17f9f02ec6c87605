"""FITS files in and out, bounded and checked: nothing is believed before it was verified."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from bayesmap.errors import BayesmapIOError
from bayesmap.files import refuse_existing, write_whole
from bayesmap.fits.damage import damaged
from bayesmap.fits.sums import check_sums
from bayesmap.units import FloatArray, freeze

GZIP_MAGIC = b"\x1f\x8b"
FITS_MAGIC = b"SIMPLE  ="
CHUNK = 1 << 20
# What astropy raises where a card or a table definition makes no sense.
UNREADABLE = (
    fits.VerifyError, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError,
    NameError, MemoryError, RecursionError, AstropyWarning,
)  # fmt: skip


@dataclass(frozen=True)
class ReadLimits:
    """How large a file may be once it is unpacked.

    Attributes
    ----------
    max_bytes : int
        Largest unpacked size.
    max_ratio : float
        Largest ratio of the unpacked to the packed size, looked at from `ratio_from` bytes on: an empty map of a few
        megabytes legitimately packs a thousandfold.
    ratio_from : int
        Unpacked size below which the ratio does not matter.
    """

    max_bytes: int = 4 << 30
    max_ratio: float = 200.0
    ratio_from: int = 64 << 20


DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True, eq=False)
class FitsFile:
    """A FITS file whose structure was checked: complete, within the limits, checksums right.

    Attributes
    ----------
    name : str
        File name for messages.
    hdus : astropy HDUList
        In memory, no memory map.
    """

    name: str
    hdus: fits.HDUList

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the HDUs, in upper case."""
        return tuple(str(hdu.name).upper() for hdu in self.hdus)

    def __contains__(self, name: str) -> bool:
        return name.upper() in self.names

    def where(self, hdu: str | int) -> str:
        """Return ``file[HDU]`` for messages."""
        return f"{self.name}[{hdu}]"

    def get(self, name: str | int) -> Any:
        """Return an HDU by name or number.

        Raises
        ------
        BayesmapIOError
            If the file has no such HDU (BM-IO-006), or several of that name (BM-IO-008).
        """
        if isinstance(name, str):
            self.require(name)
            if self.names.count(name.upper()) > 1:
                raise self._twice(name)
            return self.hdus[self.names.index(name.upper())]
        if not -len(self.hdus) <= name < len(self.hdus):
            raise BayesmapIOError(
                "BM-IO-006",
                what=f"{self.name} has {len(self.hdus)} HDUs, number {name} was asked for",
                rule=f"The file has {', '.join(self.names)}",
                remedy="Ask for one of these",
            )
        return self.hdus[name]

    def _twice(self, name: str) -> BayesmapIOError:
        return BayesmapIOError(
            "BM-IO-008",
            what=f"{self.name} has {self.names.count(name.upper())} HDUs {name.upper()}",
            rule="The HDU that is read must be the only one of its name",
            remedy="Remove the others, or give them other names (EXTNAME)",
        )

    def require(self, *names: str) -> None:
        """Check that HDUs are there.

        Raises
        ------
        BayesmapIOError
            If one is missing (BM-IO-006); the message lists what is required and what the file has.
        """
        missing = [name for name in names if name not in self]
        if missing:
            raise BayesmapIOError(
                "BM-IO-006",
                what=f"{self.name} has no HDU {', '.join(missing)}",
                rule=f"Required are {', '.join(names)}; the file has {', '.join(self.names)}",
                remedy="Write the file again with all of them, or pass the maps one by one",
            )


def read_fits(path: str | PathLike[str], limits: ReadLimits = DEFAULT_LIMITS) -> FitsFile:
    """Read a FITS file, plain or gzip, into memory and verify its structure.

    Parameters
    ----------
    path : str or path-like
        A local file. It is opened here and nowhere else, so that no URL is ever followed.
    limits : ReadLimits
        Bounds on the unpacked size.

    Returns
    -------
    FitsFile

    Raises
    ------
    BayesmapIOError
        BM-IO-001 not found or unreadable, 002 not FITS, 003 truncated or damaged, 004 beyond the limits,
        005 a checksum that does not match.
    """
    path = Path(path)
    content = _unpack(path, limits)
    if not content.startswith(FITS_MAGIC):
        raise BayesmapIOError(
            "BM-IO-002",
            what=f"{path.name} does not begin like a FITS file ({len(content)} bytes, first {content[:8]!r})",
            rule="A FITS file begins with 'SIMPLE  =', plain or packed with gzip",
            remedy="Check that this is the right file",
        )
    hdus = _parse(path.name, content)
    with _strict(path.name):
        _check_complete(path.name, hdus, content)
        check_sums(path.name, hdus, content)
        _check_readable(hdus)
    return FitsFile(path.name, hdus)


def write_fits(hdus: fits.HDUList, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a FITS file with checksums; a name that ends in ``.gz`` is packed.

    The file appears whole or not at all: it is written beside its place and renamed.

    Parameters
    ----------
    hdus : astropy HDUList
        What to write.
    path : str or path-like
        Where to.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    BayesmapIOError
        If the file exists and `overwrite` is False (BM-IO-032), or it cannot be written (BM-IO-009).
    """
    path = Path(path)
    if not overwrite:
        refuse_existing([path])
    buffer = io.BytesIO()
    hdus.writeto(buffer, checksum=True)
    content = buffer.getvalue()
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=6, mtime=0)
    write_whole(path, content)


def image_array(file: FitsFile, hdu: Any) -> FloatArray:
    """Return the pixels of an image HDU as float64, native byte order.

    Raises
    ------
    BayesmapIOError
        If the HDU holds no image (BM-IO-007).
    """
    is_image = isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU)
    if not is_image or len(hdu.shape) < 2:
        shape = f", {f'shape {hdu.shape}' if hdu.shape else 'no data'}" if is_image else ""
        raise BayesmapIOError(
            "BM-IO-007",
            what=f"{file.where(hdu.name)} holds no image ({type(hdu).__name__}{shape})",
            rule="A map is an image HDU with its energies in a BANDS table; sparse and HEALPix maps are not read",
            remedy="Name another HDU (hdu= of WcsNDMap.read), or write it as a plain WCS image, with gammapy: "
            "Map.write(path, sparse=False)",
        )
    try:
        pixels = freeze(hdu.data)
    except UNREADABLE as error:
        raise damaged(file.where(hdu.name), f"its pixels cannot be read ({error})") from error
    del hdu.data  # astropy would keep a second copy as long as the file
    return pixels


def column(file: FitsFile, hdu: Any, name: str) -> tuple[FloatArray, str]:
    """Return a column of a table as float64, and its unit.

    Raises
    ------
    BayesmapIOError
        If the HDU is no table or has no such column (BM-IO-007), or the column is not numeric (BM-IO-003).
    """
    col = find_column(file, hdu, name)
    try:
        values = np.asarray(hdu.data[col.name])
        if values.dtype.kind not in "fiub":
            raise TypeError(f"its type is {values.dtype}")
        return freeze(values), str(col.unit or "")
    except UNREADABLE as error:
        raise damaged(file.where(hdu.name), f"column {name} is not a list of numbers ({error})") from error


def find_column(file: FitsFile, hdu: Any, name: str) -> Any:
    """Return the definition of a column of a table, whatever the case of its name.

    Raises
    ------
    BayesmapIOError
        If the HDU is no table or has no such column (BM-IO-007).
    """
    columns = getattr(hdu, "columns", None)
    found = {col.name.upper(): col for col in columns} if columns is not None else {}
    if name.upper() not in found:
        raise BayesmapIOError(
            "BM-IO-007",
            what=f"{file.where(hdu.name)} has no column {name}",
            rule=f"It has {', '.join(found) or 'no columns at all'}",
            remedy="Write the file again with this column",
        )
    return found[name.upper()]


def _unpack(path: Path, limits: ReadLimits) -> bytes:
    """Read the bytes of a file within the limits, unpacking gzip."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")  # noqa: TRY301 - a pipe would be waited for
        size = path.stat().st_size
        with path.open("rb") as stream:
            if stream.read(2) == GZIP_MAGIC:
                stream.seek(0)
                return _gunzip(path.name, stream, size, limits)
            if size > limits.max_bytes:
                raise _too_large(path.name, size, f"{size} bytes", limits)
            stream.seek(0)
            return stream.read()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise BayesmapIOError(
            "BM-IO-001",
            what=f"{path} cannot be read ({getattr(error, 'strerror', None) or error})",
            rule="It must be a local FITS file",
            remedy="Check the name and the permissions",
        ) from error


def _gunzip(name: str, stream: BinaryIO, packed: int, limits: ReadLimits) -> bytes:
    """Unpack gzip chunk by chunk, and stop where a limit is passed."""
    out = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            while chunk := unpacked.read(CHUNK):
                size = out.tell() + len(chunk)
                if size > limits.max_bytes or (size > limits.ratio_from and size > limits.max_ratio * packed):
                    raise _too_large(name, packed, f"{packed} bytes that unpack to more than {size}", limits)
                out.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(name, f"the gzip stream is broken ({error})") from error
    return out.getvalue()


def _parse(name: str, content: bytes) -> fits.HDUList:
    """Read all headers; what astropy warns about is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AstropyWarning)
        warnings.filterwarnings("ignore", "Unexpected extra padding", AstropyWarning)  # zeros do no harm
        try:
            return fits.open(io.BytesIO(content), lazy_load_hdus=False, disable_image_compression=True)
        except (*UNREADABLE, EOFError) as error:
            raise damaged(name, str(error)) from error


@contextmanager
def _strict(name: str) -> Iterator[None]:
    """Take what astropy raises or warns about for damage; of warnings, formats for display do not matter (TDISPn)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AstropyWarning)
        warnings.filterwarnings("ignore", ".*TDISP", AstropyWarning)
        try:
            yield
        except UNREADABLE as error:
            raise damaged(name, f"a header or table cannot be read ({error})") from error


def _check_complete(name: str, hdus: fits.HDUList, content: bytes) -> None:
    """Every HDU must lie inside the file, and nothing but padding may follow the last."""
    end = 0
    for hdu in hdus:
        info = hdu.fileinfo()
        end = info["datLoc"] + info["datSpan"]
        if end > len(content):
            raise damaged(name, f"HDU {hdu.name!r} needs {end} bytes, the file has {len(content)}")
    if any(content[end:]):
        raise damaged(name, f"{len(content) - end} bytes after the last HDU are not FITS")


def _check_readable(hdus: fits.HDUList) -> None:
    """Read every card and every table definition now, not when they are needed: astropy does it lazily."""
    for hdu in hdus:
        for card in hdu.header.cards:
            _ = card.value
        if not isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU):
            _ = hdu.columns, len(hdu.data)


def _too_large(name: str, packed: int, how: str, limits: ReadLimits) -> BayesmapIOError:
    return BayesmapIOError(
        "BM-IO-004",
        what=f"{name} has {how}",
        rule=f"At most {limits.max_bytes} bytes are read, and at most {limits.max_ratio:g} times the packed size",
        remedy="If the file is trustworthy, pass larger limits (bayesmap.fits.hdu.ReadLimits)",
    )


def as_fits_array(data: np.ndarray) -> np.ndarray:
    """Return data in a type that FITS can store: booleans become 16-bit integers."""
    return data.astype(np.int16) if data.dtype == bool else data
