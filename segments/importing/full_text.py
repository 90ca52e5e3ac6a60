"""The rows whose full-text entry PostgreSQL could not store."""

from django.db import OperationalError, connection, transaction

from segments.importing.types import RowProblem, SegmentRow, shown

# A tsvector holds 1 MiB (PostgreSQL, "Limitations of text search"). A word takes its own bytes
# and up to seven more, and a hyphenated one stands for its parts as well: no text has been found
# whose entry is five times as large. Below this many bytes of text nothing needs to be asked.
SAFE_BYTES = 1024 * 1024 // 8
# PostgreSQL's program_limit_exceeded, "string is too long for tsvector".
LIMIT_EXCEEDED = "54000"


def full_text_problem(row: SegmentRow, text_search_config: str) -> RowProblem | None:
    """Why the full-text index cannot take `row`, if it cannot; only long texts are tried."""
    chars = len(row.content) + len(row.answer or "")
    if chars * 4 <= SAFE_BYTES or _size(row) <= SAFE_BYTES or _fits(row, text_search_config):
        return None
    return RowProblem(
        row.line,
        "content",
        shown(row.content),
        "full_text_too_large",
        f"The row has more different words in its {chars:,} characters than a full-text entry "
        "can hold (1 MiB). Split it into several rows.",
    )


def _size(row: SegmentRow) -> int:
    return len(row.content.encode()) + len((row.answer or "").encode())


def _fits(row: SegmentRow, text_search_config: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT length(segments_full_text(%s, %s, %s))",
                [text_search_config, row.content, row.answer],
            )
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == LIMIT_EXCEEDED:
            return False
        raise
    return True
