"""Splitting a text: nothing lost, nothing twice but the overlap, never over the limit."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.embedding.tokens import count_tokens
from segments.files.splitting import SplitRule, cleaned, spans, split

WORDS = st.sampled_from(
    [
        "word",
        "Satz.",
        "\n",
        "\n\n",
        " ",
        "# Titel\n",
        "长",
        "句。",
        "ประโยค",
        "x" * 200,
        "a,",
        "🙂",
        "\t",
    ]
)
TEXTS = st.one_of(st.text(max_size=600), st.lists(WORDS, max_size=200).map("".join))
LOOKED_AT = settings(deadline=None, max_examples=60)
RULES = st.builds(
    SplitRule,
    max_tokens=st.integers(20, 120),
    overlap=st.integers(0, 30),
    separator=st.sampled_from(["", "\n\n", "###"]),
    remove_extra_spaces=st.booleans(),
)


def squeezed(text: str) -> str:
    """The text without white space, which pieces need not keep at their borders."""
    return "".join(text.split())


@LOOKED_AT
@given(TEXTS, RULES)
def test_no_piece_is_over_the_limit(text: str, rule: SplitRule) -> None:
    for piece in split(text, rule, count_tokens):
        assert piece == piece.strip() != ""
        assert count_tokens(piece) <= rule.max_tokens


@LOOKED_AT
@given(TEXTS, RULES)
def test_spans_cover_the_text_and_overlap_as_far_as_they_may(text: str, rule: SplitRule) -> None:
    found = spans(text, rule, count_tokens)

    assert not text or (found[0].start, found[-1].end) == (0, len(text))
    for before, after in itertools.pairwise(found):
        assert before.start < after.start <= before.end < after.end
        assert count_tokens(text[after.start : before.end].strip()) <= rule.overlap


@LOOKED_AT
@given(TEXTS, RULES)
def test_nothing_is_lost(text: str, rule: SplitRule) -> None:
    whole = cleaned(text, rule)
    without = SplitRule(
        max_tokens=rule.max_tokens,
        overlap=0,
        separator=rule.separator,
        remove_extra_spaces=rule.remove_extra_spaces,
    )
    pieces = split(text, without, count_tokens)

    kept = whole.replace(rule.separator, "") if rule.separator else whole
    assert squeezed("".join(pieces)) == squeezed(kept)


def test_a_heading_stays_with_its_text() -> None:
    text = "First part. " * 30 + "\n\n# Reset\n\n" + "Hold the button. " * 30

    pieces = split(text, SplitRule(max_tokens=120, overlap=0), count_tokens)

    (with_heading,) = [piece for piece in pieces if "# Reset" in piece]
    assert with_heading.startswith("# Reset\n\nHold")


def test_paragraphs_are_kept_whole_where_they_fit() -> None:
    one, two, three, four = (f"{name} " * 39 + name for name in ("one", "two", "three", "four"))
    text = "\n\n".join((one, two, three, four))

    pieces = split(text, SplitRule(max_tokens=100, overlap=0), count_tokens)

    assert pieces == [f"{one}\n\n{two}", f"{three}\n\n{four}"]


def test_a_separator_makes_pieces_of_its_own() -> None:
    rule = SplitRule(separator="***", max_tokens=50)

    assert split("a***b c*** ***d", rule, count_tokens) == ["a", "b c", "d"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a  \t b\n\n\n\nc", "a b\n\nc"),
        ("see https://example.org/x now", "see https://example.org/x now"),
    ],
)
def test_extra_spaces_are_removed(text: str, kept: str) -> None:
    assert cleaned(text, SplitRule()) == kept


def test_addresses_are_removed() -> None:
    text = "Ask ada@example.org or see https://example.org/help (now)."

    assert cleaned(text, SplitRule(remove_addresses=True)) == "Ask  or see  (now)."
