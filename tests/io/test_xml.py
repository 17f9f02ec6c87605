"""Models in XML: the format of Gammapy 0.10, the Fermi tools and ctools."""

from __future__ import annotations

import math
import time

import astropy.units as u
import numpy as np
import pytest

from bayesmap.errors import BayesmapIOError, ConfigError, ModelError, ProblemList
from bayesmap.io.safe_xml import load_xml
from bayesmap.io.xml import read_models_xml
from bayesmap.io.xml_writer import models_to_xml, write_models_xml
from bayesmap.io.yaml import read_models, write_models
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
from bayesmap.models import (
    ConstantSpatialModel,
    DiskSpatialModel,
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    GaussianSpatialModel,
    LogParabolaSpectralModel,
    Models,
    Parameter,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateSpatialModel,
)
from bayesmap.models.prior import Prior
from bayesmap.models.registry import spatial_models, spectral_models

POWER_LAW = """<spectrum type="PowerLaw">
  <parameter name="Prefactor" scale="1e-16" value="5.7" min="1e-07" max="1000.0" free="1" error="0.3"/>
  <parameter name="Index" scale="-1" value="2.48" min="0.0" max="+5.0" free="1"/>
  <parameter name="PivotEnergy" scale="1e6" value="0.3" min="0.01" max="1000.0" free="0"/>
</spectrum>"""
POINT = """<spatialModel type="PointSource">
  <parameter name="RA" scale="1.0" value="83.6331" min="-360" max="360" free="1"/>
  <parameter name="DEC" scale="1.0" value="22.0145" free="0"/>
</spatialModel>"""


def library(spectrum=POWER_LAW, shape=POINT, head='name="Crab" type="PointSource"'):
    inner = f"<source {head}>\n{spectrum}\n{shape}\n</source>"
    return f'<?xml version="1.0" standalone="no"?>\n<source_library>\n{inner}\n</source_library>'


def spectrum(kind, *parameters, more=""):
    lines = "\n".join(f"<parameter {item}/>" for item in parameters)
    return f'<spectrum type="{kind}" {more}>\n{lines}\n</spectrum>'


def shape(kind, *parameters, more=""):
    return spectrum(kind, *parameters, more=more).replace("spectrum", "spatialModel")


def free(name, value, scale=1, limits=""):
    return f'name="{name}" value="{value}" scale="{scale}" free="1" {limits}'


def test_power_law_and_point():
    crab = read_models_xml(library())["Crab"]
    index, amplitude, reference = crab.spectral_model.parameters
    assert (index.value, index.min, index.max, index.frozen) == (2.48, 0.0, 5.0, False)
    assert amplitude.quantity.to_value("cm-2 s-1 TeV-1") == pytest.approx(5.7e-10, rel=1e-14)
    assert amplitude.unit == "cm-2 s-1 MeV-1"
    assert (amplitude.min, amplitude.max) == (pytest.approx(1e-23), pytest.approx(1e-13))
    assert amplitude.error == pytest.approx(0.3e-16)
    assert reference.canonical_value == pytest.approx(0.3)
    assert reference.frozen
    assert crab.spatial_model.frame == "icrs"
    lon, lat = crab.spatial_model.parameters
    assert (lon.value, lon.min, lon.max, lon.frozen) == (83.6331, -360, 360, False)
    assert (lat.value, lat.min, lat.max, lat.frozen) == (22.0145, -90, 90, True)


def test_index_limits_are_turned_with_the_sign():
    """Gammapy 0.10 dropped them."""
    text = POWER_LAW.replace(
        'scale="-1" value="2.48" min="0.0" max="+5.0"', 'scale="1" value="-2.1" min="-4.5" max="-1"'
    )
    index = read_models_xml(library(text))["Crab"].spectral_model.index
    assert (index.value, index.min, index.max) == (2.1, 1.0, 4.5)


@pytest.mark.parametrize(
    ("kind", "names"),
    [("ExponentialCutoffPowerLaw", ("Index", "CutoffEnergy")), ("ExpCutoff", ("Index", "Cutoff"))],
)
def test_cutoff_energy_becomes_its_inverse(kind, names):
    """Values of the seed's own file: index 2.1, lambda 0.01 MeV-1."""
    text = spectrum(
        kind,
        free("Prefactor", 1.0, 1e-9),
        free(names[0], -2.1),
        free("Scale", 100.0),
        free(names[1], 0.1, 1000, 'min="0.05" max="10" error="0.02"'),
    )
    model = read_models_xml(library(text))["Crab"].spectral_model
    assert model.index.value == 2.1
    assert model.lambda_.quantity.to_value("MeV-1") == pytest.approx(0.01)
    assert (model.lambda_.min, model.lambda_.max) == (pytest.approx(1e-4), pytest.approx(0.02))
    assert model.lambda_.error == pytest.approx(20 / 100**2)
    assert model.alpha.value == 1.0
    energy = [0.05, 0.3] * u.GeV
    expected = 1e-9 * (energy.to_value("MeV") / 100) ** -2.1 * np.exp(-energy.to_value("MeV") / 100)
    np.testing.assert_allclose(model(energy).to_value("cm-2 s-1 MeV-1"), expected, rtol=1e-12)


def test_super_exponential_cutoff():
    text = spectrum(
        "PLSuperExpCutoff",
        free("Prefactor", 2.0, 1e-9),
        free("Index1", 1.5, -1),
        free("Scale", 1000.0),
        free("Cutoff", 3000.0),
        free("Index2", 0.7),
    )
    model = read_models_xml(library(text))["Crab"].spectral_model
    energy = np.array([500.0, 9000.0])
    expected = 2e-9 * (energy / 1000) ** -1.5 * np.exp(-((energy / 3000) ** 0.7))
    np.testing.assert_allclose(model(energy * u.MeV).to_value("cm-2 s-1 MeV-1"), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        (free("norm", 3.0, 1e-11), free("alpha", 2.2), free("beta", 0.1), free("Eb", 800.0)),
        (free("Prefactor", 3.0, 1e-11), free("Index", -2.2), free("Curvature", -0.1), free("PivotEnergy", 800.0)),
    ],
    ids=["Fermi", "ctools"],
)
def test_log_parabola_in_both_dialects(parameters):
    model = read_models_xml(library(spectrum("LogParabola", *parameters)))["Crab"].spectral_model
    energy = np.array([300.0, 5000.0])
    x = energy / 800
    np.testing.assert_allclose(
        model(energy * u.MeV).to_value("cm-2 s-1 MeV-1"), 3e-11 * x ** (-2.2 - 0.1 * np.log(x)), rtol=1e-12
    )


def test_shapes():
    position = (free("GLON", 187.25), free("GLAT", -1.0))
    gauss = read_models_xml(library(shape=shape("RadialGaussian", *position, free("Sigma", 0.2, 1, 'min="0.01"'))))
    model = gauss["Crab"].spatial_model
    assert (model.frame, model.lon_0.value, model.sigma.value, model.sigma.min) == ("galactic", 187.25, 0.2, 0.01)
    disk = read_models_xml(library(shape=shape("DiskFunction", *position, free("Radius", 0.4))))["Crab"].spatial_model
    assert isinstance(disk, DiskSpatialModel)
    assert disk.r_0.value == 0.4
    ellipse = shape(
        "EllipticalGaussian", *position, free("PA", 30.0), free("MajorRadius", 0.5), free("MinorRadius", 0.3)
    )
    model = read_models_xml(library(shape=ellipse))["Crab"].spatial_model
    assert (model.sigma.value, model.phi.value) == (0.5, 30.0)
    assert model.e.value == pytest.approx(0.8)
    assert not model.e.frozen
    for kind in ("DiffuseIsotropic", "ConstantValue"):
        model = read_models_xml(library(shape=shape(kind, 'name="Value" value="1" free="0"')))["Crab"].spatial_model
        assert isinstance(model, ConstantSpatialModel)
        assert model.value == ConstantSpatialModel().value


def test_limits_of_a_minor_radius():
    position = (free("RA", 10.0), free("DEC", -1.0), free("PA", 30.0))
    minor = free("MinorRadius", 0.3, 1, 'min="0.1" max="0.4"')
    frozen = shape("EllipticalDisk", *position, 'name="MajorRadius" value="0.5" free="0"', minor)
    e = read_models_xml(library(shape=frozen))["Crab"].spatial_model.e
    assert (e.min, e.max) == (pytest.approx(0.6), pytest.approx(math.sqrt(0.96)))
    moving = shape("EllipticalDisk", *position, free("MajorRadius", 0.5), minor)
    with pytest.raises(ConfigError, match="BM-CF-043: line 14, <parameter> 'MinorRadius' is 0.3"):
        read_models_xml(library(shape=moving))


@pytest.mark.parametrize(
    ("kind", "model", "parameters"),
    [
        ("PowerLaw2", "PowerLaw2SpectralModel", ("Integral", "Index", "LowerLimit", "UpperLimit")),
        ("BrokenPowerLaw", "BrokenPowerLawSpectralModel", ("Prefactor", "Index1", "Index2", "BreakValue")),
        ("ConstantValue", "ConstantSpectralModel", ("Value",)),
    ],
)
def test_further_spectra(kind, model, parameters):
    text = library(spectrum(kind, *(free(name, 1.5 + n) for n, name in enumerate(parameters))))
    if model not in spectral_models():
        with pytest.raises(ModelError, match=f"BM-MO-017: no spectral model is called '{model}'"):
            read_models_xml(text)
        return
    models = read_models_xml(text)
    assert type(models["Crab"].spectral_model).__name__ == model
    assert read_models_xml(models_to_xml(models)) == models


def test_shell():
    text = library(shape=shape("RadialShell", free("RA", 1), free("DEC", 2), free("Radius", 0.5), free("Width", 0.1)))
    if "ShellSpatialModel" not in spatial_models():
        with pytest.raises(ModelError, match="BM-MO-017: no spatial model is called 'ShellSpatialModel'"):
            read_models_xml(text)
        return
    models = read_models_xml(text)
    assert models["Crab"].spatial_model.width.value == 0.1
    assert read_models_xml(models_to_xml(models)) == models


def test_maps_and_tables(tmp_path):
    geom = WcsGeom.create(skydir=(0, 0), npix=(4, 3), frame="galactic")
    WcsNDMap(geom, np.arange(1.0, 13.0).reshape(3, 4)).write(tmp_path / "map.fits")
    one = 'name="Prefactor" value="1" free="0"'
    text = library(shape=shape("SpatialMap", one, more='file="map.fits"'))
    (tmp_path / "models.xml").write_text(text)
    fermi = read_models(tmp_path / "models.xml")["Crab"].spatial_model
    assert not fermi.normalize
    np.testing.assert_array_equal(fermi.image, np.arange(1.0, 13.0).reshape(3, 4))
    ctools = read_models_xml(text.replace("SpatialMap", "DiffuseMap"), root=tmp_path)["Crab"].spatial_model
    assert ctools.normalize
    with pytest.raises(ConfigError, match="BM-CF-043: .*'Prefactor' of a map is 2, frozen"):
        read_models_xml(text.replace('Prefactor" value="1"', 'Prefactor" value="2"'), root=tmp_path)
    with pytest.raises(
        BayesmapIOError, match=r"BM-IO-012: line 9, <spatialModel>, attribute file names the file '\.\./m"
    ):
        read_models_xml(text.replace("map.fits", "../map.fits"), root=tmp_path)
    variable = text.replace("map.fits", "$(DATA)/map.fits")
    with pytest.raises(BayesmapIOError, match="BM-IO-014"):
        read_models_xml(variable)
    assert read_models_xml(variable, env={"DATA": str(tmp_path)})["Crab"].spatial_model == fermi


@pytest.mark.parametrize("normalize", [True, False])
def test_maps_are_written_beside_the_file(tmp_path, normalize):
    geom = WcsGeom.create(skydir=(0, 0), npix=(4, 3), frame="galactic")
    template = TemplateSpatialModel(map=WcsNDMap(geom, np.arange(1.0, 13.0).reshape(3, 4), "sr-1"), normalize=normalize)
    with pytest.raises(ConfigError, match="BM-CF-041: .*a template without a file name"):
        models_to_xml(SkyModel(PowerLawSpectralModel(), template, name="my map"))
    write_models(SkyModel(PowerLawSpectralModel(), template, name="my map"), tmp_path / "m.xml")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.xml", "my_map.fits"]
    again = read_models(tmp_path / "m.xml")["my map"].spatial_model
    assert again.normalize is normalize
    np.testing.assert_array_equal(again.map.data, template.map.data)


def test_cube_with_the_spectrum_in_it(tmp_path):
    axis = MapAxis.from_nodes([1e-3, 1e-2, 1e-1], name="energy_true")
    geom = WcsGeom.create(skydir=(0, 0), npix=(4, 3), frame="galactic", axes=[axis])
    WcsNDMap(geom, np.ones(geom.shape) * np.array([1e-6, 1e-8, 1e-10])[:, None, None]).write(tmp_path / "cube.fits")
    text = library(
        spectrum("PowerLaw", free("Prefactor", 1.1), free("Index", -0.1), 'name="Scale" value="1000" free="0"'),
        shape("MapCubeFunction", 'name="Value" value="1" free="0"', more='file="cube.fits"'),
    )
    models = read_models_xml(text, root=tmp_path)
    norm, tilt, reference = (models.parameters[f"Crab.spectral.{name}"] for name in ("norm", "tilt", "reference"))
    assert (norm.value, tilt.value, reference.canonical_value) == (1.1, 0.1, pytest.approx(1e-3))
    assert models["Crab"].spatial_model.map.unit == "cm-2 s-1 MeV-1 sr-1"
    write_models(models, tmp_path / "again.xml", overwrite=True)
    again = read_models(tmp_path / "again.xml")
    assert again.parameters["Crab.spectral.tilt"].value == 0.1
    np.testing.assert_array_equal(again["Crab"].spatial_model.map.data, models["Crab"].spatial_model.map.data)


def test_file_function(tmp_path):
    (tmp_path / "iso.txt").write_text("# isotropic\n100.0 1e-7 1e-9\n1000.0 1e-9 1e-11\n1e5 1e-13 0\n")
    norm = free("Normalization", 1.1)
    isotropic = shape("ConstantValue", 'name="Value" value="1" free="0"')
    text = library(spectrum("FileFunction", norm, more='file="iso.txt"'), isotropic)
    if "TemplateSpectralModel" not in spectral_models():
        with pytest.raises(ModelError, match="BM-MO-017: no spectral model is called 'TemplateSpectralModel'"):
            read_models_xml(text, root=tmp_path)
        return
    model = read_models_xml(text, root=tmp_path)["Crab"].spectral_model
    np.testing.assert_allclose(model([100, 316.2277660168379] * u.MeV).to_value("cm-2 s-1 MeV-1"), [1.1e-7, 1.1e-8])


def all_kinds():
    index = Parameter("index", 2.2, min=1.0, max=5.0, error=0.1)
    return Models(
        (
            SkyModel(
                PowerLawSpectralModel(index=index, amplitude=Parameter("amplitude", 3e-12, "cm-2 s-1 TeV-1", min=0.0)),
                PointSpatialModel(lon_0=184.55, lat_0=-5.8, frame="galactic"),
                name='4FGL <"a" & b>',
                datasets_names=["run-1", "run-2"],
            ),
            SkyModel(
                ExpCutoffPowerLawSpectralModel(lambda_=Parameter("lambda_", 0.1, "GeV-1", max=0.5, error=0.01)),
                GaussianSpatialModel(sigma="6 arcmin"),
                name="b",
            ),
            SkyModel(LogParabolaSpectralModel(), DiskSpatialModel(r_0=0.2, e=0.6, phi=-20), name="c"),
            SkyModel(PowerLawSpectralModel(), ConstantSpatialModel(), name="d"),
            SkyModel(
                PowerLawSpectralModel(),
                GaussianSpatialModel(sigma=0.3, e=Parameter("e", 0.5, min=0.0, max=1.0), phi=10),
                name="e",
            ),
        )
    )


def test_write_and_read_is_the_identity(tmp_path):
    models = all_kinds()
    write_models(models, tmp_path / "models.xml")
    again = read_models(tmp_path / "models.xml")
    assert again.names == models.names
    assert again[0].datasets_names == ("run-1", "run-2")
    for name, item in models.parameters.items():
        other = again.parameters[name]
        assert other.canonical_value == pytest.approx(item.canonical_value, rel=1e-14), name
        assert other.frozen == item.frozen, name
        factors = (item.canonical_factor, other.canonical_factor)
        for key in ("min", "max", "error"):
            ours, theirs = getattr(item, key) * factors[0], getattr(other, key) * factors[1]
            np.testing.assert_allclose(theirs, ours, rtol=1e-14, err_msg=f"{name} {key}")
    # what was read once is exact ever after
    assert read_models_xml(models_to_xml(again)) == read_models_xml(
        models_to_xml(read_models_xml(models_to_xml(again)))
    )
    with pytest.raises(BayesmapIOError, match=r"BM-IO-032: .*models\.xml exists"):
        write_models_xml(models, tmp_path / "models.xml")
    assert [item.name for item in tmp_path.iterdir()] == ["models.xml"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FoVBackgroundModel("run-1"), "FoVBackgroundModel 'run-1-bkg'. XML holds sources only"),
        (
            SkyModel(
                PowerLawSpectralModel(index=Parameter("index", 2.0, prior=Prior("Normal", mu=2, sigma=1))),
                PointSpatialModel(),
            ),
            "index with the prior Normal",
        ),
        (SkyModel(PowerLawSpectralModel(), PointSpatialModel(frame="fk5")), "the frame fk5"),
        (SkyModel(PowerLawSpectralModel(), DiskSpatialModel(edge_width=0.3)), "edge_width = 0.3 of DiskSpatialModel"),
        (
            SkyModel(PowerLawSpectralModel(), GaussianSpatialModel(e=Parameter("e", 0.5, max=0.9))),
            "an eccentricity with a prior or limits",
        ),
    ],
)
def test_what_xml_cannot_hold(model, message):
    with pytest.raises(ConfigError, match=f"BM-CF-041: .*{message}"):
        models_to_xml(model)


BAD = {
    "not XML": ("<source_library><source>", "BM-CF-040: line 1 of the XML document: no element found"),
    "doctype": ('<!DOCTYPE a [<!ENTITY b "c">]><a/>', "BM-CF-040: line 1 .*holds a document type"),
    "external": ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "BM-CF-040: line 1 .*holds a document type"),
    "text": ("<source_library>hello</source_library>", "BM-CF-040: .*the text 'hello' between elements"),
    "undefined entity": ("<source_library>&b;</source_library>", "BM-CF-040: .*undefined entity"),
    "root": ("<library/>", "BM-CF-001: line 1, <library>: unknown element 'library'.*Did you mean 'source_library'"),
    "element": (library("<spectum/>"), "BM-CF-001: line 4, <spectum>: unknown element.*Did you mean 'spectrum'"),
    "no spectrum": (library(""), "BM-CF-007: line 3, <source> 'Crab' has 0 elements <spectrum>"),
    "attribute": (
        library(head='nam="Crab" type="PointSource"'),
        "BM-CF-001: line 3, <source>: unknown attribute 'nam'.*Did you mean 'name'",
    ),
    "type": (
        library(POWER_LAW.replace('"PowerLaw"', '"PowerLow"')),
        "BM-CF-006: line 4, <spectrum>: unknown type 'PowerLow'.*Did you mean 'PowerLaw'",
    ),
    "parameter": (
        library(POWER_LAW.replace('"Index"', '"Indx"')),
        "BM-CF-001: line 6, <parameter> 'Indx': unknown parameter 'Indx'.*Did you mean 'Index'",
    ),
    "parameter missing": (
        library(spectrum("PowerLaw", free("Prefactor", 1), free("Index", -2))),
        "BM-CF-007: line 4, <spectrum> of type 'PowerLaw' lacks Scale or PivotEnergy\\.",
    ),
    "parameters missing": (
        library(spectrum("PowerLaw", free("Prefactor", 1))),
        "BM-CF-007: line 4, <spectrum> of type 'PowerLaw' lacks Index, and Scale or PivotEnergy\\.",
    ),
    "twice": (
        library(
            spectrum("PowerLaw", free("Prefactor", 1), free("Index", -2), free("Scale", 1), free("PivotEnergy", 1))
        ),
        "BM-CF-015: line 8, <parameter> 'PivotEnergy' gives 'reference' again",
    ),
    "number": (
        library(POWER_LAW.replace('value="5.7"', 'value="5,7"')),
        "BM-CF-042: line 5, <parameter> 'Prefactor' has value='5,7'",
    ),
    "nan": (library(POWER_LAW.replace('value="5.7"', 'value="nan"')), "BM-CF-042: .*value='nan'"),
    "limits": (
        library(POWER_LAW.replace('min="0.0" max="+5.0"', 'min="6" max="5"')),
        "BM-CF-042: line 6, <parameter> 'Index' has scale -1, min -5, max -6",
    ),
    "outside": (
        library(POWER_LAW.replace('max="+5.0"', 'max="2.0"')),
        "BM-CF-005: line 6, <parameter> 'Index': .*outside its limits",
    ),
    "free": (library(POWER_LAW.replace('free="0"', 'free="maybe"')), "BM-CF-007: .*'PivotEnergy' has free='maybe'"),
    "frames": (
        library(shape=shape("PointSource", free("RA", 1), free("GLAT", 2))),
        "BM-CF-007: line 9, <spatialModel> of type 'PointSource' mixes RA and DEC with GLON and GLAT",
    ),
    "cutoff": (
        library(spectrum("ExpCutoff", free("Prefactor", 1), free("Index", -2), free("Scale", 1), free("Cutoff", 0))),
        "BM-CF-042: line 8, <parameter> 'Cutoff' is 0",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_bad_documents(case):
    text, message = BAD[case]
    with pytest.raises(ConfigError, match=message):
        read_models_xml(text)


def test_all_problems_in_one_pass(tmp_path):
    text = library(POWER_LAW.replace('"Index"', '"Indx"').replace('"5.7"', '"x"'), POINT.replace("RA", "Ra"))
    (tmp_path / "m.xml").write_text(text)
    with pytest.raises(ProblemList) as caught:
        read_models(tmp_path / "m.xml")
    assert [problem.code for problem in caught.value.problems] == ["BM-CF-042", "BM-CF-001", "BM-CF-001"]
    assert all(problem.what.startswith("m.xml: line ") for problem in caught.value.problems)


def test_bombs_and_missing_files(tmp_path):
    start = time.perf_counter()
    with pytest.raises(ConfigError, match="BM-CF-012: line 1 goes beyond 20 levels"):
        load_xml("<a>" * 10_000)
    with pytest.raises(ConfigError, match="BM-CF-012"):
        load_xml("<a>" + "<b/>" * 200_000 + "</a>")
    with pytest.raises(ConfigError, match="BM-CF-013: the XML document has more than 4,000,000 bytes"):
        load_xml("<a>" + " " * 4_000_001 + "</a>")
    laughs = '<!DOCTYPE z [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "&a;" * 10}">' for n in range(9)
    )
    with pytest.raises(ConfigError, match="BM-CF-040"):
        load_xml(laughs + "]><z>&a8;</z>")
    # A bomb that went off would take minutes and gigabytes; a busy machine takes seconds.
    assert time.perf_counter() - start < 20.0
    with pytest.raises(BayesmapIOError, match="BM-IO-016"):
        read_models_xml(tmp_path / "none.xml")
