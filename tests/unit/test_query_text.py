"""What becomes of a question before it is searched."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from segments.embedding import Vectors
from segments.embedding.base import Batching
from segments.search.query import storable
from segments.search.vectors import within_limit


class CountingEmbedder:
    """Takes ten characters, blanks included."""

    provider, model, dimensions, token_limit = "test", "ten", 2, 10
    batching = Batching(1)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError

    def embed_query(self, text: str) -> Vectors:
        raise NotImplementedError


def test_a_question_within_the_limit_stays_as_it_is() -> None:
    assert within_limit(CountingEmbedder(), "one  two\n3") == "one  two\n3"


def test_a_longer_one_is_cut_after_the_last_word_that_fits() -> None:
    assert within_limit(CountingEmbedder(), "one two three four") == "one two"


def test_one_word_over_the_limit_leaves_nothing() -> None:
    assert within_limit(CountingEmbedder(), "incomprehensible") == ""


@given(st.text(max_size=200))
def test_what_is_left_always_fits_and_is_the_start(question: str) -> None:
    left = within_limit(CountingEmbedder(), question)

    assert len(left) <= 10
    assert question.split()[: len(left.split())] == left.split()


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_only_what_cannot_be_stored_is_taken_out(text: str) -> None:
    kept = storable(text)

    assert kept.encode().decode() == kept
    assert kept == "".join(c for c in text if not "\ud800" <= c <= "\udfff").replace("\0", " ")
