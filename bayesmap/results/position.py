r"""Where a source is: error ellipses and credible contours of its position, and the ellipse of its size.

Longitude and latitude become offsets in the plane that touches the sky at the centre, so that everything is a true
angle, near the poles and at longitude 0 too.  Of a normal distribution with covariance V of the offsets, the ellipse
that holds the probability m has the semi-axes :math:`\sqrt{-2\ln(1 - m)\,\lambda}`, with the eigenvalues
:math:`\lambda` of V: 1.52 standard deviations for 68.27 %, 2.45 for 95 % (``Conf_95_SemiMajor`` of the Fermi-LAT
catalogues).

References
----------
Mattox et al. 1996, ApJ 461, 396, section 2.3 (error regions by two degrees of freedom).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import astropy.units as u
import numpy as np
import xarray as xr
from astropy.table import QTable

from bayesmap.errors import BayesmapInputError
from bayesmap.models.link import link_order, slopes
from bayesmap.models.sky import Models
from bayesmap.models.spatial.base import SpatialModel
from bayesmap.models.spatial.offsets import offsets
from bayesmap.results.contours import credible_contour
from bayesmap.results.fit import CovarianceResult
from bayesmap.results.profile import ProfileContour
from bayesmap.results.regions import ContourRegion, EllipseRegion, Region, from_offsets, mean_direction
from bayesmap.results.spectral_draws import parameter_draws, sky_model
from bayesmap.units import FloatArray

ONE_SIGMA, TWO_SIGMA = math.erf(1.0 / math.sqrt(2.0)), math.erf(2.0 / math.sqrt(2.0))
"""68.27 % and 95.45 %."""
FEWEST_BESIDE = 20
"""Independent draws on either side of a contour below which it is refused."""
FEWEST_OF_ELLIPSE = 100
"""Independent draws below which an ellipse is refused: its axes are known to seven per cent."""


def position_ellipse(
    found: xr.DataTree | CovarianceResult, models: Models, source: str, mass: float = ONE_SIGMA
) -> EllipseRegion:
    """Return the error ellipse of a source's position.

    Parameters
    ----------
    found : xarray.DataTree or CovarianceResult
        Posterior, whose draws give centre and covariance; or the covariance at the best fit (Laplace), which lies
        around the best position.
    models : Models
        Best fit: gives the frame, and the position of the best fit.
    source : str
        Name of a source whose longitude and latitude are free, or linked to free ones.
    mass : float
        Probability inside of both coordinates together, if they are normal; `share` of the record says how many of
        the draws lie inside.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-070 for a source without free position, BM-FT-071 for a mass outside 0 to 1, BM-FT-072 for too few draws,
        BM-FT-073 for a covariance that does not know the position.

    Examples
    --------
    >>> from bayesmap.testing import toy_dataset, toy_models
    >>> from bayesmap import MapFit
    >>> fit = MapFit.from_dataset(toy_dataset(npix=12), toy_models())
    >>> best = fit.run()
    >>> region = position_ellipse(fit.covariance(), fit.model, "source", mass=0.95)
    >>> bool(region.contains(*fit.model["source"].spatial_model.position))
    True
    """
    check_region_mass(mass)
    if isinstance(found, CovarianceResult):
        lon, lat = _placed(models, source).position
        matrix, share, origin = _laplace(found, models, source), math.nan, "Laplace"
    else:
        draws = position_draws(found, models, source)
        check_enough(*draws, FEWEST_OF_ELLIPSE, source)
        lon, lat = mean_direction(*draws)
        x, y = offsets(draws[0].ravel(), draws[1].ravel(), lon, lat)
        matrix, share, origin = np.cov(x, y), math.nan, "draws"
    axes, angle = _axes(matrix)
    major, minor = math.sqrt(-2.0 * math.log1p(-mass)) * axes
    meaning = f"position ({origin})"
    frame = _placed(models, source).frame
    region = EllipseRegion(source, meaning, frame, lon, lat, float(major), float(minor), angle, mass, share)
    return region if origin == "Laplace" else replace(region, share=float(region.contains(*draws).mean()))


def position_contour(tree: xr.DataTree, models: Models, source: str, mass: float = ONE_SIGMA) -> ContourRegion:
    """Return the credible region of a source's position: the region of highest density of the draws.

    It may have several pieces, and follows shapes that are no ellipse.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    models, source, mass
        As of `position_ellipse`.

    Returns
    -------
    ContourRegion
        See `bayesmap.results.contours` for the density.

    Raises
    ------
    ModelError, BayesmapInputError
        As of `position_ellipse`.
    """
    check_region_mass(mass)
    draws = position_draws(tree, models, source)
    check_enough(*draws, math.ceil(FEWEST_BESIDE / min(mass, 1.0 - mass)), source)
    lon, lat = mean_direction(*draws)
    x, y = offsets(draws[0].ravel(), draws[1].ravel(), lon, lat)
    flat = credible_contour(x, y, mass, 2).pieces
    pieces = tuple(np.stack(from_offsets(piece[:, 0], piece[:, 1], lon, lat), axis=1) for piece in flat)
    meaning = "position (highest density)"
    region = ContourRegion(source, meaning, _placed(models, source).frame, lon, lat, pieces, mass)
    return replace(region, share=float(region.contains(*draws).mean()))


def profile_region(contour: ProfileContour, models: Models, source: str) -> ContourRegion:
    """Return the region inside a contour by profile of a source's longitude and latitude.

    Parameters
    ----------
    contour : ProfileContour
        The ``record`` of ``fit.minos_contour("crab.spatial.lon_0", "crab.spatial.lat_0", backend="profile")``; its
        `mass` is the one of a normal density.
    models : Models
        Best fit.
    source : str
        Name of the source.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-077 for a contour of other parameters, or one that is open somewhere.
    """
    shape, names, table = _placed(models, source), _names(source), models.parameters
    points = {contour.x_name: contour.x, contour.y_name: contour.y}
    best = {contour.x_name: contour.x_best, contour.y_name: contour.y_best}
    complete = set(points) == set(names) and np.isfinite(contour.x + contour.y).all()
    if not complete:
        raise BayesmapInputError(
            "BM-FT-077",
            what=f"the contour is one of {contour.x_name} and {contour.y_name}, with "
            f"{int(np.isfinite(contour.x + contour.y).sum())} of {len(contour.x)} points",
            rule=f"A region needs a closed contour of {' and '.join(names)}",
            remedy="Work out that contour, or ask for a smaller sigma",
        )
    lon, lat = (np.append(points[name], points[name][0]) * table[name].canonical_factor for name in names)
    centre = [best[name] * table[name].canonical_factor for name in names]
    piece = np.stack([lon % 360.0, lat], axis=1)
    return ContourRegion(
        source, "position (profile)", shape.frame, centre[0] % 360.0, centre[1], (piece,), contour.mass
    )


def extension_region(models: Models, source: str) -> EllipseRegion:
    """Return the ellipse of a source's size: sigma of a Gaussian, the edge of a disk, the outer radius of a shell.

    Parameters
    ----------
    models : Models
        Best fit.
    source : str
        Name of a source with a size.

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-074 for a source without a size.

    Examples
    --------
    >>> from bayesmap import GaussianSpatialModel
    >>> from bayesmap.testing import toy_models
    >>> models = toy_models(GaussianSpatialModel(lon_0=83.6, lat_0=22.0, sigma=0.3, e=0.8, phi=20))
    >>> print(extension_region(models, "source"))
    source, extension, sigma: (83.6000, 22.0000) deg icrs, semi-axes 0.3 x 0.18 deg at 20.0 deg
    """
    shape: Any = sky_model(models, source).spatial_model
    if not shape.size_names:
        raise BayesmapInputError(
            "BM-FT-074",
            what=f"{source!r} is a {type(shape).__name__}, which has no size",
            rule=f"Sources with a size: {', '.join(extended(models)) or 'none'}",
            remedy="Ask for position_ellipse or position_contour",
        )
    major, e, phi = (float(value) for value in shape.ellipse(np, **shape.shape_values))
    lon, lat = shape.position
    meaning = f"extension, {' + '.join(shape.size_names)}"
    return EllipseRegion(source, meaning, shape.frame, lon, lat, major, major * math.sqrt(1.0 - e * e), phi % 180.0)


def region_table(regions: Iterable[Region]) -> QTable:
    """Return regions as a table, one row each; a contour has no semi-axes (NaN).

    Parameters
    ----------
    regions : iterable of EllipseRegion and ContourRegion
        What `position_ellipse`, `position_contour` and `extension_region` return.
    """
    rows, table, nan = list(regions), QTable(), math.nan
    for name in ("name", "meaning", "frame"):
        table[name] = [getattr(row, name) for row in rows]
    for name in ("lon", "lat", "semi_major", "semi_minor", "position_angle"):
        table[name] = u.Quantity([getattr(row, name, nan) for row in rows], "deg")
    table["area"] = u.Quantity([row.area for row in rows], "deg2")
    for name in ("mass", "share"):
        table[name] = [getattr(row, name) for row in rows]
    return table


def movable(found: xr.DataTree | CovarianceResult, models: Models) -> tuple[str, ...]:
    """Return the sources whose longitude and latitude are free, or linked to free ones, by name.

    Parameters
    ----------
    found : xarray.DataTree or CovarianceResult
        Posterior, or covariance at the best fit; of the latter only sources whose position has finite errors.
    models : Models
        Best fit.
    """
    if isinstance(found, CovarianceResult):
        rows = _rows(found, models)
        finite = np.isfinite(found.errors)

        def has_draws(name: str) -> bool:
            return name in rows and bool(finite[rows[name] != 0.0].all())
    else:
        known = parameter_draws(found, models)

        def has_draws(name: str) -> bool:
            return np.ndim(known.get(name, 0.0)) > 0

    return tuple(item.name for item in models.sky_models if all(map(has_draws, _names(item.name))))


def extended(models: Models) -> tuple[str, ...]:
    """Return the sources with a size, by name."""
    return tuple(item.name for item in models.sky_models if getattr(item.spatial_model, "size_names", ()))


def position_draws(tree: xr.DataTree, models: Models, source: str) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude of a source in degrees, each of shape (n_chain, n_draw).

    Raises
    ------
    ModelError
        BM-MO-002 for a name that is not known.
    BayesmapInputError
        BM-FT-070 for a source whose position is not free.
    """
    _placed(models, source)
    known, sizes = parameter_draws(tree, models), tree["posterior"].sizes
    lon, lat = (np.asarray(known[name]) for name in _names(source))
    if lon.ndim == 0 or lat.ndim == 0:
        raise _not_free(source, movable(tree, models))
    shape = (sizes["chain"], sizes["draw"])
    return lon.reshape(shape), lat.reshape(shape)


def check_region_mass(mass: float) -> None:
    """Refuse what is no probability inside a region.

    Raises
    ------
    BayesmapInputError
        BM-FT-071.
    """
    if not 0.0 < mass < 1.0:
        raise BayesmapInputError(
            "BM-FT-071",
            what=f"mass is {mass!r}",
            rule="It is the probability inside the region, between 0 and 1",
            remedy="Write for example 0.95",
        )


def check_enough(lon: FloatArray, lat: FloatArray, fewest: int, source: str) -> None:
    """Refuse draws of which too few are independent, so that the border of a region is not known.

    Raises
    ------
    BayesmapInputError
        BM-FT-072.
    """
    import arviz as az

    plane = offsets(lon, lat, *mean_direction(lon, lat))
    data = xr.Dataset({name: (("chain", "draw"), item) for name, item in zip("xy", plane, strict=True)})
    sizes = [float(value) for value in az.ess(data).data_vars.values()]
    stuck = any(float(np.ptp(item)) == 0.0 for item in plane) or not all(map(math.isfinite, sizes))
    independent = 0.0 if stuck else min(*sizes, lon.size)
    if independent >= fewest:
        return
    # As many of these draws in all as hold enough independent ones.
    needed = math.ceil(fewest * (lon.size / independent if independent else 1.0))
    raise BayesmapInputError(
        "BM-FT-072",
        what=f"the {lon.size} draws of the position of {source} are worth {independent:.3g} independent ones",
        rule=f"This region needs {fewest}: {FEWEST_OF_ELLIPSE} an ellipse, {FEWEST_BESIDE} on either side a contour",
        remedy=f"Draw at least {needed}{'' if independent else ' independent'} draws, or ask for another mass",
    )


def _laplace(covariance: CovarianceResult, models: Models, source: str) -> np.ndarray:
    """Return the covariance of the offsets (East, North) at the best position in deg2."""
    shape, table = _placed(models, source), models.parameters
    rows = _rows(covariance, models)
    if not all(name in rows for name in _names(source)):
        raise _not_free(source, movable(covariance, models))
    scale = (math.cos(math.radians(shape.position[1])), 1.0)
    slope = np.stack([rows[name] * table[name].canonical_factor * factor
                      for name, factor in zip(_names(source), scale, strict=True)])  # fmt: skip
    used = np.any(slope != 0.0, axis=0)
    matrix = slope[:, used] @ covariance.matrix[np.ix_(used, used)] @ slope[:, used].T
    if not (np.isfinite(matrix).all() and np.linalg.det(matrix) > 0.0):
        reasons = "; ".join(covariance.reasons) or "the position has no finite error"
        raise BayesmapInputError(
            "BM-FT-073",
            what=f"the covariance does not hold the position of {source}: {reasons}",
            rule="An ellipse needs the errors of both coordinates, and their correlation below one",
            remedy="Take the draws instead, or correct the fit",
        )
    return np.asarray(matrix)


def _rows(covariance: CovarianceResult, models: Models) -> dict[str, np.ndarray]:
    """Return the derivatives of free and linked parameters by the free ones, by qualified name."""
    table = models.parameters
    rows = dict(zip(covariance.names, np.eye(len(covariance.names)), strict=True))
    for name in link_order(table):
        parts = [slope * rows[other] for other, slope in slopes(name, table).items() if other in rows]
        if parts:
            rows[name] = np.sum(parts, axis=0)
    return rows


def _axes(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Return standard deviations along the axes, the larger first, and the position angle of that axis in deg."""
    values, vectors = np.linalg.eigh(matrix)
    east, north = vectors[:, 1]
    return np.sqrt(values[::-1]), math.degrees(math.atan2(east, north)) % 180.0


def _names(source: str) -> tuple[str, str]:
    return f"{source}.spatial.lon_0", f"{source}.spatial.lat_0"


def _placed(models: Models, source: str) -> SpatialModel:
    """Return the spatial model of a source, which must have a position."""
    shape: Any = sky_model(models, source).spatial_model
    if not shape.has_position:
        raise BayesmapInputError(
            "BM-FT-070",
            what=f"{source!r} is a {type(shape).__name__}, which has no position",
            rule="A region needs a source with a position",
            remedy="Name a source with a position",
        )
    return shape


def _not_free(source: str, moving: tuple[str, ...]) -> BayesmapInputError:
    return BayesmapInputError(
        "BM-FT-070",
        what=f"the position of {source} is not free",
        rule="A region needs longitude and latitude that are both free, or linked to free ones. Sources with such a "
        f"position: {', '.join(moving) or 'none'}",
        remedy=f"{'Name one of these, or fit' if moving else 'Fit'} again with lon_0 and lat_0 free",
    )
