"""Vectors that may be stored, the default model, and how a model is found."""

import logging

import numpy as np
import pytest

from segments.embedding import Embedder, checked_vectors, get_embedder
from segments.exceptions import NoEmbeddingModel, VectorsRefused

GOOD = np.array([[1, 0, 0], [0.5, 0.5, 0.1], [0, 0, 1e-3]], np.float32)


def changed(row: int, value: float) -> np.ndarray:
    """`GOOD` with a row of nothing but `value`."""
    vectors = GOOD.copy()
    vectors[row] = value
    return vectors


def test_good_vectors_pass_as_they_are() -> None:
    assert checked_vectors(GOOD, 3, 3) is GOOD


@pytest.mark.parametrize(
    ("vectors", "row", "says"),
    [
        (changed(1, np.nan), 1, "NaN or infinity"),
        (changed(2, np.inf), 2, "NaN or infinity"),
        (changed(2, -np.inf), 2, "NaN or infinity"),
        (changed(0, 0), 0, "length zero"),
        (GOOD[:2], None, r"shape \(2, 3\) for 3 texts; \(3, 3\) was expected"),
        (GOOD[:, :2], None, r"shape \(3, 2\)"),
        (np.vstack([GOOD, GOOD]), None, r"shape \(6, 3\)"),
        (GOOD.ravel(), None, r"shape \(9,\)"),
    ],
)
def test_vectors_that_find_nothing_are_refused(
    vectors: np.ndarray, row: int | None, says: str
) -> None:
    with pytest.raises(VectorsRefused, match=says) as refused:
        checked_vectors(vectors, 3, 3)
    assert refused.value.row == row


@pytest.fixture(scope="module")
def wordllama() -> Embedder:
    return get_embedder("wordllama", "l2_supercat_256")


def test_the_default_model_gives_vectors_of_length_one_in_the_order_of_the_texts(
    wordllama: Embedder,
) -> None:
    texts = ["a cat", "a long text about the history of steam engines " * 20, "x", "a cat"]

    vectors = checked_vectors(wordllama.embed_passages(texts), 4, wordllama.dimensions)

    assert vectors.dtype == np.float32
    assert wordllama.dimensions == 256
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[0], vectors[3], atol=1e-5)
    alone = np.vstack([wordllama.embed_passages([text]) for text in texts])
    assert np.allclose(vectors, alone, atol=1e-4)


def test_the_default_model_knows_what_is_alike(wordllama: Embedder) -> None:
    question = wordllama.embed_query("Where can I park my car?")[0]
    near, far = wordllama.embed_passages(["parking spaces for vehicles", "a recipe for soup"])
    assert question @ near > question @ far


def test_the_default_model_embeds_nothing(wordllama: Embedder) -> None:
    assert wordllama.embed_passages([]).shape == (0, 256)


def test_the_default_model_counts_its_own_tokens(wordllama: Embedder) -> None:
    assert wordllama.count_tokens("") == 0
    assert wordllama.count_tokens("hello") == 1
    assert wordllama.token_limit == 8_192


def test_loading_the_default_model_leaves_logging_alone(wordllama: Embedder) -> None:
    wordllama.embed_query("load it")
    handlers = [type(handler).__name__ for handler in logging.getLogger().handlers]
    assert "RichHandler" not in handlers
    assert logging.getLogger().level == logging.WARNING


def test_a_model_is_loaded_once(wordllama: Embedder) -> None:
    assert get_embedder("wordllama", "l2_supercat_256") is wordllama


def test_a_model_that_the_wheel_lacks_is_named_with_those_it_has() -> None:
    with pytest.raises(NoEmbeddingModel, match=r"no model “l3”. Use one of: l2_supercat_256"):
        get_embedder("wordllama", "l3")
