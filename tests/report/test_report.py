"""Reports: whole, safe, alike each time, honest about what is wrong; from folders written here by hand."""

import json
import re
import struct
import zlib
from html.parser import HTMLParser

import pytest

from bayesmap.cli.main import main
from bayesmap.errors import BayesmapInputError, BayesmapIOError, FitStateError
from bayesmap.fit import MapFit
from bayesmap.report import write_report
from bayesmap.report.captions import caption
from bayesmap.report.numbers import measured, number, unit
from bayesmap.results.posterior import verdict_of
from bayesmap.testing import toy_dataset, toy_models

EVIL = "<script>alert('x')</script>"
SECTIONS = [
    "verdict", "data", "model", "priors", "fit", "posterior", "maps", "spectra", "corner", "predictive", "comparison",
    "calibration", "provenance",
]  # fmt: skip
VOID = {"meta", "img", "br", "link", "input", "hr"}


def png():
    """A grey pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


def parameter(value, error, **more):
    return {"value": value, "error": error, "unit": "cm-2 s-1 TeV-1", "min": None, "max": None, "frozen": False,
            "link": None} | more  # fmt: skip


def result():
    name = f"{EVIL}.spectral.amplitude"
    return {
        "success": True, "message": "optimum found", "reasons": [], "at_bound": [], "notes": [], "total_stat": 1234.5,
        "nfev": 12, "covariance": {"names": [name], "matrix": [[1.0]], "success": True},
        "parameters": {name: parameter(1.234e-12, 5.6e-14), "b.reference": parameter(1.0, 0.0, frozen=True)},
        "dataset": {"name": "data & more", "sha256": "ab" * 32, "notes": []},
        "versions": {"python": "3.13.0", "bayesmap": "0.1.0"},
    }  # fmt: skip


def summary(ok=True):
    row = {"unit": "cm-2 s-1 TeV-1", "mean": 1.2e-12, "sd": 5e-14, "median": 1.2e-12, "lower": 1.1e-12,
           "upper": 1.3e-12, "mcse_mean": 1e-15, "ess_bulk": 2000.0, "ess_tail": 1500.0, "r_hat": 1.0012}  # fmt: skip
    prior = {"prior": "Normal(mu=2, sigma=1)", "unit": "", "prior_sd": 1.0, "posterior_sd": 0.1, "contraction": 0.99,
             "prior_sensitivity": 0.01, "likelihood_sensitivity": 0.2, "diagnosis": "-"}  # fmt: skip
    reasons = [] if ok else ["not_converged: R-hat of b is 1.4000, above 1.01"]
    return {
        "verdict": {"ok": ok, "status": "ok" if ok else "not_converged", "reasons": reasons,
                    "measures": {"r_hat": 1.0012 if ok else 1.4, "ess_bulk": 2000.0, "chains": 4}, "notes": []},
        "interval_mass": 0.6827, "parameters": {f"{EVIL}.spectral.amplitude": row}, "priors": {"b": "Normal(2, 1)"},
        "prior_report": {"b": prior}, "predictive_p_values": {},
        "provenance": {"versions": {}, "sampler": {"library": "nutpie", "seed": 5}, "dataset": {}, "options": {}},
    }  # fmt: skip


def check(ok=True):
    rows = {"maximum_excess": {"p_value": 0.4, "error": 0.02, "sampled_p_value": 0.5, "meaning": "a source is missing"}}
    place = {"lon": 83.6, "lat": 22.0, "radius": 0.1, "significance": 3.2, "counts": 12.0, "npred": 4.0}
    data = {"draws": 1000, "discrepancies": rows, "pit": {"p_value": 0.3}, "places": {"excess": place}, "notes": []}
    return {"ok": ok, "reasons": [] if ok else ["d: maximum_excess p < 0.002"], "datasets": {"d": data}}


def analysis():
    data = {"name": "data & more", "kind": "map", "sky": "20 x 20 pixels", "energy": [0.5, 20.0, 3],
            "energy_true": [0.3, 30.0, 5], "bins": [1200, 1200], "edisp": True, "notes": [], "sha256": "ab" * 32,
            "counts": 529.0, "background": 250.0, "exposure": [1e10, 3e11], "psf": 0.19, "weights": False}  # fmt: skip
    models = [{"name": EVIL, "kind": "source", "components": {"spectral": "PowerLawSpectralModel"}, "datasets": [],
               "free": [f"{EVIL}.spectral.amplitude"]}]  # fmt: skip
    return {"name": "crab", "command": "bayesmap fit config.yaml", "finished": "2026-01-01 00:00:00 UTC",
            "configuration": "dataset: data.fits.gz\n", "datasets": [data], "models": models}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "fit"
    made.mkdir()
    records = {"result": result(), "summary": summary(), "check": check(), "analysis": analysis()}
    for name, record in records.items():
        (made / f"{name}.json").write_text(json.dumps(record))
    (made / "models.yaml").write_text(f"components:\n- name: {EVIL}\n")
    for name in ("maps", "spectrum", "sed-a", "corner", "check-overview", "priors", "trace", "profile-b"):
        (made / f"{name}.png").write_bytes(png())
    return made


class Page(HTMLParser):
    """Collects what a page holds; fails on tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.targets, self.tags, self.text, self.styles, self.verdicts = [], [], [], [], "", "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.targets += [found[key] for key in ("src", "href", "action", "data", "srcset") if key in found]
        assert not any(key.startswith("on") for key in found)
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in VOID:
            self.open.append((tag, found.get("class", "")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "style":
            self.styles += data
        else:
            self.text += data.replace("\xa0", " ")
        if ("div", "verdict bad") in self.open:
            self.verdicts.append(data)


def page_of(folder, **options):
    path = write_report(folder.parent / "report.html", folder, overwrite=True, **options)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    return page, text


def test_every_section_is_there_and_every_link_leads_to_one(folder):
    page, _ = page_of(folder)
    assert page.ids == SECTIONS
    links = [target for target in page.targets if target.startswith("#")]
    assert links == [f"#{name}" for name in SECTIONS]


def test_nothing_is_loaded_from_elsewhere(folder):
    page, text = page_of(folder)
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in page.targets)
    assert not set(page.tags) & {"script", "link", "iframe", "object", "embed"}
    assert "url(" not in page.styles
    assert "@import" not in page.styles
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)


def test_text_of_files_is_escaped(folder):
    page, text = page_of(folder, title=EVIL)
    assert "<script" not in text
    assert EVIL in page.text
    assert "data & more" in page.text


def test_the_same_folder_gives_the_same_page(folder):
    assert page_of(folder)[1] == page_of(folder)[1]


def test_pictures_are_inside_with_captions(folder):
    page, _ = page_of(folder)
    assert page.tags.count("img") == 8
    assert "Spectrum of the source with its credible bands: a" in page.text
    assert caption("profile-x%2Fy.png") == "Profile of the parameter: x/y"


def test_it_prints(folder):
    page, _ = page_of(folder)
    assert "@media print" in page.styles
    assert "break-inside: avoid" in page.styles
    assert "table-header-group" in page.styles


def test_numbers_are_readable(folder):
    page, _ = page_of(folder)
    assert "1.234 × 10⁻¹²" in page.text
    assert "0.056 × 10⁻¹²" in page.text
    assert "cm⁻² s⁻¹ TeV⁻¹" in page.text
    assert "68.3% interval" in page.text


def test_a_healthy_analysis_is_called_so(folder):
    page, _ = page_of(folder)
    assert "Fit and posterior are to be trusted" in page.text
    assert page.verdicts == []


@pytest.mark.parametrize(
    ("name", "record", "words"),
    [
        ("summary", summary(ok=False), ["Posterior: NOT TO BE TRUSTED (not_converged)", "R-hat of b is 1.4000"]),
        ("check", check(ok=False), ["MISFIT", "maximum_excess p < 0.002"]),
        ("result", result() | {"success": False, "reasons": ["not_converged: far off"]}, ["Best fit", "far off"]),
    ],
)
def test_what_is_wrong_stands_in_red_on_top(folder, name, record, words):
    (folder / f"{name}.json").write_text(json.dumps(record))
    page, _ = page_of(folder)
    red = " ".join(page.verdicts)
    assert red.startswith("NOT TO BE TRUSTED as it stands")
    assert all(word in red for word in words)
    assert page.text.index("NOT TO BE TRUSTED") < page.text.index("20 x 20 pixels")


def test_a_best_fit_alone_is_a_report_too(folder):
    for name in ("summary.json", "check.json", "corner.png", "analysis.json"):
        (folder / name).unlink()
    page, _ = page_of(folder)
    assert page.ids == SECTIONS
    assert "A best fit only: no posterior was sampled" in page.text
    assert "Fit it again to have them here" in page.text


COMPARISON = {
    "success": False, "reasons": ["bad k"], "notes": ["alike"], "by": "bin", "groups": 1200,
    "models": [{"name": EVIL, "elpd": -1000.0, "error": 30.0, "p": 5.0, "delta": 0.0, "delta_error": 0.0, "weight": 1.0,
                "bad": 0, "log_z": -1010.0, "log_z_error": 0.1},
               {"name": "line", "elpd": -1010.0, "error": 30.0, "p": 3.0, "delta": -10.0, "delta_error": 4.0,
                "weight": 0.0, "bad": 2, "log_z": None, "log_z_error": None}],
}  # fmt: skip
CALIBRATION = {
    "success": True, "reasons": [], "notes": [], "done": 200,
    "quantities": {"b": {"unit": "", "p_value": 0.3, "shape": None, "shares": {"68.27 %": 0.69}, "contraction": 0.9,
                         "z_mean": 0.1, "z_sd": 1.0}},
}  # fmt: skip


def test_comparison_and_calibration_join(folder):
    other = folder.parent / "compared"
    other.mkdir()
    (other / "comparison.json").write_text(json.dumps(COMPARISON))
    (other / "comparison.png").write_bytes(png())
    (folder.parent / "calibration.json").write_text(json.dumps(CALIBRATION))
    (folder.parent / "ranks.png").write_bytes(png())
    page, text = page_of(folder, comparison=other, calibration=folder.parent / "calibration.json")
    assert "-10.0" in page.text
    assert "Models compared by what they predict" in page.text
    assert "inside 68.27 %" in page.text
    assert "Distribution of the ranks of the truth" in page.text
    assert "69.0%" in page.text
    assert "Comparison: not to be trusted" in " ".join(page.verdicts)
    assert "<script" not in text


def test_refusals(folder, tmp_path):
    written = write_report(tmp_path / "a.html", folder)
    before = written.read_bytes()
    with pytest.raises(BayesmapIOError, match=r"BM-RP-003.*a\.html exists"):
        write_report(tmp_path / "a.html", folder, title="other")
    assert written.read_bytes() == before
    for overwrite in (False, True):
        with pytest.raises(BayesmapIOError, match=r"BM-RP-003.*is a folder\. A report is one HTML file\. Name a file"):
            write_report(tmp_path, folder, overwrite=overwrite)
    with pytest.raises(BayesmapIOError, match="BM-RP-003.*nowhere is not there"):
        write_report(tmp_path / "nowhere" / "a.html", folder)
    with pytest.raises(BayesmapIOError, match=r"BM-RP-001.*holds no result\.json"):
        write_report(tmp_path / "b.html", tmp_path)
    with pytest.raises(BayesmapIOError, match="BM-RP-002.*is not there"):
        write_report(tmp_path / "b.html", folder, comparison=tmp_path / "none.json")
    with pytest.raises(BayesmapInputError, match="BM-RP-005.*has no 'models'"):
        write_report(tmp_path / "b.html", folder, comparison=folder / "result.json")
    with pytest.raises(BayesmapInputError, match="BM-RP-006.*tree"):
        write_report(tmp_path / "b.html", folder, tree=None)
    (folder / "maps.png").write_bytes(b"<svg onload='alert(1)'>")
    with pytest.raises(BayesmapInputError, match="BM-RP-004.*is no PNG"):
        write_report(tmp_path / "b.html", folder)
    (folder / "summary.json").write_text("{" * 5)
    with pytest.raises(BayesmapIOError, match=r"BM-RP-002.*summary\.json cannot be read"):
        write_report(tmp_path / "b.html", folder)
    (folder / "summary.json").write_text(json.dumps(summary()))
    (folder / "result.json").write_text("[]")
    with pytest.raises(BayesmapInputError, match=r"BM-RP-005.*result\.json"):
        write_report(tmp_path / "b.html", folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "fit"]


def test_command(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert main(["report", "fit", "--title", "Crab"]) == 0
    assert "report: " in capsys.readouterr().out
    assert "<title>Crab</title>" in (folder / "report.html").read_text()
    assert main(["report", "fit"]) == 4
    assert "BM-RP-003" in capsys.readouterr().err
    assert main(["report", "fit", "--overwrite"]) == 0
    assert "<title>Report on crab</title>" in (folder / "report.html").read_text()
    assert main(["report", "fit", "--output", "../other.html"]) == 4
    assert "BM-IO-018" in capsys.readouterr().err


def test_a_fit_at_hand(small_fit, small_tree, tmp_path):
    check = small_fit.check(small_tree, draws=400, ranked=19, random_seed=5)
    page = Page(write_report(tmp_path / "a.html", small_fit, tree=small_tree, check=check).read_text())
    assert page.ids == SECTIONS
    assert "432 of 432" in page.text
    trusted = verdict_of(small_tree).ok and check.ok
    assert ("Fit and posterior are to be trusted" in page.text) == trusted
    assert page.tags.count("img") == 14


def test_a_fit_without_best_values_is_refused(tmp_path):
    fit = MapFit.from_dataset(toy_dataset(npix=4), toy_models())
    with pytest.raises(FitStateError, match="BM-FT-001.*report"):
        write_report(tmp_path / "a.html", fit)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(float("inf")), "∞"),
        (number(0.0), "0"),
        (number("text"), "text"),
        (number(True), "True"),
        (number(float("nan")), "–"),
        (unit("cm2 s"), "cm²\xa0s"),
        (measured(None, error=1.0), ("–", "1")),
        (measured(83.63, error=0.0), ("83.63", "0")),
        (measured(83.6312, 83.6, error=0.0021), ("83.6312", "0.0021", "83.6000")),
    ],
)
def test_numbers(shown, expected):
    assert shown == expected


def test_the_record_of_a_sampler_may_hold_lists():
    """Chains and draws that were asked for are two numbers."""
    from bayesmap.report import schema

    look = schema._table(schema._single_or_list(schema.PLAIN))
    assert look({"requested": [4, 600], "seed": 1, "library": "nutpie"}, "sampler") == ""
    assert "requested[1]" in look({"requested": [4, {}]}, "sampler")
