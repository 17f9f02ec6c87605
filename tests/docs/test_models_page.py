"""The page of the models says what the classes say, and each model has its formula and its picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesmap.models import Parameter, PowerLawSpectralModel
from bayesmap.models.registry import spatial_models, spectral_models

DOCS = Path(__file__).resolve().parents[2] / "docs"
CLASSES = sorted({*spectral_models().values(), *spatial_models().values()}, key=lambda model: model.__name__)


@pytest.fixture
def make_models(monkeypatch):
    """The generator of the page."""
    monkeypatch.syspath_prepend(str(DOCS))
    import make_models

    return make_models


def test_page_is_that_of_the_classes(make_models):
    assert (DOCS / "models.md").read_text() == make_models.page(), "run python docs/make_models.py"


@pytest.mark.parametrize("model", CLASSES, ids=lambda model: model.__name__)
def test_each_model_has_a_formula_and_a_small_picture(make_models, model):
    picture = (DOCS / "models" / f"{model.__name__}.png").read_bytes()
    assert picture[:4] == b"\x89PNG"
    assert len(picture) < 25_000
    assert "$$\n" in make_models._entry(model, "spectral"), "state the formula under `.. math::` in the docstring"


def test_no_picture_is_left_over():
    assert {path.stem for path in (DOCS / "models").iterdir()} == {model.__name__ for model in CLASSES}


def test_a_new_model_gets_entry_and_picture_without_further_work(make_models, tmp_path):
    class Bent(PowerLawSpectralModel):
        r"""Bent law.

        .. math:: x^2
                  + y

        See :math:`x` of `PowerLawSpectralModel`.

        Parameters
        ----------
        bend : float
            :math:`|b|`. Default 0.
        """

        tag = ("Bent", "bent")
        bend = Parameter("bend", 0.0, min=-1.0)

        @staticmethod
        def evaluate(xp, energy, *, bend):
            return energy ** (-2.0 - bend)

    entry = make_models._entry(Bent, "spectral")
    assert "Bent law.\n\n$$\nx^2\n+ y\n$$\n\nSee $x$ of `PowerLawSpectralModel`.\n" in entry
    assert "| `bend` | 0 |  | -1 to any |  | `Flat()` | $\\|b\\|$. |" in entry
    assert "![Bent](models/Bent.png)" in entry
    import model_pictures

    model_pictures._save(model_pictures._spectra(Bent), tmp_path / "Bent.png")
    assert (tmp_path / "Bent.png").stat().st_size > 1000


def test_a_parameter_without_a_meaning_is_refused(make_models):
    class Mute(PowerLawSpectralModel):
        """Says nothing."""

        tag = ("Mute", "mute")
        index = Parameter("index", 2.0)

    with pytest.raises(ValueError, match="Mute does not say what index means"):
        make_models._entry(Mute, "spectral")
