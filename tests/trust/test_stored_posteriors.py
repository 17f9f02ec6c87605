"""A posterior, or a result folder, of a stranger: numbers and harmless text, or an error with a code."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from bayesmap.errors import BayesmapError, BayesmapInputError, BayesmapIOError
from bayesmap.report import write_report
from bayesmap.results.posterior import verdict_of
from bayesmap.results.store import load_posterior, save_posterior
from bayesmap.results.stored_tree import UnfitError, check_file
from fuzzing.documents import Page

h5py = pytest.importorskip("h5py")


@pytest.fixture
def stored(corpus, tmp_path):
    return shutil.copy(corpus / "posterior.nc", tmp_path / "posterior.nc")


def edited(path, change):
    with h5py.File(path, "r+") as file:
        file.attrs.pop("content_sha256", None)
        change(file)
    return path


def replaced(group, name, **options):
    def change(file):
        del file[group][name]
        file[group].create_dataset(name, **options)

    return change


def vlen(file):
    del file["posterior"]["crab.spectral.index"]
    made = file["posterior"].create_dataset("crab.spectral.index", (2,), dtype=h5py.vlen_dtype(np.uint8))
    made[0] = np.frombuffer(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93.", np.uint8)


def linked(kind):
    def change(file):
        del file["posterior"]["crab.spectral.index"]
        target = {"soft": h5py.SoftLink("/posterior/crab.spectral.amplitude"),
                  "external": h5py.ExternalLink("other.nc", "/x")}[kind]  # fmt: skip
        file["posterior"]["crab.spectral.index"] = target

    return change


def virtual(file):
    del file["posterior"]["crab.spectral.index"]
    layout = h5py.VirtualLayout(shape=(4, 50), dtype="f8")
    layout[:] = h5py.VirtualSource("other.nc", "x", shape=(4, 50))
    file["posterior"].create_virtual_dataset("crab.spectral.index", layout)


def outside(file):
    del file["posterior"]["crab.spectral.index"]
    file["posterior"].create_dataset("crab.spectral.index", (4, 50), dtype="f8", external=[("/etc/passwd", 0, 1600)])


def verdict(**changes):
    record = {"reasons": [], "measures": {}, "notes": []} | changes
    return lambda file: file.attrs.__setitem__("verdict", json.dumps(record))


INDEX = "crab.spectral.index"
HOSTILE = {
    "texts as draws": (replaced("posterior", INDEX, data=np.array(["a"] * 4, dtype=object)), "does not hold numbers"),
    "lists of bytes with a pickle": (vlen, "neither numbers nor texts"),
    "compound": (replaced("posterior", INDEX, data=np.zeros(3, dtype=[("a", "f8")])), "neither numbers nor texts"),
    "references": (replaced("posterior", INDEX, shape=(2,), dtype=h5py.ref_dtype), "neither numbers nor texts"),
    "opaque": (replaced("posterior", INDEX, data=np.array([b"abc"], dtype="V3")), "neither numbers nor texts"),
    "soft link": (linked("soft"), "is a link"),
    "external link": (linked("external"), "is a link"),
    "virtual": (virtual, "lies in another file"),
    "external data": (outside, "lies in another file"),
    "bomb": (
        replaced("posterior", INDEX, shape=(1 << 20, 1 << 14), dtype="f8", chunks=(1024, 1024), compression="gzip"),
        "it unpacks to .* bytes",
    ),
    "foreign filter": (
        replaced("posterior", INDEX, data=np.zeros((64, 64)), chunks=(8, 8), scaleoffset=3),
        "filters .*, which are not read",
    ),
    "wrong shape": (replaced("posterior", INDEX, data=np.zeros((3, 7))), "dimensions|conflict|is no stored posterior"),
    "a number": (replaced("posterior", INDEX, data=1.0), "has the dimensions"),
    "no draws": (lambda file: file.__delitem__("posterior"), "it holds no posterior with a verdict"),
    "no verdict": (lambda file: file.attrs.__delitem__("verdict"), "it holds no posterior with a verdict"),
    "verdict is no JSON": (lambda file: file.attrs.__setitem__("verdict", "ok"), "'verdict' is no JSON"),
    "verdict is deep": (lambda file: file.attrs.__setitem__("verdict", "[" * 20_000), "'verdict' is no JSON"),
    "verdict is a list": (lambda file: file.attrs.__setitem__("verdict", "[]"), "not one that bayesmap wrote"),
    "reasons are numbers": (verdict(reasons=[1]), "not one that bayesmap wrote"),
    "measures are texts": (verdict(measures={"r_hat": "1"}), "not one that bayesmap wrote"),
    "priors are no JSON": (lambda file: file.attrs.__setitem__("priors", "{"), "'priors' is no JSON"),
    "notes are a number": (lambda file: file.attrs.__setitem__("notes", 3), "'notes' is no text"),
    "no status": (lambda file: file.attrs.__delitem__("status"), "'status' is missing"),
    "no unit": (lambda file: file["posterior"][INDEX].attrs.__delitem__("unit"), "does not say its unit"),
    "NaN, called ok": (
        lambda file: file["posterior"][INDEX].__setitem__((0, 0), np.nan), "draws that are not finite, and a verdict"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_posterior_is_refused(stored, case):
    change, match = HOSTILE[case]
    with pytest.raises(BayesmapIOError, match=f"BM-IO-020: .*({match})"):
        load_posterior(edited(stored, change))


LONG, ENTRIES = 2 << 20, 2000
"""Bytes of a text, and how often it is referred to."""
HOLDERS = {
    "an array": (lambda file, texts: file.create_dataset("labels", data=texts), ENTRIES),
    "many attributes": (
        lambda file, texts: [file.attrs.create(f"label{n}", text) for n, text in enumerate(texts)], ENTRIES
    ),
    "a long attribute": (lambda file, texts: file.attrs.create("labels", texts), 100),
}  # fmt: skip


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_text_that_is_referred_to_many_times_is_not_unpacked(tmp_path, holder):
    """In the file every text of any length is a reference: here all are made that of the longest."""
    path, (make, entries) = tmp_path / "forged.nc", HOLDERS[holder]
    with h5py.File(path, "w", libver="earliest") as file:  # whose headers have no checksums
        make(file, np.array(["x" * LONG] + ["y"] * (entries - 1), dtype=object))
    content = path.read_bytes()
    long = re.search(re.escape(LONG.to_bytes(4, "little")) + rb".{8}.{4}", content, re.DOTALL).group()

    def longest(found):
        place = int.from_bytes(found.group(1), "little")
        return long if content[place : place + 4] == b"GCOL" else found.group()

    forged = re.sub(rb"\x01\0\0\0(.{8}).{4}", longest, content, flags=re.DOTALL)  # length, heap, number there
    assert forged.count(long) >= entries - 1
    path.write_bytes(forged)
    with (
        h5py.File(path, "r") as file,
        pytest.raises(UnfitError, match=r"it unpacks to 4\d\d,|100 entries of any length"),
    ):
        check_file(file, len(forged))


def test_the_good_one_comes_back(stored, tmp_path):
    tree = load_posterior(stored)
    assert tree.identical(load_posterior(save_posterior(tree, tmp_path / "again.nc")))


def test_a_changed_number_is_noticed(stored):
    with h5py.File(stored, "r+") as file:
        file["posterior"][INDEX][0, 0] += 1e-9
    with pytest.raises(BayesmapIOError, match=r"BM-IO-020: .*not those that were stored \(checksum\)"):
        load_posterior(stored)


def test_a_changed_verdict_is_noticed(stored):
    with h5py.File(stored, "r+") as file:
        file.attrs["verdict"] = json.dumps({"reasons": [], "measures": {}, "notes": ["fine"]})
    with pytest.raises(BayesmapIOError, match="checksum"):
        load_posterior(stored)


def test_texts_of_a_verdict_are_harmless(stored):
    tree = load_posterior(edited(stored, verdict(reasons=["divergent: \x1b[2J<script>"], notes=["\u202e"])))
    shown = str(verdict_of(tree))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert r"\x1b[2J<script>" in shown


EVIL = "<script>alert(1)</script>\x1b[2J\"' onload='x"
PLACES = {
    "result": ["message", "reasons", "notes"],
    "summary": [("verdict", "reasons"), ("verdict", "notes"), ("verdict", "status")],
    "check": ["reasons"],
    "analysis": ["name", "command", "configuration", "finished"],
    "comparison": ["reasons", "notes"],
    "calibration": ["reasons", "notes"],
}


@pytest.mark.parametrize("name", PLACES)
def test_texts_of_a_result_are_harmless(corpus, tmp_path, name):
    """Scripts, handlers and terminal escapes, as texts and as names of parameters, sources and data sets."""
    folder = shutil.copytree(corpus / "fit", tmp_path / "fit")
    path = folder / f"{name}.json"
    record = json.loads(path.read_text())
    for place in PLACES[name]:
        keys = (place,) if isinstance(place, str) else place
        holder = record
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = [EVIL] if isinstance(holder[keys[-1]], list) else EVIL
    for flag in ("ok", "success"):
        if flag in record:
            record[flag] = False
    if name == "summary":
        record["verdict"]["ok"] = False
    path.write_text(json.dumps(record).replace("crab", "<b onclick=x>").replace('"toy"', '"<i>toy"'))
    text = write_report(tmp_path / "r.html", folder, title=EVIL).read_text()
    page = Page(text)
    assert page.harm == []
    assert "<script" not in text
    assert "\x1b" not in text
    assert "alert(1)" in page.words


@pytest.mark.parametrize(
    ("name", "old", "new", "match"),
    [
        ("result", '"nfev": 12', '"nfev": NaN', "BM-RP-002: .*NaN is no number of JSON"),
        ("result", '"nfev": 12', f'"nfev": {"9" * 50}', "BM-RP-002: .*a number has 50 digits"),
        ("result", "1234.5", "1e999", "BM-RP-002: .*too large"),
        ("result", '"frozen": false', '"frozen": 0', r"BM-RP-005: .*result record.*frozen is '0', not true or false"),
        ("result", '"success": true', '"success": "yes"', "BM-RP-005: .*success is 'yes', not true or false"),
        ("summary", '"reasons": []', '"reasons": ["divergent: 9"]', "BM-RP-005: .*verdict has ok true and reasons"),
        ("summary", '"mean": 1.2e-12', '"mean": "1"', "BM-RP-005: .*mean is '1', not a number or null"),
        ("check", '"draws": 1000', '"draws": null', "BM-RP-005: .*draws is 'None', not a whole number"),
        ("analysis", '"bins": [', '"bins": [1, ', r"BM-RP-005: .*datasets\[0\]\.bins is .*, not a list of 2"),
        ("comparison", '"models": [', '"models": [3, ', r"BM-RP-005: .*models\[0\] is '3', not a mapping"),
        ("calibration", '"quantities": {', '"x": {', "BM-RP-005: .*its top has no 'quantities'"),
    ],
)
def test_a_record_of_another_kind_is_refused(corpus, tmp_path, name, old, new, match):
    folder = shutil.copytree(corpus / "fit", tmp_path / "fit")
    text = json.dumps(json.loads((folder / f"{name}.json").read_text()))
    assert old in text
    (folder / f"{name}.json").write_text(text.replace(old, new, 1))
    with pytest.raises((BayesmapIOError, BayesmapInputError), match=match):
        write_report(tmp_path / "r.html", folder)
    assert not (tmp_path / "r.html").exists()


def test_a_record_that_is_nested_deeply_is_refused(corpus, tmp_path):
    folder = shutil.copytree(corpus / "fit", tmp_path / "fit")
    (folder / "check.json").write_text("[" * 100_000)
    with pytest.raises(BayesmapError, match="BM-RP-002"):
        write_report(tmp_path / "r.html", folder)
