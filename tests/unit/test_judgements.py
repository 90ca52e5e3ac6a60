"""Files of judged questions: their form, and clear words where they break it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from segments.exceptions import JudgementsRefused
from segments.search.evaluation import Question, read_judgements

WriteFile = Callable[..., Path]
QUERY = {"1": "how do I reset it?"}


def test_questions_come_with_the_gains_of_relevant_segments(write_file: WriteFile) -> None:
    relevant = {"1": {"faq-7": 1, "faq-8": 2.5, "faq-9": 0}}
    path = write_file(json.dumps({"queries": QUERY | {"2": "unjudged"}, "relevant": relevant}))

    assert read_judgements(path) == [Question("how do I reset it?", {"faq-7": 1, "faq-8": 2.5})]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not valid JSON"),
        (b"{\n  nonsense}", "line 2, column 3"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[]", "no object “queries”"),
        (b'{"queries": {}}', "no object “relevant”"),
        (b'{"queries": [], "relevant": {}}', "no object “queries”"),
        (b'{"queries": {}, "relevant": {}}', "no question with a relevant segment"),
        (b'{"queries": {"1": "a"}, "relevant": {"1": {"x": 0}}}', "no question with a relevant"),
        (b'{"queries": {}, "relevant": {"1": {"x": 1}}}', "has “1”, but “queries” has no text"),
        (b'{"queries": {"1": 5}, "relevant": {"1": {"x": 1}}}', "“queries” has no text for it"),
        (b'{"queries": {"1": "a"}, "relevant": {"1": ["x"]}}', "is not an object"),
        (b'{"queries": {"1": "a"}, "relevant": {"1": {"x": "high"}}}', "'high' is not a number"),
        (b'{"queries": {"1": "a"}, "relevant": {"1": {"x": true}}}', "True is not a number"),
    ],
)
def test_files_of_another_form_are_refused(
    write_file: WriteFile, content: bytes, told: str
) -> None:
    with pytest.raises(JudgementsRefused, match=told):
        read_judgements(write_file(content, "queries.json"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgementsRefused, match="cannot be read: No such file"):
        read_judgements(tmp_path / "queries.json")
