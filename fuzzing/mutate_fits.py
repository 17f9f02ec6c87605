"""Damage to FITS files: bits, cuts, headers, data and the order of their parts."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.io import fits

Rng = np.random.Generator
NUMBERS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 0.5, 1e-320, 1e300, -1e300, 3e9, 1.5)
WORDS = (
    "", " ", "banana", "deg", "rad", "arcsec", "TeV", "GeV", "keV", "erg", "cm2 s", "m2 s", "s", "ct", "sr-1", "1e400",
    "RA---TAN", "DEC--TAN", "GLON-CAR", "GLAT-CAR", "HPX", "RA---XYZ", "RA---TAN-SIP", "log", "lin", "NaN", "-1", "0",
    "1", "2", "3", "99999999999", "PRIMARY", "COUNTS", "EXPOSURE_BANDS", "E_MIN,E_MAX", "CHANNEL", "E_MIN", "FK5",
    "FK4", "ICRS", "none", "../../etc/passwd", "http://127.0.0.1:9/x", "$HOME/x", "\\033[31m", "x" * 68,
)  # fmt: skip
VALUES: tuple[Any, ...] = (0, 1, -1, 2, 3, 7, 8, 16, 32, -32, -64, 10**6, 10**15, 0.5, -0.1, 1e300, 1e-300, True, False)
KEYS = (
    "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT", "TFIELDS", "TFORM1", "TFORM2", "TFORM3",
    "TTYPE1", "TTYPE2", "TUNIT2", "TUNIT3", "TDIM2", "THEAP", "TSCAL2", "TZERO2", "TNULL1", "TLMIN4", "BSCALE",
    "BZERO", "BLANK", "BUNIT", "CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2",
    "CDELT1", "CDELT2", "CD1_1", "PC1_1", "PC1_2", "LONPOLE", "LATPOLE", "PV2_1", "RADESYS", "EQUINOX", "WCSAXES",
    "EXTNAME", "EXTVER", "BANDSHDU", "AXCOLS1", "AXCOLS2", "INTERP1", "INTERP2", "WCSSHAPE", "RMAX1", "XTENSION",
    "SIMPLE", "NAME", "EXPOSURE", "BACKSCAL", "AREASCAL", "BACKFILE", "ANCRFILE", "RESPFILE", "OBS_ID", "DETCHANS",
)  # fmt: skip


def flip_bits(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Flip one to eight bits anywhere."""
    changed = bytearray(content)
    places = rng.integers(0, len(content), size=int(rng.integers(1, 9)))
    bits = rng.integers(0, 8, size=len(places))
    for place, bit in zip(places, bits, strict=True):
        changed[place] ^= 1 << int(bit)
    return bytes(changed), f"bits flipped at {[(int(p), int(b)) for p, b in zip(places, bits, strict=True)]}"


def overwrite(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Write noise, zeros or a piece of the file over another piece."""
    size = int(rng.integers(1, 400))
    start = int(rng.integers(0, max(1, len(content) - size)))
    other = int(rng.integers(0, max(1, len(content) - size)))
    piece = [rng.bytes(size), b"\0" * size, b"\xff" * size, content[other : other + size]][int(rng.integers(4))]
    return content[:start] + piece + content[start + len(piece) :], f"{size} bytes overwritten at {start}"


def resize(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Take out, repeat or insert a piece."""
    size = int(rng.choice([1, 79, 80, 160, 2879, 2880, 5760]))
    start = int(rng.integers(0, len(content)))
    piece = content[start : start + size]
    kind = int(rng.integers(3))
    middle = [b"", piece + piece, rng.bytes(size) + piece][kind]
    word = ("taken out", "repeated", "of noise put in")[kind]
    return content[:start] + middle + content[start + size :], f"{size} bytes {word} at {start}"


def cut(content: bytes, percent: int) -> tuple[bytes, str]:
    """Keep the first so many per cent."""
    return content[: len(content) * percent // 100], f"cut at {percent} %"


def edit_card(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Write another value into a header card, byte for byte, with whatever checksums there are left as they were."""
    starts = [place for place in range(0, len(content), 80) if _is_card(content[place : place + 80])]
    place = int(rng.choice(starts))
    key = content[place : place + 8].decode("ascii").strip()
    value: Any = VALUES[int(rng.integers(len(VALUES)))] if rng.random() < 0.5 else WORDS[int(rng.integers(len(WORDS)))]
    spelled = f"'{value:8s}'" if isinstance(value, str) else f"{_spelled(value):>20s}"
    kind = int(rng.integers(5))
    card = f"{key:8s}= {spelled}"
    if kind == 1:  # another keyword
        card = f"{KEYS[int(rng.integers(len(KEYS)))]:8s}" + content[place + 8 : place + 80].decode("latin-1")
    if kind == 2:  # gone
        card = ""
    if kind == 3:  # twice: the next card is replaced
        card, place = content[place : place + 80].decode("latin-1"), min(place + 80, len(content) - 80)
    if kind == 4:  # no text at all
        card = card[:10] + "\x1b[31m\0\xff"
    new = f"{card:80.80s}".encode("latin-1")
    return content[:place] + new + content[place + 80 :], f"card {key} at {place} becomes {new!r}"


def _is_card(card: bytes) -> bool:
    return len(card) == 80 and card[8:10] == b"= " and card[:8].strip().isalnum()


def _spelled(value: Any) -> str:
    return {True: "T", False: "F"}[value] if isinstance(value, bool) else repr(value).upper()


def edit_header(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Change, add or remove cards, and write the file as astropy does: what it says is then consistent."""

    def change(hdus: Any) -> str:
        hdu = hdus[int(rng.integers(len(hdus)))]
        present = [key for key in hdu.header if key not in ("", "COMMENT", "HISTORY")]
        pool = present if rng.random() < 0.7 else list(KEYS)
        key = str(rng.choice(pool))
        if rng.random() < 0.25:
            hdu.header.remove(key, ignore_missing=True)
            return f"{hdu.name}: {key} removed"
        pool_values = VALUES if rng.random() < 0.5 else WORDS
        value: Any = pool_values[int(rng.integers(len(pool_values)))]
        hdu.header[key] = value
        return f"{hdu.name}: {key} = {value!r}"

    return _rewritten(content, change)


def edit_data(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Put another number into a pixel or a table."""

    def change(hdus: Any) -> str:
        filled = [hdu for hdu in hdus if hdu.data is not None and np.size(hdu.data)]
        hdu = filled[int(rng.integers(len(filled)))]
        value = NUMBERS[int(rng.integers(len(NUMBERS)))]
        if hdu.is_image:
            place = tuple(int(rng.integers(size)) for size in hdu.data.shape)
            hdu.data[place] = value
            return f"{hdu.name}{place} = {value}"
        name = str(rng.choice(hdu.columns.names))
        row = int(rng.integers(len(hdu.data)))
        cell = np.asarray(hdu.data[name])[row]
        if np.ndim(cell):
            np.asarray(cell).reshape(-1)[int(rng.integers(max(1, np.size(cell))))] = value
        else:
            hdu.data[name][row] = value
        return f"{hdu.name}.{name}[{row}] = {value}"

    return _rewritten(content, change)


def edit_structure(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Remove, repeat, rename or exchange HDUs, or add foreign ones."""

    def change(hdus: Any) -> str:
        number = int(rng.integers(1, len(hdus))) if len(hdus) > 1 else 0
        kind = int(rng.integers(6))
        name = hdus[number].name
        if kind == 0 and number:
            del hdus[number]
            return f"HDU {name} removed"
        if kind == 1 and number:
            hdus.append(hdus[number].copy())
            return f"HDU {name} twice"
        if kind == 2 and len(hdus) > 2:
            other = int(rng.integers(1, len(hdus)))
            hdus[number].name, hdus[other].name = hdus[other].name, hdus[number].name
            return f"names of HDU {number} and {other} exchanged"
        if kind == 3:
            hdus[number].name = str(rng.choice(WORDS)).replace("\\033", "")[:20] or "X"
            return f"HDU {name} renamed {hdus[number].name!r}"
        if kind == 4:
            hdus.append(fits.ImageHDU(np.zeros((2,) * int(rng.integers(1, 5))), name=str(rng.choice(["EDISP", "PSF"]))))
            return "an image put at the end"
        data = hdus[number].data
        if data is not None and hdus[number].is_image:
            hdus[number].data = data[..., :-1] if rng.random() < 0.5 else np.transpose(data)
            return f"pixels of {name} cut or transposed"
        return "nothing"

    return _rewritten(content, change)


def _rewritten(content: bytes, change: Callable[[Any], str]) -> tuple[bytes, str]:
    """Apply a change to the HDUs and write them without checksums; what astropy cannot write is kept as it was."""
    packed = content.startswith(b"\x1f\x8b")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(io.BytesIO(gzip.decompress(content) if packed else content), memmap=False) as hdus:
                for hdu in hdus:
                    for card in ("CHECKSUM", "DATASUM"):
                        hdu.header.remove(card, ignore_missing=True)
                said = change(hdus)
                out = io.BytesIO()
                hdus.writeto(out, output_verify="ignore")
        except Exception as error:
            return content, f"unchanged: astropy writes no such file ({type(error).__name__})"
    made = out.getvalue()
    return (gzip.compress(made, 1, mtime=0) if packed else made), said


def repacked(content: bytes, damage: Callable[[bytes, Rng], tuple[bytes, str]], rng: Rng) -> tuple[bytes, str]:
    """Damage what a packed file holds, and pack it again."""
    if not content.startswith(b"\x1f\x8b"):
        return damage(content, rng)
    made, said = damage(gzip.decompress(content), rng)
    return gzip.compress(made, 1, mtime=0), f"inside gzip: {said}"
