"""Signs of vectors: those that are near are among the most alike, whatever the dimension."""

import numpy as np
import pytest

from segments.indexing.signatures import MOST_BITS, bytes_of
from segments.search.signatures import Signatures, _columns

COUNT, WANTED, COMPARED = 20_000, 10, 500


def vectors_near_centres(dimensions: int) -> np.ndarray:
    """Vectors around 200 centres, as texts about 200 things have them."""
    chance = np.random.default_rng(1)
    centres = chance.standard_normal((200, dimensions))
    around = 0.8 * chance.standard_normal((COUNT, dimensions))
    return (centres[chance.integers(0, 200, COUNT)] + around).astype(np.float32)


def signatures_of(vectors: np.ndarray) -> Signatures:
    """As the table has them: the signs of the first dimensions, in whole bytes."""
    bits = np.packbits(vectors[:, :MOST_BITS] > 0, axis=1)
    assert bits.shape[1] == bytes_of(vectors.shape[1])
    ordinals = np.arange(len(vectors), dtype=np.int32)
    return Signatures(ordinals, _columns(bits.tobytes(), vectors.shape[1]))


@pytest.mark.parametrize("dimensions", [100, 256, 1_024])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_nearest_that_pass_are_among_the_most_alike(dimensions: int, share: float) -> None:
    vectors = vectors_near_centres(dimensions)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    signatures = signatures_of(unit)
    mask = np.random.default_rng(2).random(COUNT) < share
    found = 0
    for question in unit[:20]:
        alike = signatures.most_alike(question, mask, COMPARED)
        nearest = np.argsort(np.where(mask, -(unit @ question), 2.0))[:WANTED]
        assert len(alike) == COMPARED
        assert mask[alike].all()
        found += len(set(nearest) & set(alike.tolist()))
    assert found >= 0.98 * 20 * WANTED


def test_what_passes_is_all_there_is_if_it_is_few() -> None:
    signatures = signatures_of(vectors_near_centres(256))
    mask = np.zeros(COUNT, np.bool_)
    mask[[3, 5, 19_999]] = True

    alike = signatures.most_alike(np.ones(256, np.float32), mask, COMPARED)

    assert sorted(alike.tolist()) == [3, 5, 19_999]


def test_a_segment_without_a_vector_is_not_among_them() -> None:
    whole = signatures_of(vectors_near_centres(64))
    signatures = Signatures(whole.ordinals[::2], tuple(word[::2] for word in whole.words))

    alike = signatures.most_alike(np.ones(64, np.float32), np.ones(COUNT, np.bool_), COMPARED)

    assert len(alike) == COMPARED
    assert not (alike % 2).any()
