"""Where the sources of a fit are: regions of the best fit and of the posterior, for DS9 and for pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesmap.cli.progress import progress
from bayesmap.errors import BayesmapInputError
from bayesmap.results.fit import CovarianceResult

if TYPE_CHECKING:
    import xarray as xr

    from bayesmap.models.sky import Models
    from bayesmap.results.regions import Region

TOO_FEW_DRAWS = "BM-FT-072"


def best_regions(covariance: CovarianceResult, models: Models) -> list[Region]:
    """Return error ellipses (68.27 and 95.45 %) of the sources whose position has errors, and extensions.

    Parameters
    ----------
    covariance : CovarianceResult
        Covariance at the best fit.
    models : Models
        Best fit.
    """
    from bayesmap.results.position import ONE_SIGMA, TWO_SIGMA, extended, extension_region, movable, position_ellipse

    moving = movable(covariance, models) if covariance.success else ()
    ellipses = [position_ellipse(covariance, models, name, mass) for name in moving for mass in (ONE_SIGMA, TWO_SIGMA)]
    return [*ellipses, *(extension_region(models, name) for name in extended(models))]


def posterior_regions(tree: xr.DataTree, models: Models) -> list[Region]:
    """Return ellipses and contours (68.27 and 95.45 %) of the draws of the sources with a free position.

    A region for which too few draws were made is left out, and said.

    Parameters
    ----------
    tree : xarray.DataTree
        Posterior.
    models : Models
        Best fit.
    """
    from bayesmap.results.position import ONE_SIGMA, TWO_SIGMA, movable, position_contour, position_ellipse

    regions: list[Region] = []
    makers: tuple[Any, ...] = (position_ellipse, position_contour)
    for name in movable(tree, models):
        for make in makers:
            for mass in (ONE_SIGMA, TWO_SIGMA):
                try:
                    regions.append(make(tree, models, name, mass))
                except BayesmapInputError as error:
                    if error.code != TOO_FEW_DRAWS:
                        raise
                    progress(str(error))
    return regions
