"""Bad model files: each is refused with a code, the place in the document and what to do; nothing runs."""

from __future__ import annotations

import resource
import socket
import time

import pytest

from bayesmap.errors import BayesmapIOError, ConfigError, ModelError, ProblemList
from bayesmap.io.yaml import check_keys, load_yaml, read_models
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap

GOOD = """
components:
-   name: crab
    type: SkyModel
    spectral:
        type: PowerLawSpectralModel
        parameters:
        -   {name: index, value: 2.0}
        -   {name: amplitude, value: 1.0e-12, unit: cm-2 s-1 TeV-1}
    spatial:
        type: PointSpatialModel
        frame: icrs
        parameters:
        -   {name: lon_0, value: 83.6, unit: deg}
        -   {name: lat_0, value: 22.0, unit: deg}
-   type: FoVBackgroundModel
    datasets_names: [run-1]
    spectral: {type: PowerLawNormSpectralModel, parameters: [{name: norm, value: 1.0}]}
"""
PARAMETERS = GOOD[GOOD.index("        -   {name: index") : GOOD.index("    spatial:")]
INDEX = "{name: index, value: 2.0}"
AMPLITUDE = "value: 1.0e-12, unit: cm-2 s-1 TeV-1"
S0 = r"components\[0\]\.spectral"
P0, P1 = S0 + r"\.parameters\[0\]", S0 + r"\.parameters\[1\]"

BAD = {
    "unknown parameter": (
        "name: index",
        "name: idx",
        f"BM-CF-001: {P0}.name: unknown parameter 'idx'.*Did you mean 'index'",
    ),
    "not a number": ("value: 2.0}", "value: .nan}", rf"BM-CF-002: {P0}\.value is nan"),
    "infinite": ("value: 2.0}", "value: .inf}", rf"BM-CF-002: {P0}\.value is inf"),
    "no point": (AMPLITUDE, "value: 1e-8", rf"BM-CF-003: {P1}\.value is the text '1e-8'.*Write 1\.0e-8 \(no quotes\)"),
    "text": (AMPLITUDE, 'value: "1e-8"', rf"BM-CF-003: {P1}\.value is the text '1e-8'.*Write 1\.0e-8 \(no quotes\)"),
    "no sign": (AMPLITUDE, "value: 1.5e8", r"BM-CF-003: .*Write 1\.5e\+8 \(no quotes\)"),
    "unit in the value": (AMPLITUDE, "value: 1.0 TeV", r"BM-CF-003: .*its unit under `unit`"),
    "min above max": (
        INDEX,
        "{name: index, value: 2.0, min: 5.0, max: 1.0}",
        rf"BM-CF-004: {P0}\.min: .*min 5.0 above max 1.0",
    ),
    "outside": (
        INDEX,
        "{name: index, value: 7.0, min: 1.0, max: 5.0}",
        rf"BM-CF-005: {P0}\.value: parameter 'index' has value 7.0 outside its limits",
    ),
    "outside the default": (
        "value: 22.0",
        "value: 95.0",
        r"BM-CF-005: components\[0\]\.spatial\.parameters\[1\]\.value: ",
    ),
    "unknown type": (
        "type: PowerLawSpectralModel",
        "type: PowerLaw",
        rf"BM-CF-006: {S0}\.type: unknown spectral model 'PowerLaw'. Known are BrokenPowerLawSpectralModel, Comp",
    ),
    "unknown spatial type": (
        "type: PointSpatialModel",
        "type: Pont",
        r"BM-CF-006: components\[0\]\.spatial\.type: .*'Pont'",
    ),
    "type is a list": (
        "type: PowerLawSpectralModel",
        "type: [a]",
        rf"BM-CF-006: {S0}\.type.*Use one of these names\.$",
    ),
    "unknown component": (
        "type: SkyModel",
        "type: SkyModl",
        r"BM-CF-006: components\[0\]\.type: .*Did you mean 'SkyModel'",
    ),
    "unknown key": (
        "name: crab",
        "nam: crab",
        r"BM-CF-001: components\[0\]\.nam: unknown key 'nam'.*Did you mean 'name'",
    ),
    "unknown top key": ("components:", "models: 1\ncomponents:", r"BM-CF-001: models: unknown key 'models'"),
    "no components": ("components:", "metadata:", r"BM-CF-007: .*has no 'components'"),
    "no type": ("    type: SkyModel\n", "", r"BM-CF-007: components\[0\] has no 'type'"),
    "no value name": ("name: index, ", "", rf"BM-CF-007: {P0} has no 'name'"),
    "name is no text": ("name: crab", "name: yes", r"BM-CF-007: components\[0\]\.name is bool.*in quotes"),
    "value is a list": ("value: 2.0}", "value: [2.0]}", rf"BM-CF-007: {P0}\.value is list"),
    "value is true": ("value: 2.0}", "value: true}", rf"BM-CF-007: {P0}\.value is bool"),
    "frozen is text": (INDEX, "{name: index, value: 2.0, frozen: 'no'}", rf"BM-CF-007: {P0}\.frozen is str 'no'"),
    "base 60": (
        "value: 83.6",
        "value: 83:38:00",
        r"BM-CF-003: components\[0\]\.spatial\.parameters\[0\]\.value is the text '83:38:00'",
    ),
    "octal": ("value: 83.6", "value: 010", r"BM-CF-003: .*the text '010'"),
    "negative error": (INDEX, "{name: index, value: 2.0, error: -1.0}", rf"BM-CF-005: {P0}\.error is -1.0"),
    "no such unit": ("unit: cm-2 s-1 TeV-1", "unit: cm-2 s-1 Tev-1", rf"BM-CF-008: {P1}\.unit is 'cm-2 s-1 Tev-1'"),
    "wrong unit": ("unit: cm-2 s-1 TeV-1", "unit: cm-2 s-1", rf"BM-CF-008: {P1}\.unit is 'cm-2 s-1'"),
    "unit without value": (AMPLITUDE, "unit: m-2 s-1 TeV-1", rf"BM-CF-007: {P1} has the unit .* and no value"),
    "link": (
        INDEX,
        "{name: index, value: 2.0, link: 3}",
        rf"BM-CF-007: {P0}\.link is int '3'.*a text, the same for all parameters that are linked",
    ),
    "temporal": ("name: crab", "name: crab\n    temporal: {type: x}", r"BM-CF-009: components\[0\]\.temporal"),
    "no psf": ("name: crab", "name: crab\n    apply_irf: {psf: 0}", r"BM-CF-007: .*\[0\]\.apply_irf\.psf is int"),
    "irf": (
        "name: crab",
        "name: crab\n    apply_irf: {pfs: false}",
        r"BM-CF-001: components\[0\]\.apply_irf\.pfs: unknown key 'pfs'.*Did you mean 'psf'",
    ),
    "spectral": (
        "    spectral:\n        type: PowerLawSpectralModel",
        "    sprectral:\n        type: PowerLawSpectralModel",
        r"BM-CF-001: components\[0\]\.sprectral: unknown key 'sprectral'.*Did you mean 'spectral'",
    ),
    "parameters": (
        "        parameters:\n        -   {name: lon_0",
        "        paramters:\n        -   {name: lon_0",
        r"BM-CF-001: components\[0\]\.spatial\.paramters: unknown key 'paramters'.*Did you mean 'parameters'",
    ),
    "parameter twice": (
        INDEX,
        f"{INDEX}\n        -   {INDEX}",
        rf"BM-CF-015: {P1}\.name: parameter 'index' is given twice",
    ),
    "frame": ("frame: icrs", "frame: ecliptic", r"BM-MO-007: components\[0\]\.spatial: .*'ecliptic'"),
    "flux as background": (
        "PowerLawNormSpectralModel, parameters: [{name: norm, value: 1.0}]",
        "pl",
        r"BM-MO-014: components\[1\]: ",
    ),
    "spatial background": (
        "datasets_names: [run-1]",
        "datasets_names: [run-1]\n    spatial: {type: point}",
        r"BM-MO-014: components\[1\]: FoVBackgroundModel was given PointSpatialModel",
    ),
    "two datasets": ("[run-1]", "[run-1, run-2]", r"BM-MO-016: components\[1\]: "),
    "prior type": (
        INDEX,
        "{name: index, prior: {type: Gauss, parameters: []}}",
        rf"BM-CF-006: {P0}\.prior\.type: .*'Gauss'",
    ),
    "prior parameter": (
        INDEX,
        "{name: index, prior: {type: GaussianPrior, parameters: [{name: mean, value: 1.0}]}}",
        rf"BM-CF-001: {P0}\.prior\.parameters\[0\]\.name: unknown prior parameter 'mean'",
    ),
    "components is text": (GOOD, "components: crab\n", r"BM-CF-007: components is str 'crab'.*list of models"),
    "component is text": (GOOD, "components: [crab]\n", r"BM-CF-007: components\[0\] is str"),
    "parameters is a mapping": (PARAMETERS, "            index: 2.0\n", rf"BM-CF-007: {S0}\.parameters is dict"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_documents_are_refused_with_their_place(case, tmp_path):
    old, new, match = BAD[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    with pytest.raises((ConfigError, ModelError), match=match) as caught:
        read_models(text)
    assert caught.value.exit_code == 2
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises((ConfigError, ModelError), match=r"bad\.yaml"):
        read_models(path)


def test_the_good_document_is_good():
    assert read_models(GOOD).names == ("crab", "run-1-bkg")


def test_all_problems_are_found_in_one_pass():
    text = (
        GOOD.replace("name: index", "name: idx")
        .replace("frame: icrs", "fram: icrs")
        .replace("norm, value: 1.0", "norm, value: one")
    )
    with pytest.raises(ProblemList) as caught:
        read_models(text)
    assert [problem.code for problem in caught.value.problems] == ["BM-CF-001", "BM-CF-001", "BM-CF-003"]


def test_duplicate_model_names():
    twice = {"components": [*load_yaml(GOOD)["components"]] * 2}
    with pytest.raises(ModelError, match="BM-MO-011"):
        read_models(twice)


def bomb():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    return "\n".join(levels)


HOSTILE = {
    "python tag": ("a: !!python/object/apply:os.system ['touch {marker}']\n", "BM-CF-010"),
    "own tag": ("a: !thing 1\nb: 2\n", "BM-CF-010"),
    "explicit type": ("a: !!binary aGVsbG8=\nb: 2\n", "BM-CF-010"),
    "alias bomb": (bomb(), "BM-CF-011"),
    "alias": ("a: &x 1\nb: *x\n", "BM-CF-011"),
    "merge": ("a: {<<: {b: 1}}\nc: 1\n", "BM-CF-011"),
    "nested lists": ("a: " + "[" * 3000 + "]" * 3000 + "\n", "BM-CF-012"),
    "nested mappings": ("\n".join(" " * i + "a:" for i in range(200)), "BM-CF-012"),
    "2 MB": ("a: " + "x" * 2_000_000 + "\n", "BM-CF-013"),
    "many small values": ("a: [" + "[]," * 330_000 + "]\n", "BM-CF-013"),
    "empty": ("\n", "BM-CF-014"),
    "comment only": ("# nothing\n", "BM-CF-014"),
    "double key": ("a: 1\nb: 2\na: 3\n", "BM-CF-015"),
    "double key inside": ("a: {b: 1, 'b': 2}\nc: 1\n", "BM-CF-015"),
    "broken": ("a: [1, 2\nb: 3\n", "BM-CF-016"),
    "list as key": ("[1]: 2\na: 1\n", "BM-CF-016"),
    "two documents": ("a: 1\n---\nb: 2\n", "BM-CF-016"),
    "list": ("- a\n- b\n", "BM-CF-007"),
    "text": ("just\nwords\n", "BM-CF-007"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_quickly(case, tmp_path):
    text, code = HOSTILE[case]
    marker = tmp_path / "marker"
    path = tmp_path / "hostile.yaml"
    path.write_text(text.replace("{marker}", str(marker)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with pytest.raises(ConfigError, match=rf"^{code}: hostile\.yaml"):
        load_yaml(path)
    assert time.perf_counter() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert not marker.exists()
    with pytest.raises(ConfigError, match=code):
        read_models(path)


def test_not_text(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00\x00\x80")
    with pytest.raises(ConfigError, match="BM-CF-016"):
        load_yaml(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="BM-CF-014: x.yaml is empty"):
        load_yaml(path)
    with pytest.raises(BayesmapIOError, match="BM-IO-016"):
        load_yaml(tmp_path / "nowhere.yaml")
    with pytest.raises(BayesmapIOError, match="BM-IO-016"):
        load_yaml(tmp_path)


def test_limits_are_arguments():
    with pytest.raises(ConfigError, match="BM-CF-013: YAML text has more than 5 bytes.*Split the file, or keep"):
        load_yaml("a: 1\nb: 2\n", max_bytes=5)
    with pytest.raises(ConfigError, match="BM-CF-012: YAML text: line 1"):
        load_yaml("a: [[1]]\n", max_depth=2)
    with pytest.raises(ConfigError, match="BM-CF-013"):
        load_yaml("a: [1, 2]\n", max_nodes=4)
    assert load_yaml("a: [1, 2]\n", max_nodes=5, max_depth=2, max_bytes=10) == {"a": [1, 2]}


def test_check_keys():
    check_keys({"a": 1}, ("a", "b"), "")
    with pytest.raises(
        ConfigError, match="BM-CF-001: x.tune: unknown key 'tune'. Known are tunes, draws. Did you mean 'tunes'"
    ):
        check_keys({"tune": 1}, ("tunes", "draws"), "x")
    with pytest.raises(ConfigError, match="BM-CF-007: x has no 'b'"):
        check_keys({"a": 1}, ("a", "b"), "x", required=("b",))
    with pytest.raises(ConfigError, match="BM-CF-007: the top of the document is list"):
        check_keys([], ("a",), "")


TEMPLATE = """
components:
-   name: diffuse
    type: SkyModel
    spectral: {{type: pl}}
    spatial: {{type: TemplateSpatialModel, filename: {name}, normalize: true}}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a model file's place, and a secret outside it."""
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(3, 3), binsz=0.2, frame="icrs")
    template = WcsNDMap(geom, [[1.0] * 3] * 3, "sr-1")
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        template.write(tmp_path / name / "map.fits")
    (tmp_path / "inside" / "link.fits").symlink_to(tmp_path / "outside" / "map.fits")
    return tmp_path


def read_template(folder, name, **kwargs):
    path = folder / "inside" / "models.yaml"
    path.write_text(TEMPLATE.format(name=name))
    return read_models(path, **kwargs)


def test_templates_are_read_where_allowed(folder, monkeypatch):
    outside = folder / "outside"
    for name, kwargs in (
        ("map.fits", {}),
        ("./map.fits", {}),
        ("map.fits", {"root": outside}),
        (str(outside / "map.fits"), {"allow_paths": [outside]}),
        (str(outside / "map.fits"), {"allow_paths": [outside / "map.fits"]}),
        ("link.fits", {"allow_paths": [outside]}),
        ("$MAPS/map.fits", {"env": {"MAPS": str(outside)}}),
        ('"${{MAPS}}/map.fits"'.replace("{{", "{").replace("}}", "}"), {"env": {"MAPS": str(outside)}}),
    ):
        models = read_template(folder, name, **kwargs)
        assert models["diffuse"].spatial_model.image.shape == (3, 3)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../etc/passwd", "BM-IO-012"),
        ("../outside/map.fits", "BM-IO-012"),
        ("link.fits", "BM-IO-012"),
        ('"a\\0b"', "BM-IO-012"),
        ("http://127.0.0.1:9/x", "BM-IO-013"),
        ("file:///etc/passwd", "BM-IO-013"),
        ("$HOME/x", "BM-IO-014"),
        ("${HOME}/x", "BM-IO-014"),
        ("a$", "BM-IO-014"),
        ("/etc/passwd", "BM-IO-015"),
        ("~/map.fits", "BM-IO-015"),
        ("nothing.fits", "BM-IO-016"),
        ("'.'", "BM-IO-016"),
    ],
)
def test_templates_elsewhere_are_refused(folder, name, code, monkeypatch):
    def no_socket(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_socket)
    monkeypatch.setenv("HOME", str(folder / "outside"))
    if name.startswith("${"):
        name = f'"{name}"'
    with pytest.raises(BayesmapIOError, match=rf"{code}: models.yaml: components\[0\].spatial.filename names the file"):
        read_template(folder, name)


def test_templates_need_a_root_and_must_be_maps(folder):
    document = load_yaml(TEMPLATE.format(name="map.fits"))
    with pytest.raises(BayesmapIOError, match="BM-IO-015: .*A relative file name needs the folder it starts at"):
        read_models(document)
    assert read_models(document, root=folder / "inside").names == ("diffuse",)
    (folder / "inside" / "map.fits").write_bytes(b"not FITS at all")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-00\d: models.yaml: components\[0\].spatial.filename: "):
        read_template(folder, "map.fits")
    document["components"][0]["spatial"]["filename"] = 3
    with pytest.raises(ConfigError, match=r"BM-CF-007: components\[0\].spatial.filename is int"):
        read_models(document)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("normalize: true", "normalize: 1", r"BM-CF-007: .*spatial\.normalize is int"),
        (
            "normalize: true",
            "frame: galactic",
            r"BM-CF-007: .*spatial\.frame is str 'galactic'.*frame of the map, 'icrs'",
        ),
        ("normalize: true", "map: x", r"BM-CF-001: .*spatial\.map: unknown key"),
        (
            "normalize: true",
            "parameters: [{name: lon_0, value: 0.0, frozen: false}]",
            r"BM-MO-008: .*components\[0\]\.spatial: ",
        ),
    ],
)
def test_template_settings(folder, old, new, match):
    path = folder / "inside" / "models.yaml"
    path.write_text(TEMPLATE.format(name="map.fits").replace(old, new))
    with pytest.raises((ConfigError, ModelError), match=match):
        read_models(path)
