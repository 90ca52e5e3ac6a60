"""Messages name the label on a page and the flag in a command."""

import pytest

from datasets.wording import how_many
from segments.files.options import ImportOptions
from segments.files.wording import FLAGS, LABELS, for_command, for_page


@pytest.mark.parametrize(
    ("text", "page", "command"),
    [
        ("Not read: “B” (option sheet).", "Not read: “B” (“Sheet”).", "Not read: “B” (--sheet)."),
        (
            "Choose them, or the option no_header.",
            "Choose them, or “The file has no header”.",
            "Choose them, or --no-header.",
        ),
        (
            "header_row: “x” is bad.",
            "“Row of the header”: “x” is bad.",
            "--header-row: “x” is bad.",
        ),
        ("A sheet: one option is left.", "A sheet: one option is left.", None),
    ],
)
def test_options_are_named_as_the_reader_has_them(
    text: str, page: str, command: str | None
) -> None:
    assert for_page(text) == page
    assert for_command(text) == (command or text)


def test_every_option_has_its_words() -> None:
    names = set(ImportOptions.__dataclass_fields__)
    assert names == set(LABELS) == set(FLAGS)


def test_nouns_agree_with_their_numbers() -> None:
    assert how_many(1, "row") == "1 row"
    assert how_many(0, "row is", "rows are") == "0 rows are"
    assert how_many(1_204, "row") == "1,204 rows"
    assert how_many(2, "webhook delivery") == "2 webhook deliveries"
    assert how_many(3, "key") == "3 keys"
