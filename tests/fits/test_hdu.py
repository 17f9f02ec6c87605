"""FITS files that are damaged, too large or not what they seem."""

from __future__ import annotations

import gzip
import resource

import numpy as np
import pytest
from astropy.io import fits

from bayesmap.errors import BayesmapIOError
from bayesmap.fits.hdu import ReadLimits, column, image_array, read_fits, write_fits


@pytest.fixture
def content(tmp_path):
    """Bytes of a good file with checksums."""
    table = fits.BinTableHDU.from_columns([fits.Column("X", "D", array=np.arange(500.0), unit="TeV")], name="TABLE")
    image = fits.ImageHDU(np.arange(4000.0).reshape(50, 80), name="IMAGE")
    write_fits(fits.HDUList([fits.PrimaryHDU(), image, table]), tmp_path / "good.fits")
    return (tmp_path / "good.fits").read_bytes()


def read(path, data, **options):
    path.write_bytes(data)
    return read_fits(path, **options)


@pytest.mark.parametrize("packed", [False, True])
def test_good_file(tmp_path, content, packed):
    file = read(tmp_path / "x.fits", gzip.compress(content) if packed else content)
    assert file.names == ("PRIMARY", "IMAGE", "TABLE")
    assert "image" in file
    pixels = image_array(file, file.get("IMAGE"))
    assert pixels.dtype.isnative
    assert pixels[1, 2] == 82
    values, unit = column(file, file.get(2), "x")
    assert (values[7], unit) == (7.0, "TeV")


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("packed", [False, True])
def test_truncated(tmp_path, content, fraction, packed):
    whole = gzip.compress(content) if packed else content
    with pytest.raises(BayesmapIOError, match=r"BM-IO-003: cut.fits is truncated or damaged"):
        read(tmp_path / "cut.fits", whole[: int(fraction * len(whole))])


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 2880, b"hello world", np.random.default_rng(4).bytes(20_000), b"PK\3\4" + b"\0" * 3000]
)
def test_not_fits(tmp_path, data):
    with pytest.raises(BayesmapIOError, match=r"BM-IO-002: x.fits does not begin like a FITS file"):
        read(tmp_path / "x.fits", data)


def test_gzip_of_nothing_useful(tmp_path):
    with pytest.raises(BayesmapIOError, match="BM-IO-003"):
        read(tmp_path / "x.fits", b"\x1f\x8b" + b"x" * 100)
    with pytest.raises(BayesmapIOError, match="BM-IO-002"):
        read(tmp_path / "x.fits", gzip.compress(b"not fits"))


def test_every_flipped_bit_is_noticed(tmp_path, content):
    """Bits all over the file: in headers the structure may break first, in data the checksum must tell."""
    for position in range(0, len(content), 997):
        flipped = bytearray(content)
        flipped[position] ^= 4
        with pytest.raises(BayesmapIOError, match="BM-IO-00[235]"):
            read(tmp_path / "x.fits", bytes(flipped))


def test_flipped_bit_in_the_data_names_the_hdu(tmp_path, content):
    flipped = bytearray(content)
    flipped[2880 * 4] ^= 1
    with pytest.raises(BayesmapIOError, match=r"BM-IO-005: x.fits\[IMAGE\] does not match its checksum"):
        read(tmp_path / "x.fits", bytes(flipped))


def test_file_without_checksum_is_fine(tmp_path):
    fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "plain.fits")
    assert read_fits(tmp_path / "plain.fits").names == ("PRIMARY",)


def test_padding_and_junk_at_the_end(tmp_path, content):
    assert read(tmp_path / "x.fits", content + b"\0" * 2880).names[-1] == "TABLE"
    with pytest.raises(BayesmapIOError, match="BM-IO-003"):
        read(tmp_path / "x.fits", content + b"junk" * 720)


@pytest.mark.parametrize("size", [b"50000000000", b"        -50", b"        abc"])
def test_header_that_lies_about_the_size(tmp_path, content, size):
    lie = content.replace(b"NAXIS2  =                   50", b"NAXIS2  = " + b" " * 9 + size, 1)
    assert lie != content
    with pytest.raises(BayesmapIOError, match="BM-IO-003"):
        read(tmp_path / "x.fits", lie)


def test_bomb(tmp_path):
    """0.4 MB that unpack to 400 MB: stopped at the limit, memory bounded."""
    head = fits.PrimaryHDU(np.zeros((2, 2))).header
    head["NAXIS1"], head["NAXIS2"] = 10_000, 5_000
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(gzip.compress(head.tostring().encode() + b"\0" * 400_000_000, compresslevel=6))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BayesmapIOError, match="BM-IO-004: bomb.fits.gz has .* bytes that unpack to more than"):
        read_fits(path, ReadLimits(max_bytes=100 << 20, max_ratio=1e6))
    with pytest.raises(BayesmapIOError, match="BM-IO-004: .* at most 200 times the packed size"):
        read_fits(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


def test_limits_on_plain_files(tmp_path, content):
    with pytest.raises(BayesmapIOError, match="BM-IO-004: x.fits has [0-9]* bytes"):
        read(tmp_path / "x.fits", content, limits=ReadLimits(max_bytes=10_000))


def test_small_files_may_pack_well(tmp_path):
    """An empty map of some megabytes packs a thousandfold, and is no attack."""
    write_fits(fits.HDUList([fits.PrimaryHDU(np.zeros((1000, 1000)))]), tmp_path / "empty.fits.gz")
    assert (tmp_path / "empty.fits.gz").stat().st_size < 20_000
    file = read_fits(tmp_path / "empty.fits.gz")
    assert image_array(file, file.get(0)).shape == (1000, 1000)


@pytest.mark.parametrize("path", ["nothing-here.fits", ".", "http://127.0.0.1:9/x.fits"])
def test_paths_that_are_no_files(path):
    with pytest.raises(BayesmapIOError, match="BM-IO-001: .* cannot be read"):
        read_fits(path)


def test_missing_hdus(tmp_path, content):
    file = read(tmp_path / "x.fits", content)
    with pytest.raises(
        BayesmapIOError,
        match="BM-IO-006: x.fits has no HDU EXPOSURE. Required are IMAGE, EXPOSURE; the file has PRIMARY, IMAGE, TABLE",
    ):
        file.require("IMAGE", "EXPOSURE")
    with pytest.raises(BayesmapIOError, match="BM-IO-006: x.fits has 3 HDUs, number 7 was asked for"):
        file.get(7)


def test_wrong_kinds_of_hdu(tmp_path, content):
    file = read(tmp_path / "x.fits", content)
    with pytest.raises(BayesmapIOError, match=r"BM-IO-007: x.fits\[TABLE\] holds no image"):
        image_array(file, file.get("TABLE"))
    with pytest.raises(BayesmapIOError, match=r"BM-IO-007: x.fits\[PRIMARY\] holds no image"):
        image_array(file, file.get(0))
    with pytest.raises(BayesmapIOError, match=r"BM-IO-007: x.fits\[TABLE\] has no column Y"):
        column(file, file.get("TABLE"), "Y")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-007: x.fits\[IMAGE\] has no column Y"):
        column(file, file.get("IMAGE"), "Y")


def test_column_of_words(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("X", "5A", array=["one", "two"])], name="TABLE")
    write_fits(fits.HDUList([fits.PrimaryHDU(), table]), tmp_path / "x.fits")
    file = read_fits(tmp_path / "x.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-003: .*column X is not a list of numbers"):
        column(file, file.get(1), "X")


def test_files_written_twice_are_equal(tmp_path):
    for name in ("a.fits.gz", "b.fits.gz"):
        write_fits(fits.HDUList([fits.PrimaryHDU(np.ones((5, 5)))]), tmp_path / name)
    # the checksum comment carries the date of the day, so compare what is read
    assert np.array_equal(fits.getdata(tmp_path / "a.fits.gz"), fits.getdata(tmp_path / "b.fits.gz"))
    fits.open(tmp_path / "a.fits.gz", checksum=True).close()
