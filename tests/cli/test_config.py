"""The configuration: every key checked, all problems in one pass."""

from __future__ import annotations

import pytest

from bayesmap.cli.config import read_config
from bayesmap.errors import BayesmapError, BayesmapIOError, ConfigError, ProblemList
from bayesmap.models.prior import Prior

GOOD = {"dataset": "data.fits", "models": "models.yaml", "output": "fit"}


@pytest.fixture
def write(tmp_path):
    """Write a configuration made of GOOD and changes (None removes a key) beside its files; return its path."""
    for name in ("data.fits", "models.yaml", "c.fits", "e.fits", "p.fits"):
        (tmp_path / name).touch()

    def write_config(**changes):
        path = tmp_path / "config.yaml"
        entries = {key: value for key, value in (GOOD | changes).items() if value is not None}
        path.write_text("".join(f"{key}: {value}\n" for key, value in entries.items()))
        return path

    return write_config


def test_defaults(write, tmp_path):
    config = read_config(write())
    assert config.dataset == tmp_path.resolve() / "data.fits"
    assert config.output == tmp_path.resolve() / "fit"
    assert (config.exposure_order, config.priors, config.allow_asimov) == ("true", "default", False)
    assert config.sample == {"random_seed": 1}
    assert config.psf_max_radius is None
    assert not config.maps


@pytest.mark.parametrize(
    ("key", "text", "attribute"),
    [
        ("exposure_order", "true", "true"),
        ("exposure_order", "'true'", "true"),
        ("exposure_order", "after_psf", "after_psf"),
        ("priors", "flat", "flat"),
        ("priors", "default", "default"),
        ("sample", "false", None),
        ("sample", "{}", {"random_seed": 1}),
        ("sample", "{draws: 50, random_seed: 7}", {"draws": 50, "random_seed": 7}),
        (
            "sample",
            "{target_accept: 0.9, nuts_sampler: pymc, tune: 0}",
            {"target_accept": 0.9, "nuts_sampler": "pymc", "tune": 0, "random_seed": 1},
        ),
        ("allow_asimov", "true", True),
        ("psf_max_radius", "0.5", 0.5),
        ("psf_max_radius", "1", 1.0),
        ("psf_max_radius", "null", None),
        ("name", "crab", "crab"),
    ],
)
def test_values(write, key, text, attribute):
    assert getattr(read_config(write(**{key: text})), key) == attribute


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("exposure_order", "before", "exposure_order is str 'before'.*one of true, after_psf"),
        ("exposure_order", "false", "exposure_order is bool 'False'"),
        ("priors", "wide", "priors is str 'wide'.*one of default, flat, or a mapping"),
        ("priors", "[a]", "priors is list"),
        ("sample", "true", "sample is bool 'True'.*false, or a mapping"),
        ("sample", "{draws: 0}", "sample.draws is int '0'.*whole number >= 1"),
        ("sample", "{draws: 10.5}", "sample.draws is float '10.5'"),
        ("sample", "{chains: true}", "sample.chains is bool 'True'"),
        ("sample", "{tune: -1}", "sample.tune is int '-1'.*>= 0"),
        ("sample", "{random_seed: null}", "sample.random_seed is NoneType"),
        ("sample", "{nuts_sampler: stan}", "sample.nuts_sampler is str 'stan'.*nutpie, numpyro, pymc"),
        ("sample", "{nuts_sampler: [nutpie]}", "sample.nuts_sampler is list"),
        ("sample", "{target_accept: 1.0}", "sample.target_accept is float '1.0'.*between 0 and 1"),
        ("allow_asimov", "1", "allow_asimov is int '1'.*true or false"),
        ("psf_max_radius", "-1", "psf_max_radius is int '-1'.*> 0"),
        ("psf_max_radius", ".nan", "psf_max_radius is float 'nan'"),
        ("psf_max_radius", "true", "psf_max_radius is bool 'True'"),
        ("name", "3", "name is int '3'.*text"),
        ("dataset", "[a, b]", "dataset is list .*text"),
        ("optimize", "fast", "optimize is str 'fast'.*mapping"),
        ("optimize", "{tolerance: 0}", "optimize.tolerance is int '0'.*> 0, in sigma"),
        ("optimize", "{max_iterations: 1.5}", "optimize.max_iterations is float '1.5'.*whole number"),
        ("optimize", "{backend: 1}", "optimize.backend is int '1'.*one of newton, scipy, minuit, sherpa"),
        ("optimize", "{backend: minuit, method: 1}", "optimize.method is int '1'.*text"),
    ],
)
def test_wrong_values(write, key, text, message):
    with pytest.raises(ConfigError, match=f"BM-CF-007: {message}") as caught:
        read_config(write(**{key: text}))
    assert caught.value.exit_code == 2


def test_unknown_key_names_the_nearest(write):
    with pytest.raises(ConfigError, match="BM-CF-001.*'psf_max_radus'.*Did you mean 'psf_max_radius'"):
        read_config(write(psf_max_radus="0.5"))


def test_options_of_the_optimiser(write):
    assert read_config(write(optimize="{tolerance: 1.0e-3, max_iterations: 5}")).optimize == {
        "tolerance": 1e-3,
        "max_iterations": 5,
    }
    with pytest.raises(ConfigError, match="BM-CF-001: optimize.tol:.*Did you mean 'tolerance'"):
        read_config(write(optimize="{tol: 1.0e-3}"))


def test_options_of_the_sampler_are_all_looked_at(write):
    with pytest.raises(ProblemList) as caught:
        read_config(write(sample="{draw: 5, chains: 0}"))
    assert [problem.code for problem in caught.value.problems] == ["BM-CF-001", "BM-CF-007"]
    assert "Did you mean 'draws'" in str(caught.value)


def test_priors_long_and_short(write):
    long = "{type: Normal, parameters: [{name: mu, value: 2.5, unit: ''}, {name: sigma, value: 0.5}]}"
    short = "{type: Normal, mu: 2.5, sigma: 0.5}"
    config = read_config(write(priors=f"{{a.spectral.index: {long}, b.spectral.index: {short}}}"))
    assert config.priors["a.spectral.index"] == config.priors["b.spectral.index"] == Prior("Normal", mu=2.5, sigma=0.5)


def test_short_priors_have_units_and_weights(write):
    text = (
        "{a: {type: HalfNormal, sigma: '3e-11 cm-2 s-1 TeV-1'}, b: {type: GaussianPrior, mu: 2, sigma: 1, weight: 2}}"
    )
    priors = read_config(write(priors=text)).priors
    assert priors["a"].arguments("cm-2 s-1 GeV-1") == {"sigma": pytest.approx(3e-14)}
    assert priors["b"] == Prior("GaussianPrior", (("mu", 2.0, ""), ("sigma", 1.0, "")), 2.0)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("{type: Norml, mu: 1}", "BM-CF-006: priors.a.type: .*Did you mean 'Normal'"),
        ("{mu: 1}", "BM-CF-001: priors.a.mu"),
        ("{type: [Normal]}", "BM-CF-006"),
        ("{type: Normal, mean: 1}", "BM-CF-001: priors.a.mean"),
        ("{type: Normal, mu: '1.5'}", "BM-CF-003: priors.a.mu is the text '1.5'"),
        ("{type: Normal, mu: 1 parsek}", "BM-CF-008: priors.a.mu is '1 parsek'"),
        ("{type: Normal, mu: one TeV}", "BM-CF-008: priors.a.mu"),
        ("{type: Normal, mu: .nan}", "BM-CF-002: priors.a.mu"),
        ("{type: Normal, mu: true}", "BM-CF-007: priors.a.mu is bool"),
        ("Normal", "BM-CF-007: priors.a is str 'Normal'"),
    ],
)
def test_wrong_priors(write, prior, message):
    with pytest.raises(ConfigError, match=message):
        read_config(write(priors=f"{{a: {prior}}}"))


def test_every_wrong_prior_is_told(write):
    with pytest.raises(ProblemList) as caught:
        read_config(write(priors="{a: {type: Norml}, b: {type: Normal, mean: 1}}"))
    assert [problem.code for problem in caught.value.problems] == ["BM-CF-006", "BM-CF-001"]


@pytest.mark.parametrize("key", ["models", "output"])
def test_missing_key(write, key):
    with pytest.raises(ConfigError, match=f"BM-CF-020.*'{key}' is missing"):
        read_config(write(**{key: None}))


def test_data_are_named_once(write):
    with pytest.raises(ConfigError, match="BM-CF-020.*neither"):
        read_config(write(dataset=None))
    with pytest.raises(ConfigError, match="BM-CF-020.*both"):
        read_config(write(maps="{counts: c.fits, exposure: e.fits}"))


def test_maps(write, tmp_path):
    config = read_config(write(dataset=None, maps="{counts: c.fits, exposure: e.fits, psf: p.fits}"))
    assert config.maps == {key: tmp_path.resolve() / f"{key[0]}.fits" for key in ("counts", "exposure", "psf")}
    with pytest.raises(ConfigError, match="BM-CF-001: maps.count: .*Did you mean 'counts'"):
        read_config(write(dataset=None, maps="{count: c.fits, exposure: e.fits}"))
    with pytest.raises(ConfigError, match="BM-CF-007: maps has no 'exposure'"):
        read_config(write(dataset=None, maps="{counts: c.fits}"))
    with pytest.raises(BayesmapIOError, match="BM-IO-016: maps.counts names the file 'nothing.fits'"):
        read_config(write(dataset=None, maps="{counts: nothing.fits, exposure: e.fits}"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("../x.fits", "BM-IO-012"),
        ("/etc/passwd", "BM-IO-015"),
        ("$HOME/x.fits", "BM-IO-014"),
        ("http://127.0.0.1:9/x.fits", "BM-IO-013"),
        ("nothing.fits", "BM-IO-016"),
    ],
)
@pytest.mark.parametrize("key", ["dataset", "models"])
def test_inputs_lie_in_the_folder_of_the_configuration(write, key, text, code):
    with pytest.raises(BayesmapIOError, match=f"{code}: {key} names the file"):
        read_config(write(**{key: text}))


def test_inputs_may_lie_in_an_allowed_folder(write, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "x.fits").touch()
    assert (
        read_config(write(dataset=str(other / "x.fits")), allow_paths=[other]).dataset == (other / "x.fits").resolve()
    )


def test_inline_models_are_kept(write):
    assert read_config(write(models="{components: []}")).models == {"components": []}


def test_all_problems_in_one_pass(write):
    with pytest.raises(ProblemList) as caught:
        read_config(write(nam="x", psf_max_radius="-1", dataset="../x.fits", models=None))
    assert [problem.code for problem in caught.value.problems] == ["BM-CF-020", "BM-IO-012", "BM-CF-001", "BM-CF-007"]


def test_output_may_lie_in_the_working_folder_or_an_allowed_one(write, tmp_path, monkeypatch):
    work, other = tmp_path / "work", tmp_path.parent
    work.mkdir()
    monkeypatch.chdir(work)
    assert read_config(write(output=str(work / "fit"))).output == work.resolve() / "fit"
    with pytest.raises(BayesmapIOError, match="BM-IO-018"):
        read_config(write(output=str(other / "fit")))
    assert read_config(write(output=str(other / "fit")), allow_paths=[other]).output == other.resolve() / "fit"


def test_existing_output_needs_overwrite(write, tmp_path):
    (tmp_path / "fit").mkdir()
    with pytest.raises(BayesmapIOError, match="BM-IO-019"):
        read_config(write())
    assert read_config(write(), overwrite=True).overwrite


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "only text\n"])
def test_not_a_mapping(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BayesmapError, match="BM-CF"):
        read_config(path)
