"""Which column is which part of a segment."""

import pytest

from datasets.models import DocForm
from segments.exceptions import HeaderRefused
from segments.files.columns import guess_doc_form, map_columns
from segments.imports.column_mapping import notices_of


@pytest.mark.parametrize(
    ("header", "content", "answer"),
    [
        (["content", "answer"], 0, 1),
        (["question", "answer"], 0, 1),
        (["answer", "question"], 1, 0),
        (["问题", "答案"], 0, 1),
        (["Question ", " ANSWER"], 0, 1),
        (["id", "question", "note", "answer"], 1, 3),
    ],
)
def test_question_and_answer_are_found_by_name(
    header: list[str], content: int, answer: int
) -> None:
    columns = map_columns(header, 1, DocForm.QA)
    assert (columns.content, columns.answer) == (content, answer)
    assert guess_doc_form(header) == DocForm.QA


@pytest.mark.parametrize("name", ["content", "segment content", "分段内容", "SEGMENT CONTENT"])
def test_passages_are_found_by_name(name: str) -> None:
    columns = map_columns([name], 1, DocForm.TEXT)
    assert (columns.content, columns.answer) == (0, None)
    assert guess_doc_form([name]) == DocForm.TEXT


def test_every_other_part_is_found_and_the_rest_is_reported() -> None:
    header = ["Content", "Keywords", "external_ID", "enabled", "metadata.Topic", "metadata.", "x"]
    columns = map_columns(header, 1, DocForm.TEXT)

    assert (columns.keywords, columns.external_id, columns.enabled) == (1, 2, 3)
    assert columns.metadata == (("Topic", 4),)
    assert columns.unknown == ("metadata.", "x")
    assert columns.names == tuple(header)


def test_answers_for_passages_are_reported_as_not_used() -> None:
    columns = map_columns(["content", "answer"], 1, DocForm.TEXT)
    assert (columns.answer, columns.unknown) == (None, ("answer",))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (["title"], "Line 7: there is no content column among “title”"),
        (["question"], "no answer column among “question”"),
        (["question", "answer", "Answer"], "“answer” appears 2 times"),
        (["question", "content", "answer"], "“question” and “content” both mean content"),
        (["metadata.a", "Metadata.A", "question", "answer"], "“metadata.a” appears 2 times"),
        (["question", "answer", "a\0b"], "“a␀b” contains a NUL character"),
        ([f"c{n}" for n in range(30)], "“c19” …"),
    ],
)
def test_a_header_that_does_not_do_is_refused(header: list[str], says: str) -> None:
    with pytest.raises(HeaderRefused) as refused:
        map_columns(header, 7, DocForm.QA)
    assert says in str(refused.value)
    assert str(refused.value).startswith("Line 7: ")


def test_columns_without_a_name_may_be_many() -> None:
    assert map_columns(["content", "", ""], 1, DocForm.TEXT).unknown == ("", "")


def test_marks_that_nobody_sees_do_not_matter_in_a_name() -> None:
    found = map_columns(["\ufeffquestion\u00a0", "\u200bAnswer"], 1, DocForm.QA)
    assert (found.content, found.answer) == (0, 1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Key words", "“Key words” is not used. Did you mean keywords?"),
        ("externalid", "Did you mean external_id?"),
        ("Remark", "Not used: “Remark”."),
    ],
)
def test_a_name_that_is_hardly_misspelt_is_asked_about(name: str, says: str) -> None:
    notices = notices_of(map_columns(["content", name], 1, DocForm.TEXT))
    assert len(notices) == 1
    assert says in notices[0]
