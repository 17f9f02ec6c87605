"""Residuals between counts and prediction, as significances."""

from __future__ import annotations

import numpy as np

from bayesmap.errors import BayesmapInputError


def residual_significance(counts: np.ndarray, npred: np.ndarray) -> np.ndarray:
    r"""Signed likelihood-ratio significance of counts against a known expectation.

    .. math:: S = \operatorname{sign}(n - \mu) \sqrt{2 \left(n \ln\frac{n}{\mu} - n + \mu\right)}

    The square is the Poisson deviance of `npred` against the saturated model. It is asymptotically a standard normal
    variable where the expectation comes from elsewhere; where it was fitted to the same counts, it is narrower. Below
    about 5 expected counts it is discrete: sum over bins first (`top_hat_sum`).

    Parameters
    ----------
    counts : numpy.ndarray
        Counts, or sums of counts; not negative.
    npred : numpy.ndarray
        Expected counts, the same shape; not negative.

    Returns
    -------
    numpy.ndarray
        Significance in Gaussian standard deviations, the same shape. 0 where both are 0; infinite where there are
        counts and none can be expected.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if the shapes differ, BM-CK-002 if a number is negative or not finite.

    References
    ----------
    Li and Ma 1983, ApJ 272, 317, equation 17 in the limit of a well known background (alpha to 0).

    Examples
    --------
    >>> float(residual_significance(np.array(8.0), np.array(4.0)).round(6))
    1.757941
    """
    counts, npred = np.asarray(counts, dtype=float), np.asarray(npred, dtype=float)
    _check_pair(counts, npred)
    # n ln(n/mu) - n + mu = n (d - ln(1 + d)) with d = (mu - n) / n: no cancellation near n = mu, never below 0.
    excess = np.divide(npred - counts, counts, out=np.zeros_like(counts), where=counts > 0)
    with np.errstate(divide="ignore"):  # counts without expectation: d = -1, infinite
        deviance = 2.0 * np.where(counts > 0, counts * (excess - np.log1p(excess)), npred)
    return np.sign(counts - npred) * np.sqrt(deviance)


def top_hat_sum(values: np.ndarray, radius: float, mask: np.ndarray | None = None) -> np.ndarray:
    """Sum over all pixels whose centres lie within a radius of each pixel's centre.

    Pixels beyond the edge, or outside `mask`, add nothing: sums of counts and of expectation stay comparable there.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_lat, n_lon)
        Image to sum.
    radius : float
        Radius in pixels; 0 sums the pixel alone.
    mask : numpy.ndarray of bool, shape (n_lat, n_lon), optional
        True where a pixel takes part.

    Returns
    -------
    numpy.ndarray, shape (n_lat, n_lon)
        Sums, in the unit of `values`.

    Raises
    ------
    BayesmapInputError
        BM-CK-001 if `values` is not an image or `mask` has another shape, BM-CK-003 if the radius is negative or not
        finite.

    Examples
    --------
    >>> top_hat_sum(np.ones((3, 3)), 1.0)
    array([[3., 4., 3.],
           [4., 5., 4.],
           [3., 4., 3.]])
    """
    values = np.asarray(values, dtype=float)
    selected = np.ones(values.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    _check_image(values, selected, radius)
    reach = int(np.floor(radius))
    n_lat, n_lon = values.shape
    padded = np.pad(np.where(selected, values, 0.0), reach)
    total = np.zeros(values.shape)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= radius * radius:
                total += padded[reach + dy : reach + dy + n_lat, reach + dx : reach + dx + n_lon]
    return total


def significance_image(
    counts: np.ndarray, npred: np.ndarray, *, mask: np.ndarray | None = None, radius: float = 0.0
) -> np.ndarray:
    """Significance of the energy-summed residual in a disk around each pixel.

    Parameters
    ----------
    counts, npred : numpy.ndarray, shape (n_energy, n_lat, n_lon)
        Counts and expected counts.
    mask : numpy.ndarray of bool, same shape, optional
        True where a bin takes part.
    radius : float
        Radius of the disk in pixels.

    Returns
    -------
    numpy.ndarray, shape (n_lat, n_lon)
        Significance; NaN in pixels that are outside the mask at every energy. Neighbouring pixels share counts: their
        significances are correlated over twice the radius.

    Raises
    ------
    BayesmapInputError
        As `residual_significance` and `top_hat_sum`.
    """
    counts, npred, selected = check_cubes(counts, npred, mask, radius)
    image = residual_significance(
        top_hat_sum(np.where(selected, counts, 0.0).sum(axis=0), radius),
        top_hat_sum(np.where(selected, npred, 0.0).sum(axis=0), radius),
    )
    return np.where(selected.any(axis=0), image, np.nan)


def check_cubes(
    counts: np.ndarray, npred: np.ndarray, mask: np.ndarray | None, radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cubes of counts and expected counts, and which bins take part.

    Parameters
    ----------
    counts, npred : numpy.ndarray, shape (n_energy, n_lat, n_lon)
        Counts and expected counts.
    mask : numpy.ndarray of bool, same shape, optional
        True where a bin takes part; by default all do.
    radius : float
        Size of a kernel in pixels.

    Raises
    ------
    BayesmapInputError
        As `residual_significance` and `top_hat_sum`.
    """
    counts, npred = np.asarray(counts, dtype=float), np.asarray(npred, dtype=float)
    selected = np.ones(counts.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if not counts.shape == npred.shape == selected.shape or counts.ndim != 3:
        raise _shape_error(counts=counts, npred=npred, mask=selected)
    _check_pair(np.where(selected, counts, 0.0), np.where(selected, npred, 0.0))
    _check_image(counts[0], selected[0], radius)
    return counts, npred, selected


def _shape_error(**arrays: np.ndarray) -> BayesmapInputError:
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    return BayesmapInputError(
        "BM-CK-001",
        what=f"the shapes are {shapes}",
        rule="Arrays that are compared must have the same shape, cubes (energy, lat, lon), images (lat, lon)",
        remedy="Pass arrays of one geometry",
    )


def _check_pair(counts: np.ndarray, npred: np.ndarray) -> None:
    if counts.shape != npred.shape:
        raise _shape_error(counts=counts, npred=npred)
    for name, values in (("counts", counts), ("npred", npred)):
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            raise BayesmapInputError(
                "BM-CK-002",
                what=f"{int(bad.sum())} of {values.size} values of {name} are negative or not finite "
                f"(first: {float(values[bad][0])!r} at index {', '.join(map(str, np.argwhere(bad)[0]))})",
                rule="A Poisson significance is defined for finite numbers >= 0",
                remedy="Exclude these bins with the mask",
            )


def _check_image(values: np.ndarray, mask: np.ndarray, radius: float) -> None:
    if values.ndim != 2 or mask.shape != values.shape:
        raise _shape_error(image=values, mask=mask)
    if not (np.isfinite(radius) and radius >= 0):
        raise BayesmapInputError(
            "BM-CK-003",
            what=f"the radius of the top-hat is {radius!r} pixels",
            rule="A radius must be a finite number >= 0",
            remedy="Pass a radius in pixels, 0 for no smoothing",
        )
