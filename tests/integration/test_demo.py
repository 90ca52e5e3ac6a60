"""`manage.py demo`: the sample goes in, its questions find their answers, again and again."""

import csv
import re

import pytest
from django.core.management import call_command

from datasets.models import Dataset
from segments.management.commands.demo import HITS, QUESTIONS, TARGET
from segments.models import DocumentSegment
from segments.sample import FAQ
from segments.search import search

ANSWERED_BY = (
    "How much memory does an import need?",
    "How do I find out which row is wrong?",
    "How do I check a file without importing it?",
)


def entries() -> list[dict[str, str]]:
    with FAQ.open(newline="") as file:
        return list(csv.DictReader(file))


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def test_the_sample_has_sixty_pairs_and_no_question_twice() -> None:
    questions = [entry["question"] for entry in entries()]

    assert len(questions) >= 60
    assert len(set(questions)) == len(questions)


@pytest.mark.parametrize(("question", "answered_by"), [*zip(QUESTIONS, ANSWERED_BY, strict=True)])
def test_the_questions_do_not_repeat_the_words_of_what_they_find(
    question: str, answered_by: str
) -> None:
    entry = next(entry for entry in entries() if entry["question"] == answered_by)

    assert not words(question) & words(entry["question"])


@pytest.mark.django_db(transaction=True)
def test_a_second_run_ends_as_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        call_command("demo")
        shown = capsys.readouterr().out

        assert "completed" in shown
        assert DocumentSegment.objects.count() == len(entries())

    dataset = Dataset.objects.get(name=TARGET.dataset)
    for question, answered_by in zip(QUESTIONS, ANSWERED_BY, strict=True):
        found = [hit.content for hit in search(dataset, question, top_k=HITS)]
        assert answered_by in found, (question, found)
