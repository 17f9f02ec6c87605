"""Files of the Fermi science tools, made here in their layout, and read as Gammapy reads them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from bayesmap.errors import BayesmapIOError, GeometryError
from bayesmap.io.fermi import (
    read_fermi,
    read_fermi_counts,
    read_fermi_diffuse,
    read_fermi_edisp,
    read_fermi_exposure,
    read_fermi_isotropic,
    read_fermi_psf,
)
from bayesmap.maps import MapAxis, WcsGeom, WcsNDMap
from bayesmap.maps.resample import resample_sky

EDGES = np.geomspace(1e3, 1e5, 5)  # MeV
TRUE = np.geomspace(500, 2e5, 7)


def header(n_lon, n_lat, step, lon, lat, kind="GLON-CAR GLAT-CAR"):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = kind.split()
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crval = [lon, 0.0 if "CAR" in kind else lat]
    wcs.wcs.crpix = [(n_lon + 1) / 2, (n_lat + 1) / 2 - (lat / step if "CAR" in kind else 0.0)]
    return wcs.to_header()


@pytest.fixture
def files(tmp_path):
    """Counts 8 x 6 in AIT, exposure of the whole sky in CAR at 1 deg, psf and matrix."""
    rng = np.random.default_rng(2)
    head = header(8, 6, 0.1, 359.97, -0.1, "GLON-AIT GLAT-AIT")
    counts = rng.poisson(3.0, (4, 6, 8)).astype(np.float32)
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=np.arange(1, 5)),
            fits.Column("E_MIN", "D", unit="keV", array=EDGES[:-1] * 1e3),
            fits.Column("E_MAX", "D", unit="keV", array=EDGES[1:] * 1e3),
        ],
        name="EBOUNDS",
    )
    fits.HDUList([fits.PrimaryHDU(counts, head), bounds]).writeto(tmp_path / "ccube.fits")
    y, x = np.mgrid[:180, :360]
    plane = 1e11 * (1 + 0.3 * np.cos(np.deg2rad(179.5 - x)) + 0.002 * y)
    cube = plane * (TRUE / 1e4)[:, None, None] ** 0.3
    whole = header(360, 180, 1.0, 0.0, 0.0)
    energies = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", unit="MeV", array=TRUE)], name="ENERGIES")
    fits.HDUList([fits.PrimaryHDU(cube, whole), energies]).writeto(tmp_path / "bexp.fits")
    theta = np.linspace(0, 5, 400)
    sigma = np.deg2rad(0.8 * (TRUE / 1e3) ** -0.4)[:, None]
    psf = np.exp(-0.5 * (np.deg2rad(theta) / sigma) ** 2) / (2 * np.pi * sigma**2)
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.BinTableHDU.from_columns(
                [
                    fits.Column("Energy", "D", unit="MeV", array=TRUE),
                    fits.Column("Exposure", "D", unit="cm2 s", array=cube[:, 90, 180]),
                    fits.Column("Psf", "400D", unit="sr-1", array=psf),
                ],
                name="PSF",
            ),
            fits.BinTableHDU.from_columns([fits.Column("Theta", "D", unit="deg", array=theta)], name="THETA"),
        ]
    ).writeto(tmp_path / "gtpsf.fits")
    matrix = np.eye(6, 4, k=-1) * 0.8 + np.eye(6, 4, k=0) * 0.1 + np.eye(6, 4, k=-2) * 0.1
    drm = fits.BinTableHDU.from_columns(
        [
            fits.Column("ENERG_LO", "D", unit="MeV", array=DRM[:-1]),
            fits.Column("ENERG_HI", "D", unit="MeV", array=DRM[1:]),
            fits.Column("N_GRP", "I", array=np.ones(6)),
            fits.Column("F_CHAN", "I", array=np.ones(6)),
            fits.Column("N_CHAN", "I", array=np.full(6, 4)),
            fits.Column("MATRIX", "4D", array=matrix),
        ],
        name="DRM",
    )
    drm.header["DETCHANS"] = 4
    fits.HDUList([fits.PrimaryHDU(), drm, bounds]).writeto(tmp_path / "drm.fits")
    return tmp_path


RATIO = EDGES[1] / EDGES[0]
DRM = np.concatenate([[EDGES[0] / RATIO], EDGES, [EDGES[-1] * RATIO]])
DRM_WITHIN = (TRUE[0] <= np.sqrt(DRM[0] * DRM[1])) and (np.sqrt(DRM[-2] * DRM[-1]) <= TRUE[-1])


def test_whole_data_set(files):
    dataset = read_fermi(files / "ccube.fits", files / "bexp.fits", files / "gtpsf.fits")
    assert dataset.problems() == ()
    assert dataset.name == "ccube"
    np.testing.assert_allclose(dataset.axis.edges * 1e6, EDGES, rtol=1e-12)
    assert dataset.axis_true.node_type == "center"
    np.testing.assert_allclose(dataset.axis_true.center * 1e6, TRUE, rtol=1e-12)
    # across lon = 0 of a map of the whole sky
    assert dataset.exposure.data.shape == (7, 6, 8)
    centre = dataset.exposure.data[:, 2:4, 3:5].mean(axis=(1, 2))
    expected = 1e11 * (1.3 + 0.002 * (89.5 - 0.1)) * (TRUE / 1e4) ** 0.3
    np.testing.assert_allclose(centre, expected, rtol=1e-4)


def test_with_energy_dispersion_the_exposure_is_in_its_bins(files):
    assert DRM_WITHIN
    dataset = read_fermi(
        files / "ccube.fits", files / "bexp.fits", files / "gtpsf.fits", files / "drm.fits", name="lat"
    )
    assert dataset.problems() == ()
    assert dataset.name == "lat"
    np.testing.assert_allclose(dataset.axis_true.edges * 1e6, DRM, rtol=1e-12)
    nodes = read_fermi(files / "ccube.fits", files / "bexp.fits")
    centre = np.sqrt(DRM[1:] * DRM[:-1])
    expected = nodes.exposure.data[0] * (centre / TRUE[0])[:, None, None] ** 0.3
    np.testing.assert_allclose(dataset.exposure.data, expected, rtol=1e-10)
    np.testing.assert_allclose(dataset.edisp.data.sum(axis=1), [0.1, 0.9, 1.0, 1.0, 0.9, 0.1], rtol=1e-12)


def test_readers_against_gammapy(files):
    maps, irf = pytest.importorskip("gammapy.maps"), pytest.importorskip("gammapy.irf")
    counts = maps.Map.read(files / "ccube.fits", format="fgst-ccube")
    ours = read_fermi_counts(files / "ccube.fits")
    np.testing.assert_array_equal(counts.data, ours.data)
    np.testing.assert_allclose(counts.geom.axes[0].edges.to_value("TeV"), ours.geom.axes[0].edges, rtol=1e-12)
    exposure = maps.Map.read(files / "bexp.fits", format="fgst-bexpcube")
    mine = read_fermi_exposure(files / "bexp.fits")
    np.testing.assert_array_equal(exposure.data, mine.data)
    np.testing.assert_allclose(exposure.geom.axes[0].center.to_value("TeV"), mine.geom.axes[0].center, rtol=1e-12)
    theirs = exposure.interp_by_coord(
        {
            "skycoord": counts.geom.to_image().get_coord().skycoord[None],
            "energy_true": exposure.geom.axes[0].center[:, None, None],
        }
    )
    # Gammapy cuts the map at lon = 180 deg, which is far from here
    np.testing.assert_allclose(resample_sky(mine, ours.geom.to_image()).data, theirs, rtol=1e-6)
    psf = irf.PSFMap.read(files / "gtpsf.fits", format="gtpsf")
    table = read_fermi_psf(files / "gtpsf.fits")
    np.testing.assert_array_equal(psf.psf_map.data[..., 0, 0], table.data)
    np.testing.assert_allclose(psf.psf_map.geom.axes["rad"].center.to_value("deg"), table.rad, rtol=1e-12)
    edisp = irf.EDispKernelMap.read(files / "drm.fits", format="gtdrm")
    matrix = read_fermi_edisp(files / "drm.fits")
    np.testing.assert_allclose(edisp.edisp_map.data[..., 0, 0], matrix.data, atol=1e-7)
    theirs = edisp.edisp_map.geom.axes["energy_true"].edges.to_value("TeV")
    np.testing.assert_allclose(theirs, matrix.axis_true.edges, rtol=1e-12)


def test_files_of_another_tool(files):
    with pytest.raises(BayesmapIOError, match=r"BM-IO-043: bexp\.fits has no EBOUNDS; .*must be a counts cube"):
        read_fermi(files / "bexp.fits", files / "ccube.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-043: ccube\.fits has no ENERGIES"):
        read_fermi(files / "ccube.fits", files / "ccube.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-043: drm\.fits has no PSF, THETA"):
        read_fermi_psf(files / "drm.fits")
    with pytest.raises(BayesmapIOError, match=r"BM-IO-006: gtpsf\.fits has no HDU MATRIX"):
        read_fermi_edisp(files / "gtpsf.fits")


def test_exposure_that_does_not_cover(files):
    with fits.open(files / "bexp.fits") as hdus:
        small = fits.PrimaryHDU(hdus[0].data[:, :100, :], hdus[0].header)
        fits.HDUList([small, hdus[1]]).writeto(files / "north.fits")
        few = fits.PrimaryHDU(hdus[0].data[:, 80:100, 0:30], hdus[0].header)
        few.header["CRPIX2"] -= 80
        fits.HDUList([few, hdus[1]]).writeto(files / "west.fits")
        short = fits.BinTableHDU(hdus[1].data[:4], name="ENERGIES")
        fits.HDUList([fits.PrimaryHDU(hdus[0].data[:4], hdus[0].header), short]).writeto(files / "low.fits")
    assert read_fermi(files / "ccube.fits", files / "north.fits").problems() == ()
    with pytest.raises(GeometryError, match="BM-GE-009: 48 of 48 pixels lie outside the map west.fits"):
        read_fermi(files / "ccube.fits", files / "west.fits")
    with pytest.raises(BayesmapIOError, match="BM-IO-044: the exposure has energies from"):
        read_fermi(files / "ccube.fits", files / "low.fits", edisp=files / "drm.fits")


def test_resampling_is_exact_for_planes():
    energy = MapAxis.from_nodes([1.0, 2.0])
    geom = WcsGeom.create(skydir=(10, 20), npix=(9, 9), binsz=0.5, frame="galactic", proj="TAN", axes=[energy])
    y, x = np.mgrid[:9, :9]
    plane = WcsNDMap(geom, np.stack([2.0 + x + 3.0 * y, 5.0 - x * 0.1]), "cm2 s")
    image = WcsGeom.create(skydir=(10.1, 20.2), npix=(5, 4), binsz=0.3, frame="galactic", proj="TAN")
    u, v = geom.sky_to_pixel(*image.pixel_centers())
    np.testing.assert_allclose(resample_sky(plane, image).data, [2.0 + u + 3.0 * v, 5.0 - u * 0.1], rtol=1e-12)
    np.testing.assert_allclose(resample_sky(plane, geom).data, plane.data, rtol=1e-9)


def test_diffuse_files_of_the_reference_data(reference_data):
    cube = read_fermi_diffuse(reference_data / "fermi-gc" / "gll_iem_v06_cutout.fits.gz")
    assert cube.geom.axes[0].node_type == "center"
    assert cube.unit.is_equivalent("cm-2 s-1 TeV-1 sr-1")
    energy, values = read_fermi_isotropic(reference_data / "fermi-gc" / "iso_P8R2_SOURCE_V6_v06.txt")
    assert (energy[0].to_value("MeV"), values[0].value) == (34.171, 2.52894e-06)
    assert values.unit == "cm-2 s-1 MeV-1 sr-1"
    assert len(energy) > 20


def test_diffuse_cube_without_a_unit(tmp_path):
    head = header(6, 4, 0.5, 0.0, 0.0)
    energies = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", unit="MeV", array=TRUE)], name="ENERGIES")
    fits.HDUList([fits.PrimaryHDU(np.ones((7, 4, 6)), head), energies]).writeto(tmp_path / "gll.fits")
    cube = read_fermi_diffuse(tmp_path / "gll.fits")
    assert cube.unit == "cm-2 s-1 MeV-1 sr-1"
    assert cube.geom.axes[0].name == "energy_true"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello world\n", "could not convert"),
        ("1.0 2.0\n", r"it has the shape \(1, 2\)"),
        ("2.0 1.0\n1.0 1.0\n", "row 2 holds 1 1"),
        ("1.0 1.0\n2.0 -1.0\n", "row 2 holds 2 -1"),
        ("1.0 1.0\n2.0\n", "inhomogeneous"),
    ],
)
def test_bad_tables(tmp_path, text, why):
    (tmp_path / "iso.txt").write_text(text)
    with pytest.raises(BayesmapIOError, match=f"BM-IO-042: iso.txt is no table of a spectrum: .*{why}"):
        read_fermi_isotropic(tmp_path / "iso.txt")
