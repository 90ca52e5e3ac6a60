"""SegmentRow ─count tokens─► CountedRow, and the rows too long for the embedding model."""

from hashlib import sha256

from segments.embedding import Embedder
from segments.embedding.encoding import count_tokens as count_tokens
from segments.importing.types import CountedRow, RowProblem, SegmentRow, shown


def content_hash(content: str) -> str:
    """The SHA-256 of a segment's content, in hexadecimal: equal text, equal vector."""
    return sha256(content.encode()).hexdigest()


def count(row: SegmentRow, embedder: Embedder | None) -> CountedRow | RowProblem:
    """`row` with its tokens, or the problem that `embedder` cannot take it whole."""
    if embedder is not None and _is_too_long(row.content, embedder):
        return _too_long(row, embedder)
    return CountedRow(row, count_tokens(row.content), content_hash(row.content))


def _is_too_long(content: str, embedder: Embedder) -> bool:
    """Whether `content` is over the model's limit, asking its tokenizer only if need be.

    A token stands for at least one byte of UTF-8, which is at most four a character.
    """
    if len(content) * 4 <= embedder.token_limit or len(content.encode()) <= embedder.token_limit:
        return False
    return embedder.count_tokens(content) > embedder.token_limit


def _too_long(row: SegmentRow, embedder: Embedder) -> RowProblem:
    tokens = embedder.count_tokens(row.content)
    reason = (
        f"The text has {tokens:,} tokens; {embedder.model} takes {embedder.token_limit:,}. "
        "Split it into several rows."
    )
    return RowProblem(row.line, "content", shown(row.content), "over_token_limit", reason)
