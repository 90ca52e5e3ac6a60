"""Counting tokens, and the limit of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from segments.embedding import Vectors
from segments.embedding.base import Batching
from segments.embedding.tokens import count_tokens
from segments.files.types import CountedRow, RowProblem, SegmentRow
from segments.imports.parents import content_hash
from segments.imports.prepare import count


@dataclass
class WordCounter:
    """A model whose tokens are words; it remembers what it was asked."""

    token_limit: int
    provider: str = "test"
    model: str = "words"
    dimensions: int = 1
    batching: ClassVar[Batching] = Batching(1)
    asked: list[str] = field(default_factory=list)

    def count_tokens(self, text: str) -> int:
        self.asked.append(text)
        return len(text.split())

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 1), np.float32)

    def embed_query(self, text: str) -> Vectors:
        return self.embed_passages([text])


def row(content: str, answer: str = "So.") -> SegmentRow:
    return SegmentRow(3, content, answer, None, None, {}, True)


@pytest.mark.parametrize(
    ("text", "tokens"),
    # From OpenAI's own tokenizer for cl100k_base.
    [("", 0), ("hello world", 2), ("tiktoken is great!", 6), ("お誕生日おめでとう", 9)],
)
def test_tokens_are_those_of_cl100k_base(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_special_tokens_in_a_text_are_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


def test_a_row_is_counted_and_hashed_by_its_content_alone() -> None:
    first, second = count(row("hello world", "a"), None), count(row("hello world", "b"), None)
    assert isinstance(first, CountedRow)
    assert isinstance(second, CountedRow)
    assert first.tokens == second.tokens == 2
    assert first.content_hash == second.content_hash == content_hash("hello world")
    assert len(first.content_hash) == 64


@pytest.mark.parametrize(("words", "fits"), [(5, True), (6, False)])
def test_a_text_over_the_models_limit_is_a_problem(words: int, fits: bool) -> None:
    found = count(row("word " * words), WordCounter(5))
    assert isinstance(found, CountedRow) is fits
    if isinstance(found, RowProblem):
        assert (found.line, found.code) == (3, "over_token_limit")
        assert "6 tokens; words takes 5. Split it" in found.reason


@pytest.mark.parametrize(
    ("content", "asks"), [("x" * 20, False), ("é" * 11, True), ("x" * 21, True)]
)
def test_the_models_tokenizer_is_asked_only_when_the_bytes_leave_it_open(
    content: str, asks: bool
) -> None:
    model = WordCounter(token_limit=20)
    count(row(content), model)
    assert bool(model.asked) is asks
