"""Between the positions of a response map: bilinear weights in the cell that holds a position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesmap.errors import BayesmapInputError, ResponseError
from bayesmap.maps.geometry import WcsGeom
from bayesmap.units import FloatArray


@dataclass(frozen=True)
class GridCell:
    """Four neighbouring pixel centres of an image, and the weights of a position among them.

    With the fractions u along x and v along y of the way across the cell,

        w = ((1 - v)(1 - u), (1 - v) u, v (1 - u), v u) ,

    which is a polynomial, so that a position that leaves the cell is continued smoothly. Beyond the outermost pixel
    centres, and where the image has a single column or row, the response does not change in that direction.

    Parameters
    ----------
    rows, columns : (int, int)
        Pixels of the lower and upper corners.
    varies : (bool, bool)
        Whether the response changes along x, and along y.
    fraction : (float, float)
        u and v where they do not.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    varies: tuple[bool, bool]
    fraction: tuple[float, float]

    def weights(self, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
        """Return the weights of the corners (row, column) = (0, 0), (0, 1), (1, 0), (1, 1).

        Parameters
        ----------
        x, y : float, array or tensor
            Pixel coordinates in the geometry of the response map, 0-based, centres at integers.

        Returns
        -------
        tuple of four
            They sum to one.
        """
        u = x - self.columns[0] if self.varies[0] else self.fraction[0]
        v = y - self.rows[0] if self.varies[1] else self.fraction[1]
        return (1.0 - v) * (1.0 - u), (1.0 - v) * u, v * (1.0 - u), v * u

    def corners(self, data: FloatArray) -> FloatArray:
        """Return the tables of the four corners, shape (4, n_energy, n), of data (n_energy, n, n_lat, n_lon).

        A position that the instrument does not see has a table of zeros, at some energies. There, a corner takes the
        mean of those that see something: half a response would be no response at all.
        """
        tables = np.stack([data[..., row, column] for row in self.rows for column in self.columns])
        seen = (tables != 0).any(axis=-1, keepdims=True)
        number = seen.sum(axis=0, keepdims=True)
        mean = np.where(seen, tables, 0.0).sum(axis=0, keepdims=True) / np.maximum(number, 1)
        return np.where(seen, tables, mean)


def find_cell(geom: WcsGeom, lon: float, lat: float) -> tuple[GridCell, tuple[float, float]]:
    """Return the cell that holds a position, and the position in pixels.

    Parameters
    ----------
    geom : WcsGeom
        Of the response map.
    lon, lat : float
        Deg, in the frame of the map.

    Raises
    ------
    BayesmapInputError
        BM-IN-051 if the projection of the map cannot show the position.
    """
    x, y = (float(value) for value in geom.sky_to_pixel(lon, lat))
    if not np.isfinite([x, y]).all():
        raise BayesmapInputError(
            "BM-IN-051",
            what=f"the response map has no pixel at ({lon:g}, {lat:g}) deg ({geom})",
            rule="The position must be one that its projection can show",
            remedy="Make the response map around the source",
        )
    (c0, c1, varies_x, u), (r0, r1, varies_y, v) = _between(x, geom.n_lon), _between(y, geom.n_lat)
    return GridCell((r0, r1), (c0, c1), (varies_x, varies_y), (u, v)), (x, y)


def unknown_axes(
    label: str, names: tuple[str, ...], expected: str, remedy: str = "Convert it with gammapy first"
) -> ResponseError:
    """Return the error for a response map with other axes."""
    return ResponseError(
        "BM-IR-005",
        what=f"the {label} map has the axes ({', '.join(names) or 'none'})",
        rule=f"Expected is {expected}",
        remedy=remedy,
    )


def _between(position: float, size: int) -> tuple[int, int, bool, float]:
    """Return the pixels below and above, whether the position lies between centres, and the fraction if not."""
    if size == 1:
        return 0, 0, False, 0.0
    low = int(np.clip(np.floor(position), 0, size - 2))
    return low, low + 1, 0.0 <= position <= size - 1, float(position > size - 1)
