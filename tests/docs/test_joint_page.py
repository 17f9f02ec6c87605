"""The examples of docs/joint.md run one after the other, and its figures on the background of spectra are measured."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, xlogy

from bayesmap.cli.config import read_config
from bayesmap.posterior.on_off import background_terms

PAGE = Path(__file__).resolve().parents[2] / "docs" / "joint.md"
CASES = {(0.5, 0.5, 0.2): (1.06, 1.01), (3.0, 10.0, 1.0): (0.99, 1.11)}


def test_examples_run(capsys):
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(compile(text, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert names["best"].success
    assert "('norms.pool.mean', 'norms.pool.spread')" in out
    assert "LogNormal(mu=0, sigma=0.1)" in out
    assert "HalfNormal(sigma=0.1)" in out
    assert "'source.spectral.amplitude')" in out or "'source.spatial.lat_0'" in out
    assert "other.spectral.index" not in out
    assert names["tighter"].response_model.exposure_scale.free


def test_configuration_is_read(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    for name in ("run-1.fits.gz", "run-2.fits.gz", "weights.fits.gz", "pha_obs23523.fits", "models.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "config.yaml").write_text(text)
    config = read_config(tmp_path / "config.yaml")
    assert [entry.type for entry in config.datasets] == ["map", "map", "ogip"]
    assert (config.datasets[1].irf, config.likelihood) == ("map", "poisson")


def profiled(signal, on, off, alpha):
    """The statistic W: the background of each bin at its best value."""
    total = 1.0 + 1.0 / alpha
    half = total * signal - on - off
    background = (np.sqrt(half**2 + 4.0 * total * off * signal) - half) / (2.0 * total)
    mu, mu_off = signal + background, background / alpha
    return -np.sum(xlogy(on, mu) - mu + xlogy(off, mu_off) - mu_off)


def marginalised(signal, on, off, alpha):
    logs, counts = background_terms(on, off, np.full(on.shape, alpha))
    return -np.sum(logsumexp(logs + xlogy(counts, signal), axis=1) - signal)


@pytest.mark.statistical
@pytest.mark.parametrize("case", CASES)
def test_bias_of_the_two_backgrounds(case, rng):
    signal, background, alpha = case
    found = []
    for _ in range(150):
        on = rng.poisson(signal + background, 100).astype(float)
        off = rng.poisson(background / alpha, 100).astype(float)
        fits = [
            minimize_scalar(law, bounds=(1e-6, 10.0), args=(on, off, alpha), method="bounded").x
            for law in (profiled, marginalised)
        ]
        found.append(np.array(fits) / signal)
    error = 3.0 * np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(np.mean(found, axis=0) - CASES[case]) < error + 0.02)
