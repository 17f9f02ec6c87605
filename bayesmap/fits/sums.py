"""Checksums of FITS files: they are verified where they are present."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from bayesmap.errors import BayesmapIOError


def check_sums(name: str, hdus: fits.HDUList, content: bytes) -> None:
    """Verify CHECKSUM and DATASUM where they are present, on the bytes as they came.

    The sum of all 32-bit words of an HDU in one's complement is -0; DATASUM is the sum of those of its data.

    Parameters
    ----------
    name : str
        File name, for the message.
    hdus : astropy HDUList
        Of the file.
    content : bytes
        The file.

    Raises
    ------
    BayesmapIOError
        BM-IO-005 if one is wrong.
    """
    for hdu in hdus:
        info = hdu.fileinfo()
        start, middle, end = info["hdrLoc"], info["datLoc"], info["datLoc"] + info["datSpan"]
        said = str(hdu.header.get("DATASUM", "")).strip()
        wrong = bool(said) and said != str(_ones_complement_sum(content[middle:end]))
        if wrong or ("CHECKSUM" in hdu.header and _ones_complement_sum(content[start:end]) not in (0, 0xFFFFFFFF)):
            raise BayesmapIOError(
                "BM-IO-005",
                what=f"{name}[{hdu.name}] does not match its checksum",
                rule="A checksum that is present must be right: the file changed after it was written",
                remedy="Fetch the file again; if you changed it on purpose, write its checksums anew "
                "(astropy: hdu.add_checksum())",
            )


def _ones_complement_sum(block: bytes) -> int:
    """Add 32-bit big-endian words, carries going round; a block is a multiple of 2880 bytes."""
    total = int(np.frombuffer(block, dtype=">u4").sum(dtype=np.uint64))
    while total > 0xFFFFFFFF:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
