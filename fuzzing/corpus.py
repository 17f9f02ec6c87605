"""Good inputs that cases are made from: small, written here, with every part that bayesmap reads."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from bayesmap.dataset import MapDataset, SpectrumDatasetOnOff
from bayesmap.io.gammapy import write_dataset
from bayesmap.io.spectrum import write_spectrum
from bayesmap.irf.edisp import EnergyDispersion
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.axis import MapAxis
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.map import WcsNDMap
from bayesmap.testing import toy_response

SEED = 20260101
MODELS = """components:
-   name: crab
    type: SkyModel
    spectral:
        type: PowerLawSpectralModel
        parameters:
        -   {name: index, value: 2.3, min: 0.5, max: 5.0, error: 0.1}
        -   {name: amplitude, value: 1.0e-12, unit: cm-2 s-1 TeV-1}
        -   {name: reference, value: 1.0, unit: TeV, frozen: true}
    spatial:
        type: GaussianSpatialModel
        frame: icrs
        parameters:
        -   {name: lon_0, value: 83.63, unit: deg}
        -   {name: lat_0, value: 22.01, unit: deg, prior: {type: GaussianPrior, parameters: [{name: mu, value: 22.0}, {name: sigma, value: 0.1}]}}
        -   {name: sigma, value: 0.2, unit: deg, min: 0.01}
-   name: diffuse
    type: SkyModel
    datasets_names: [toy]
    spectral:
        type: CompoundSpectralModel
        operator: mul
        model1: {type: TemplateSpectralModel, energy: {data: [0.5, 1.0, 20.0], unit: TeV}, values: {data: [3.0e-12, 1.0e-12, 1.0e-14], unit: cm-2 s-1 TeV-1}}
        model2: {type: PowerLawNormSpectralModel, parameters: [{name: norm, value: 1.2}]}
    spatial: {type: TemplateSpatialModel, filename: template.fits, normalize: true}
-   type: FoVBackgroundModel
    datasets_names: [toy]
    spectral: {type: PowerLawNormSpectralModel, parameters: [{name: norm, value: 1.1}, {name: tilt, value: 0.1}]}
bayesmap:
    models:
    -   type: ResponseModel
        name: response
        datasets_names: [toy]
        response: {parameters: [{name: exposure_scale, value: 1.05, frozen: false}]}
"""
CONFIG = """name: toy
dataset: dataset.fits
models: models.yaml
output: result
psf_max_radius: 0.6
irf: single
exposure_order: true
memory_limit: 4 GB
priors:
    crab.spectral.index: {type: GaussianPrior, parameters: [{name: mu, value: 2.0}, {name: sigma, value: 0.5}]}
allow_asimov: false
optimize: {backend: newton, tolerance: 1.0e-3, max_iterations: 100, starts: 2, random_seed: 3}
sample: {draws: 500, tune: 300, chains: 4, random_seed: 7, target_accept: 0.9}
profiles: [crab.spectral.index]
flux_points: {crab: {energy_edges: all}}
"""
CONFIG_JOINT = """datasets:
-   {file: dataset.fits, name: one, irf: map, psf_max_radius: 0.5}
-   {type: spectrum, file: spectrum.fits, name: two}
-   {type: ogip, file: pha.fits, name: three, background: bkg.fits, arf: arf.fits, rmf: rmf.fits}
-   {name: four, maps: {counts: counts.fits, exposure: exposure.fits}}
models: models-joint.yaml
output: joint
sample: false
"""
MODELS_JOINT = """components:
-   name: crab
    type: SkyModel
    spectral: {type: PowerLawSpectralModel, parameters: [{name: index, value: 2.3}, {name: amplitude, value: 1.0e-12, unit: cm-2 s-1 TeV-1}]}
    spatial: {type: PointSpatialModel, frame: icrs, parameters: [{name: lon_0, value: 83.63, unit: deg}, {name: lat_0, value: 22.01, unit: deg}]}
"""
DATASETS = """datasets:
-   {name: toy, type: MapDataset, filename: dataset.fits}
-   {name: run, type: SpectrumDatasetOnOff, filename: spectrum.fits}
metadata: {creator: fuzzing, date: '2026-01-01T00:00:00'}
"""
XML = """<?xml version="1.0" standalone="no"?>
<source_library title="library">
<source name="Crab" type="PointSource">
<spectrum type="PowerLaw">
  <parameter name="Prefactor" scale="1e-16" value="5.7" min="1e-07" max="1000.0" free="1" error="0.3"/>
  <parameter name="Index" scale="-1" value="2.48" min="0.0" max="+5.0" free="1"/>
  <parameter name="PivotEnergy" scale="1e6" value="0.3" min="0.01" max="1000.0" free="0"/>
</spectrum>
<spatialModel type="PointSource">
  <parameter name="RA" scale="1.0" value="83.6331" min="-360" max="360" free="1"/>
  <parameter name="DEC" scale="1.0" value="22.0145" free="0"/>
</spatialModel>
</source>
<source name="iso" type="DiffuseSource">
<spectrum type="FileFunction" file="isotropic.txt"><parameter name="Normalization" scale="1" value="1.1" min="0" max="10" free="1"/></spectrum>
<spatialModel type="ConstantValue"><parameter name="Value" scale="1" value="1" min="0" max="10" free="0"/></spatialModel>
</source>
</source_library>
"""


def build(folder: Path) -> None:
    """Write every good input into a folder.

    Parameters
    ----------
    folder : Path
        Existing, empty.
    """
    dataset = map_dataset()
    write_dataset(dataset, folder / "dataset-sum.fits")
    write_dataset(dataset, folder / "dataset-sum.fits.gz")
    without_sums(folder / "dataset-sum.fits", folder / "dataset.fits")
    dataset.counts.write(folder / "counts.fits")
    dataset.exposure.write(folder / "exposure.fits")
    write_spectrum(spectrum(), folder / "spectrum-sum.fits")
    without_sums(folder / "spectrum-sum.fits", folder / "spectrum.fits")
    template(folder / "template.fits")
    ogip(folder)
    fermi(folder)
    texts = {
        "models.yaml": MODELS,
        "models-joint.yaml": MODELS_JOINT,
        "config.yaml": CONFIG,
        "config-joint.yaml": CONFIG_JOINT,
        "datasets.yaml": DATASETS,
        "models.xml": XML,
        "isotropic.txt": "# energy (MeV), brightness\n30 1e-5 0.1\n300 1e-6 0.1\n3000 1e-7 0.1\n300000 1e-9 0.1\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    covariance(folder)
    results(folder / "fit")


def map_dataset() -> MapDataset:
    """Return a map data set of 7 x 6 pixels with mask, weights, PSF table and energy dispersion."""
    rng = np.random.default_rng(SEED)
    response = toy_response(npix=6)
    axis, axis_true = response.axis, response.axis_true
    image = WcsGeom.create(skydir=(83.63, 22.01), npix=(7, 6), binsz=0.1, proj="TAN")
    geom, geom_true = image.with_axes((axis,)), image.with_axes((axis_true,))
    rad = np.linspace(0.0, 0.9, 40)
    width = np.deg2rad(0.15) * axis_true.center[:, None] ** -0.1
    table = np.exp(-0.5 * (np.deg2rad(rad) / width) ** 2) / (2 * np.pi * width**2)
    used = np.ones(geom.shape, dtype=bool)
    used[:, 0, 0] = False
    return MapDataset(
        name="toy",
        counts=WcsNDMap(geom, rng.poisson(3.0, geom.shape)),
        exposure=WcsNDMap(geom_true, 1e11 * (1 + rng.random(geom_true.shape)), "cm2 s"),
        background=WcsNDMap(geom, 0.5 + rng.random(geom.shape)),
        psf=replace(RadialPSF(axis_true, rad, table).normalised(), max_radius=np.full(axis_true.nbin, 0.8)),
        edisp=response.edisp,
        mask=WcsNDMap(geom, used),
        weights=WcsNDMap(geom, 0.5 + 0.5 * rng.random(geom.shape)),
    )


def spectrum() -> SpectrumDatasetOnOff:
    """Return an On/Off spectrum of three channels."""
    edisp = toy_response(npix=4).edisp
    assert edisp is not None
    return SpectrumDatasetOnOff(
        name="run", axis=edisp.axis, counts=np.array([9.0, 4.0, 1.0]), counts_off=np.array([30.0, 20.0, 5.0]),
        acceptance=np.ones(3), acceptance_off=np.full(3, 8.0), axis_true=edisp.axis_true,
        exposure=np.geomspace(1e12, 1e13, 5), edisp=edisp, mask=np.array([True, True, False]),
    )  # fmt: skip


def without_sums(source: Path, target: Path) -> None:
    """Copy a FITS file and leave the checksums out."""
    with fits.open(source, memmap=False) as hdus:
        for hdu in hdus:
            for card in ("CHECKSUM", "DATASUM"):
                hdu.header.remove(card, ignore_missing=True)
        hdus.writeto(target, checksum=False)


def template(path: Path) -> None:
    """Write a brightness image."""
    geom = WcsGeom.create(skydir=(83.63, 22.01), npix=(9, 9), binsz=0.1, proj="TAN")
    y, x = np.indices((9, 9)) - 4.0
    WcsNDMap(geom, np.exp(-(x**2 + y**2) / 8.0), "sr-1").write(path)
    summed = path.with_name("summed-template.fits")
    path.rename(summed)
    without_sums(summed, path)


def ogip(folder: Path) -> None:
    """Write PHA, background, effective area and redistribution matrix of one observation."""
    true = MapAxis.from_edges([0.5, 1, 2, 4, 16], name="energy_true")
    reco = MapAxis.from_edges([1, 2, 4, 8])
    matrix = np.array([[0.2, 0.0, 0.0], [0.7, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.8]])
    names = {"BACKFILE": "bkg.fits", "ANCRFILE": "arf.fits", "RESPFILE": "rmf.fits"}
    _pha(folder / "pha.fits", [3, 2, 1], EXPOSURE=100.0, BACKSCAL=0.5, AREASCAL=0.9, OBS_ID="17", **names)
    _pha(folder / "bkg.fits", [30, 20, 10], EXPOSURE=200.0, BACKSCAL=2.0)
    edges = true.edges * 1e9
    arf = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "D", unit="keV", array=edges[:-1]),
            fits.Column("ENERG_HI", "D", unit="keV", array=edges[1:]),
            fits.Column("SPECRESP", "D", unit="m2", array=np.array([1.0, 2.0, 3.0, 4.0])),
        ],
        name="SPECRESP",
    )
    fits.HDUList([fits.PrimaryHDU(), arf]).writeto(folder / "arf.fits")
    EnergyDispersion(true, reco, matrix).write(folder / "rmf-sum.fits")
    without_sums(folder / "rmf-sum.fits", folder / "rmf.fits")


def _pha(path: Path, counts: list[int], **cards: Any) -> None:
    columns = [
        fits.Column("CHANNEL", "I", array=np.arange(len(counts))),
        fits.Column("COUNTS", "J", array=np.asarray(counts)),
        fits.Column("QUALITY", "I", array=np.zeros(len(counts), dtype=int)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    table.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def fermi(folder: Path) -> None:
    """Write a counts cube, an exposure cube at nodes and a point spread function of the Fermi tools."""
    rng = np.random.default_rng(SEED)
    edges, nodes = np.geomspace(1e3, 1e5, 5), np.geomspace(500, 2e5, 7)
    geom = WcsGeom.create(skydir=(0.0, 0.0), npix=(8, 6), binsz=0.1, frame="galactic")
    head = geom.wcs.to_header()
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=np.arange(1, 5)),
            fits.Column("E_MIN", "D", unit="keV", array=edges[:-1] * 1e3),
            fits.Column("E_MAX", "D", unit="keV", array=edges[1:] * 1e3),
        ],
        name="EBOUNDS",
    )
    counts = rng.poisson(3.0, (4, 6, 8)).astype(np.float32)
    fits.HDUList([fits.PrimaryHDU(counts, head), bounds]).writeto(folder / "ccube.fits")
    energies = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", unit="MeV", array=nodes)], name="ENERGIES")
    cube = 1e11 * (nodes / 1e4)[:, None, None] ** 0.3 * (1 + 0.1 * rng.random((7, 12, 16)))
    wide = WcsGeom.create(skydir=(0.0, 0.0), npix=(16, 12), binsz=0.1, frame="galactic").wcs.to_header()
    fits.HDUList([fits.PrimaryHDU(cube, wide), energies]).writeto(folder / "bexp.fits")
    theta = np.linspace(0, 5, 60)
    sigma = np.deg2rad(0.8 * (nodes / 1e3) ** -0.2)[:, None]
    psf = np.exp(-0.5 * (np.deg2rad(theta) / sigma) ** 2) / (2 * np.pi * sigma**2)
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("Energy", "D", unit="MeV", array=nodes),
            fits.Column("Exposure", "D", unit="cm2 s", array=cube[:, 6, 8]),
            fits.Column("Psf", "60D", unit="sr-1", array=psf),
        ],
        name="PSF",
    )
    angles = fits.BinTableHDU.from_columns([fits.Column("Theta", "D", unit="deg", array=theta)], name="THETA")
    fits.HDUList([fits.PrimaryHDU(), table, angles]).writeto(folder / "gtpsf.fits")


def covariance(folder: Path) -> None:
    """Write models that name a covariance file, and the file."""
    from bayesmap.io.covariance import ParameterCovariance
    from bayesmap.io.yaml import read_models, write_models

    models = read_models(folder / "models-joint.yaml")
    names = ("crab.spectral.index", "crab.spectral.amplitude", "crab.spatial.lon_0")
    matrix = np.diag([0.01, 1e-26, 1e-4])
    matrix[0, 1] = matrix[1, 0] = 3e-15
    write_models(models, folder / "with.yaml", covariance=ParameterCovariance(names, matrix), checksum=False)


def png() -> bytes:
    """Return a grey pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


def results(folder: Path) -> None:
    """Write the records of an analysis as `bayesmap fit`, `compare` and `calibrate` leave them."""
    folder.mkdir()
    name = "crab.spectral.amplitude"
    number = {"value": 1.2e-12, "error": 5e-14, "unit": "cm-2 s-1 TeV-1", "min": None, "max": None, "frozen": False,
              "link": None}  # fmt: skip
    row = {"unit": "cm-2 s-1 TeV-1", "mean": 1.2e-12, "sd": 5e-14, "median": 1.2e-12, "lower": 1.1e-12,
           "upper": 1.3e-12, "mcse_mean": 1e-15, "ess_bulk": 2000.0, "ess_tail": 1500.0, "r_hat": 1.0012}  # fmt: skip
    effect = {"prior": "Normal(mu=2, sigma=1)", "unit": "", "prior_sd": 1.0, "posterior_sd": 0.1, "contraction": 0.99,
              "prior_sensitivity": 0.01, "likelihood_sensitivity": 0.2, "diagnosis": "-"}  # fmt: skip
    data = {"name": "toy", "kind": "map", "sky": "7 x 6 pixels", "energy": [0.5, 20.0, 3],
            "energy_true": [0.3, 30.0, 5], "bins": [126, 126], "edisp": True, "notes": ["a note"], "sha256": "ab" * 32,
            "counts": 529.0, "background": 250.0, "exposure": [1e10, 3e11], "psf": 0.19, "weights": False}  # fmt: skip
    discrepancy = {"p_value": 0.4, "error": 0.02, "sampled_p_value": 0.5, "meaning": "a source is missing"}
    place = {"lon": 83.6, "lat": 22.0, "radius": 0.1, "significance": 3.2, "counts": 12.0, "npred": 4.0}
    checked = {"draws": 1000, "discrepancies": {"maximum_excess": discrepancy}, "pit": {"p_value": 0.3},
               "places": {"excess": place}, "notes": ["a note"]}  # fmt: skip
    model = {"name": "crab", "kind": "source", "components": {"spectral": "PowerLawSpectralModel"}, "datasets": [],
             "free": [name]}  # fmt: skip
    records = {
        "result": {"success": True, "message": "optimum found", "reasons": [], "at_bound": [], "notes": ["n"],
                   "total_stat": 1234.5, "nfev": 12, "parameters": {name: number},
                   "covariance": {"names": [name], "matrix": [[1.0]], "success": True},
                   "dataset": {"name": "toy", "sha256": "ab" * 32, "notes": []},
                   "versions": {"python": "3.13.0", "bayesmap": "0.1.0"}, "configuration": "../config.yaml"},
        "summary": {"verdict": {"ok": True, "status": "ok", "reasons": [], "notes": ["n"],
                                "measures": {"r_hat": 1.0012, "ess_bulk": 2000.0, "chains": 4}},
                    "interval_mass": 0.6827, "parameters": {name: row}, "priors": {name: "Normal(2, 1)"},
                    "prior_report": {name: effect}, "predictive_p_values": {},
                    "provenance": {"versions": {}, "sampler": {"library": "nutpie", "seed": 5}, "dataset": {},
                                   "options": {"draws": 500}}},
        "check": {"ok": True, "reasons": [], "datasets": {"toy": checked}},
        "analysis": {"name": "toy", "command": "bayesmap fit config.yaml", "finished": "2026-01-01 00:00:00 UTC",
                     "configuration": "dataset: data.fits.gz\n", "datasets": [data], "models": [model]},
        "comparison": {"success": True, "reasons": [], "notes": [], "by": "bin", "groups": 126, "best": "point",
                       "models": [{"name": "point", "elpd": -100.0, "error": 5.0, "delta": 0.0, "delta_error": 0.0,
                                   "weight": 1.0, "p": 3.0, "bad": 0, "log_z": -120.0, "log_z_error": 0.1},
                                  {"name": "disk", "elpd": -110.0, "error": 5.0, "delta": -10.0, "delta_error": 2.0,
                                   "weight": 0.0, "p": 4.0, "bad": 1, "log_z": None, "log_z_error": None}]},
        "calibration": {"success": True, "reasons": [], "notes": [], "done": 200,
                        "quantities": {name: {"p_value": 0.3, "shape": "flat", "shares": {"68 %": 0.68},
                                              "contraction": 0.9, "z_mean": 0.01, "z_sd": 1.0}}},
    }  # fmt: skip
    for label, record in records.items():
        (folder / f"{label}.json").write_text(json.dumps(record, indent=1))
    (folder / "maps.png").write_bytes(png())
    (folder / "models.yaml").write_text(MODELS_JOINT)
