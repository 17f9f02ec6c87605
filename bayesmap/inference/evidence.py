r"""Evidence by importance sampling around the Laplace approximation.

Draws w of a multivariate Student t with few degrees of freedom, whose tails are heavier than those of most posteriors,
are taken to z = z_0 + L w (see `whitening`), and

.. math:: \hat Z = \frac{|L|}{S} \sum_s \frac{p(n, z_s)}{q(w_s)}, \qquad
          q(w) = \frac{\Gamma(\frac{\nu + d}{2})}{\Gamma(\frac\nu2)\,(\nu\pi)^{d/2}}
                 \left(1 + \frac{|w|^2}{\nu}\right)^{-(\nu + d)/2} .

A source has no prediction off the map, or where it outgrows its cut-out, and limits of a position cut its prior.  Z is
therefore divided by the share of the prior where the models can be evaluated, counted with draws of the prior: it is
the evidence under the prior cut there and normalised anew.

References
----------
Geweke 1989, Econometrica 57, 1317 (importance sampling with t tails). Vehtari et al. 2024, JMLR 25, 72 (Pareto k).
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from bayesmap.errors import BayesmapInputError, FitStateError
from bayesmap.inference.importance import log_densities, smoothed
from bayesmap.inference.unbounded import UnboundedPosterior
from bayesmap.inference.whitening import Whitening
from bayesmap.posterior.compiled import CompiledPosterior
from bayesmap.results.evidence import Evidence, doubts

FREEDOM = 5.0
"""Degrees of freedom of the proposal."""
PRIOR_DRAWS = 2000
FEWEST = 100
"""Draws of the prior that must have support: its share is then known to a tenth."""


def check_proper(posterior: CompiledPosterior) -> None:
    """Refuse priors without an integral.

    Raises
    ------
    BayesmapInputError
        BM-FT-066, with their names.
    """
    improper = [item.name for item in posterior.variables.items if not item.is_proper]
    if improper:
        raise BayesmapInputError(
            "BM-FT-066",
            what=f"the priors of {', '.join(improper)} are flat without end",
            rule="An evidence needs priors that integrate to one",
            remedy="Give them proper priors: priors='default', or limits on both sides",
        )


def importance_evidence(
    posterior: CompiledPosterior, whitening: Whitening, theta: np.ndarray, draws: int, seed: int
) -> Evidence:
    """Return the evidence of a posterior with at least one free parameter.

    Parameters
    ----------
    posterior : CompiledPosterior
        Functions, with proper priors.
    whitening : Whitening
        Mode and root of the covariance of z.
    theta : ndarray, shape (size,)
        Best fit, where the spectra stand while the support of the prior is counted.
    draws, seed : int
        Number of draws; seed.

    Raises
    ------
    FitStateError
        BM-FT-067 if hardly any draw of the prior has support; BM-FT-013 if no draw of the proposal has.
    """
    share, share_error = prior_share(posterior, theta, seed)
    size = len(whitening.origin)
    rng = np.random.default_rng(seed)
    widths = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, draws))
    w = rng.standard_normal((draws, size)) * widths[:, None]
    values = log_densities(UnboundedPosterior(posterior), whitening.origin + w @ whitening.root.T, None)
    ratios = values - log_t(w)
    if not np.any(np.isfinite(ratios)):
        raise FitStateError(
            "BM-FT-013",
            what=f"none of {draws} draws of the Laplace approximation has support",
            rule="Where posterior and approximation share no point nothing can be said of their distance",
            remedy="Look at the best fit (optimize() and its reasons)",
        )
    top = ratios.max()
    weights = np.exp(ratios - top)
    mean = weights.mean()
    _, log_det = np.linalg.slogdet(whitening.root)
    relative = float(weights.std(ddof=1) / mean / math.sqrt(draws))
    _, pareto_k = smoothed(ratios)
    effective = float(weights.sum() ** 2 / np.sum(weights**2))
    return Evidence(
        log_z=float(top + math.log(mean) + log_det - math.log(share)),
        error=math.hypot(relative, share_error),
        pareto_k=pareto_k,
        effective_size=effective,
        draws=draws,
        seed=seed,
        prior_share=share,
        reasons=(*doubts(pareto_k, effective), *whitening.notes),
    )


def log_t(w: np.ndarray) -> np.ndarray:
    """Return the log-density of the proposal, shape (n_draw,)."""
    size = w.shape[-1]
    power = 0.5 * (FREEDOM + size)
    constant = (
        scipy.special.gammaln(power) - scipy.special.gammaln(0.5 * FREEDOM) - 0.5 * size * math.log(FREEDOM * math.pi)
    )
    return np.asarray(constant - power * np.log1p(np.sum(w * w, axis=-1) / FREEDOM))


def prior_share(posterior: CompiledPosterior, theta: np.ndarray, seed: int) -> tuple[float, float]:
    """Return in which share of the prior the models can be evaluated, and the error of its logarithm.

    Only positions and shapes can leave it: the prior of every other parameter is normalised between its limits. Where
    the data are impossible the likelihood is zero, but the prior is not.

    Raises
    ------
    FitStateError
        BM-FT-067.
    """
    names = posterior.coordinates.names
    spatial = np.array([name.rsplit(".", 2)[-2] == "spatial" for name in names], dtype=bool)
    if not spatial.any():
        return 1.0, 0.0
    drawn = posterior.variables.draw(PRIOR_DRAWS, np.random.default_rng([seed, 2]))
    inside = 0
    for one in drawn:
        point = np.where(spatial, one, theta)
        inside += math.isfinite(posterior.log_prior(one)) and posterior.supported(point)
    if inside < FEWEST:
        raise FitStateError(
            "BM-FT-067",
            what=f"{inside} of {PRIOR_DRAWS} draws of the priors of positions and shapes have support",
            rule=f"At least {FEWEST} must, so that the priors' normalisation inside the map is known",
            remedy="State priors and limits that keep the source on the map, and its size below the cut-out",
        )
    share = inside / PRIOR_DRAWS
    return share, math.sqrt((1.0 - share) / inside)
