"""Sums of a cube over groups of bins: energies, tiles, rings around positions, disks of several sizes.

All are sums of numbers that are not negative, added one by one: what is zero stays zero, as a Poisson law needs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesmap.checks.residuals import top_hat_sum
from bayesmap.dataset import MapDataset
from bayesmap.errors import BayesmapInputError
from bayesmap.irf.psf import RadialPSF
from bayesmap.maps.geometry import WcsGeom
from bayesmap.maps.sphere import separation

STEPS = 3
"""Disks stand at distances of their radius divided by this, or of a pixel where that is larger."""
TILES = 8
"""Tiles along the longer side of the map at most."""
RINGS = 12
"""Rings around a position at most."""


@dataclass(frozen=True)
class Rings:
    """Rings around a position.

    Parameters
    ----------
    edges : ndarray, shape (n_ring + 1,)
        Radii, deg.
    index : ndarray of int, shape (n_lat, n_lon)
        Ring of each pixel; n_ring for pixels farther out.
    """

    edges: np.ndarray
    index: np.ndarray

    def sums(self, image: np.ndarray) -> np.ndarray:
        """Return the sum in each ring."""
        return np.bincount(self.index.ravel(), image.ravel(), minlength=len(self.edges))[: len(self.edges) - 1]


@dataclass(frozen=True)
class Grouping:
    """Groups of the bins of a map.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_energy, n_lat, n_lon)
        Bins that take part.
    tile : int
        Side of a tile in pixels.
    radii : tuple of float
        Radii of the disks in pixels; zero for each pixel by itself.
    smooth : float
        The one among them that is nearest to the PSF.
    rings : dict of str to Rings
        By the name of the position.
    """

    mask: np.ndarray
    tile: int
    radii: tuple[float, ...]
    smooth: float
    rings: Mapping[str, Rings]

    def sums(self, cube: np.ndarray) -> dict[str, np.ndarray]:
        """Return all sums of a cube that is zero outside the mask.

        Parameters
        ----------
        cube : ndarray, shape (n_energy, n_lat, n_lon)
            Counts, or predicted counts.

        Returns
        -------
        dict of str to ndarray
            ``bins`` (n_bin,), ``energy`` (n_energy,), ``tiles``, ``disk:<radius>`` (images), ``ring:<name>`` (n_ring,).
        """
        image = cube.sum(axis=0)
        found = {"bins": cube[self.mask], "energy": cube.sum(axis=(1, 2)), "tiles": block_sums(image, self.tile)}
        found |= {disk_key(radius): disk_sums(image, radius) for radius in self.radii}
        return found | {ring_key(name): rings.sums(image) for name, rings in self.rings.items()}


def disk_key(radius: float) -> str:
    """Return the name of the sums in disks of a radius in pixels."""
    return f"disk:{radius:g}"


def ring_key(name: str) -> str:
    """Return the name of the sums in the rings around a position."""
    return f"ring:{name}"


def block_sums(image: np.ndarray, size: int) -> np.ndarray:
    """Sum an image over blocks of pixels; those at the far edges may be smaller.

    Examples
    --------
    >>> block_sums(np.ones((3, 4)), 2)
    array([[4., 4.],
           [2., 2.]])
    """
    rows = np.add.reduceat(image, np.arange(0, image.shape[0], size), axis=0)
    return np.asarray(np.add.reduceat(rows, np.arange(0, image.shape[1], size), axis=1))


def block_size(radius: float) -> int:
    """Return the distance, in pixels, between the centres of disks of a radius."""
    return max(1, round(radius / STEPS))


def disk_sums(image: np.ndarray, radius: float) -> np.ndarray:
    """Sum an image in disks; large ones are made of blocks and stand at distances of a third of their radius.

    Parameters
    ----------
    image : ndarray, shape (n_lat, n_lon)
        Not negative.
    radius : float
        In pixels.
    """
    size = block_size(radius)
    blocks = image if size == 1 else block_sums(image, size)
    return blocks if radius < 1.0 else top_hat_sum(blocks, radius / size)


def disk_position(geom: WcsGeom, radius: float, index: int) -> tuple[float, float]:
    """Return longitude and latitude (deg) of the middle of a disk, by its flat index in `disk_sums`."""
    size = block_size(radius)
    row, column = divmod(index, math.ceil(geom.n_lon / size))
    x, y = (0.5 * (low * size + min((low + 1) * size, n) - 1) for low, n in ((column, geom.n_lon), (row, geom.n_lat)))
    lon, lat = geom.pixel_to_sky(x, y)
    return float(lon), float(lat)


def pixel_size(geom: WcsGeom) -> float:
    """Return the side of a pixel in degrees: the root of its area at the reference point."""
    return math.sqrt(abs(float(np.linalg.det(geom.wcs.pixel_scale_matrix))))


def psf_radius(dataset: MapDataset) -> float:
    """Return the radius (deg) that holds 68 % of the PSF, the median over true energies inside the counts' range.

    Half a pixel where there is no PSF.
    """
    pixel, psf = pixel_size(dataset.counts.geom.to_image()), dataset.psf
    if psf is None:
        return 0.5 * pixel
    edges, center = dataset.axis.edges, psf.axis.center
    inside = (center >= edges[0]) & (center <= edges[-1])
    planes = inside if inside.any() else np.ones(len(center), dtype=bool)
    if isinstance(psf, RadialPSF):
        seen = planes & psf.data.any(axis=1)
        return float(np.median(psf.containment_radius(0.68)[seen if seen.any() else planes]))
    kernel = psf.data[planes].sum(axis=0)
    y, x = np.indices(kernel.shape)
    distance = np.hypot(y - (kernel.shape[0] - 1) / 2, x - (kernel.shape[1] - 1) / 2).ravel()
    order = np.argsort(distance)
    held = np.cumsum(kernel.ravel()[order])
    return pixel * float(distance[order][np.searchsorted(held, 0.68 * held[-1])])


def group(
    dataset: MapDataset, positions: Mapping[str, tuple[float, float, float]], radii: tuple[float, ...] | None = None
) -> Grouping:
    """Return the groups of a map's bins.

    Parameters
    ----------
    dataset : MapDataset
        Geometry, mask and PSF.
    positions : mapping of str to (lon, lat, size)
        Centres of rings in the frame of the map, and how far a source reaches around them, deg.
    radii : tuple of float, optional
        Radii of the disks in deg, zero for single pixels; by default none, that of the PSF (68 %), and twice that.

    Raises
    ------
    BayesmapInputError
        BM-CK-031 for radii that cannot be used.
    """
    geom, psf = dataset.counts.geom.to_image(), psf_radius(dataset)
    pixel = pixel_size(geom)
    wanted = (0.0, max(psf, pixel), 2.0 * max(psf, pixel)) if radii is None else radii
    _check_radii(wanted)
    in_pixels = tuple(dict.fromkeys(round(radius / pixel, 6) for radius in wanted))
    tile = max(2, math.ceil(2.0 * psf / pixel), math.ceil(max(geom.n_lat, geom.n_lon) / TILES))
    rings = {name: make_rings(geom, *place, width=max(pixel, 0.5 * psf), psf=psf) for name, place in positions.items()}
    smooth = min(in_pixels, key=lambda radius: abs(radius - max(psf / pixel, 1.0)))
    return Grouping(dataset.mask_data, tile, in_pixels, smooth, rings)


def make_rings(geom: WcsGeom, lon: float, lat: float, size: float, *, width: float, psf: float) -> Rings:
    """Return rings around a position, out to where the source ends and its PSF has left little.

    Parameters
    ----------
    geom : WcsGeom
        Pixels.
    lon, lat : float
        Position in deg, frame of `geom`.
    size : float
        How far the source reaches, deg.
    width : float
        Width of a ring, deg; made larger where there would be more than `RINGS`.
    psf : float
        Radius of the PSF, deg.
    """
    reach = size + 4.0 * psf
    number = min(RINGS, max(2, math.ceil(reach / width)))
    edges = np.linspace(0.0, max(reach, 2.0 * width), number + 1)
    distance = separation(lon, lat, *geom.pixel_centers())
    index = np.searchsorted(edges, np.where(np.isfinite(distance), distance, np.inf), side="right") - 1
    return Rings(edges, np.minimum(index, number))


def _check_radii(radii: tuple[float, ...]) -> None:
    if not radii or not all(math.isfinite(radius) and radius >= 0.0 for radius in radii):
        raise BayesmapInputError(
            "BM-CK-031",
            what=f"the radii of the disks are {radii!r}",
            rule="They are finite numbers >= 0, in degrees, one at least",
            remedy="Pass for example radii=(0.0, 0.1, 0.2); 0 takes each pixel by itself",
        )
