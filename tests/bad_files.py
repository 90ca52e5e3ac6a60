"""One sample file per failure mode in `tests/files`, and what has to be said about each."""

from dataclasses import dataclass

from tests.conftest import FILES


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file for a document of questions and answers that must be refused.

    `code` is the job's, or the row's when the file as a whole is fine; `says` are parts of the
    message in their order: where it is wrong, and what to do.
    """

    name: str
    code: str
    says: tuple[str, ...]
    is_row: bool = False
    lines: tuple[int, ...] = ()
    column: str = ""
    value: str = ""

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return (FILES / self.name).read_bytes()


def _row(name: str, code: str, line: int, column: str, value: str, *says: str) -> BadFile:
    return BadFile(name, code, (f"line {line}", *says), True, (line,), column, value)


BAD_FILES = (
    BadFile("empty.csv", "file_empty", ("empty.csv is empty", "Add a header and rows")),
    BadFile("byte_order_mark_only.csv", "file_empty", ("is empty",)),
    BadFile("blank_lines_only.csv", "file_empty", ("is empty",)),
    BadFile("header_only.csv", "file_empty", ("has a header but no rows", "Add rows below it")),
    BadFile("picture.png", "format_unknown", ("picture.png is a picture (PNG)", "import a table")),
    BadFile(
        "no_content_column.csv",
        "header_refused",
        ("Line 1", "no content column among “title”, “answer”", "“content” or “question”"),
    ),
    BadFile(
        "no_answer_column.csv",
        "header_refused",
        ("Line 1", "qa_model", "no answer column among “question”, “remark”", "“answer”"),
    ),
    BadFile(
        "duplicate_header.csv",
        "header_refused",
        ("Line 1", "“answer” appears 2 times", "Remove or rename"),
    ),
    BadFile(
        "two_columns_for_content.csv",
        "header_refused",
        ("Line 1", "“question” and “content” both mean content", "Remove or rename"),
    ),
    BadFile("nul_in_header.csv", "header_refused", ("Line 2", "“quest␀ion”", "NUL", "Remove it")),
    BadFile("not_utf8.csv", "file_malformed", ("Line 2", "0xFC", "character 27", "CSV UTF-8")),
    BadFile(
        "not_utf8_with_cr_line_ends.csv",
        "file_malformed",
        ("Line 3", "0xF6", "character 18", "CSV UTF-8"),
    ),
    BadFile(
        "not_utf8_after_quoted_newlines.csv",
        "file_malformed",
        ("Line 6", "0xF6", "character 18", "CSV UTF-8"),
    ),
    BadFile(
        "not_utf8_after_other_characters.csv",
        "file_malformed",
        ("Line 2", "0xF6", "character 26", "CSV UTF-8"),
    ),
    BadFile("cut_within_a_character.csv", "file_malformed", ("Line 2", "0xC3", "CSV UTF-8")),
    BadFile("lone_surrogate.csv", "file_malformed", ("Line 3", "0xED", "CSV UTF-8")),
    BadFile(
        "unclosed_quote.csv",
        "file_malformed",
        ("Line 3", "never closed", 'Close it with ", or double'),
    ),
    BadFile(
        "unclosed_quote_after_quoted_newlines.csv",
        "file_malformed",
        ("Line 3", "never closed", 'Close it with ", or double'),
    ),
    BadFile("text_after_closing_quote.csv", "file_malformed", ("Line 2", 'Double every "')),
    BadFile(
        "blank_answer.csv",
        "blank_cell",
        ("2 of 3 rows are bad", "line 3, column “answer”", "The answer is blank", "Fill it"),
        is_row=True,
        lines=(3, 4),
        column="answer",
    ),
    _row("blank_content.csv", "blank_cell", 3, "question", " \u3000", "The question is blank"),
    _row("nul_character.csv", "nul_character", 3, "question", "Where are␀ you?", "Remove it"),
    _row("row_with_too_few_cells.csv", "ragged_row", 3, "", "Where are you?", "1 cell,", "has 2"),
    _row(
        "row_with_too_many_cells.csv",
        "ragged_row",
        2,
        "",
        "Where are you? | In Ulm |  near the river.",
        "3 cells",
        "the header has 2",
    ),
    _row(
        "duplicate_external_id.csv",
        "duplicate_external_id",
        4,
        "external_id",
        "a1",
        "in line 2 already",
        "Give every row its own",
    ),
    _row(
        "external_id_too_long.csv",
        "id_too_long",
        2,
        "external_id",
        "x" * 80 + "…",
        "at most 255 characters",
    ),
    _row("unclear_switch.csv", "unclear_switch", 2, "enabled", "perhaps", "Write true or false"),
)


def says_all(message: str, parts: tuple[str, ...]) -> bool:
    """Whether `message` has all `parts`, one after the other."""
    place = 0
    for part in parts:
        place = message.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True
