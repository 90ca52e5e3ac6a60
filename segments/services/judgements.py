"""Questions with their right answers, kept from the search page to measure search by."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from datasets.models import Dataset
from segments.exceptions import SearchRefused
from segments.models import DocumentSegment, SearchJudgement
from segments.search.evaluation import Question
from segments.search.query import MAX_QUERY_CHARS, storable


def keep_judgement(
    segment: DocumentSegment, question: str, user: User | None = None
) -> SearchJudgement:
    """Note that the segment answers the question; doing so twice changes nothing.

    Raises:
        SearchRefused: the question is blank or too long.
    """
    text = " ".join(storable(question).split())
    if not text or len(text) > MAX_QUERY_CHARS:
        raise SearchRefused(f"A question has 1 to {MAX_QUERY_CHARS:,} characters.")
    judgement, _ = SearchJudgement.objects.update_or_create(
        dataset_id=segment.dataset_id,
        question=text,
        segment_id=segment.pk,
        defaults={
            "external_id": segment.external_id or "",
            "content": segment.content,
            "content_hash": segment.index_node_hash,
        },
        create_defaults={
            "external_id": segment.external_id or "",
            "content": segment.content,
            "content_hash": segment.index_node_hash,
            "created_by": user,
        },
    )
    return judgement


def judged_segments(question: str, segment_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the segments that are kept as answers to the question."""
    kept = SearchJudgement.objects.filter(
        question=" ".join(storable(question).split()), segment_id__in=list(segment_ids)
    )
    return set(kept.values_list("segment_id", flat=True))


def forget_judgement(segment: DocumentSegment, question: str) -> None:
    """Take back that the segment answers the question."""
    text = " ".join(storable(question).split())
    SearchJudgement.objects.filter(
        dataset_id=segment.dataset_id, question=text, segment_id=segment.pk
    ).delete()


@dataclass(frozen=True, slots=True)
class KeptQuestions:
    """The test questions of a dataset; `lost` have no answer any more that could be found."""

    questions: list[Question]
    lost: list[str]


def kept_questions(dataset: Dataset) -> KeptQuestions:
    """The dataset's test questions with the segments that answer them now.

    An answer that was replaced is found again by its external id, or by its text.

    Raises:
        SearchRefused: none are kept, or the answers to all are gone.
    """
    relevant: dict[str, dict[str, float]] = defaultdict(dict)
    for judgement in SearchJudgement.objects.filter(dataset=dataset).order_by("question", "id"):
        answers = relevant[judgement.question]
        answers.update(dict.fromkeys(map(str, _segments_of(dataset, judgement)), 1.0))
    if not relevant:
        raise SearchRefused(
            f"Dataset “{dataset.name}” has no test questions. Keep some on the search page of the "
            "admin (“This answers it”), or give a file of judgements."
        )
    if not any(relevant.values()):
        raise SearchRefused(
            f"The answers to all test questions of dataset “{dataset.name}” are gone. Keep others."
        )
    return KeptQuestions(
        [Question(text, answers) for text, answers in relevant.items() if answers],
        [text for text, answers in relevant.items() if not answers],
    )


def _segments_of(dataset: Dataset, judgement: SearchJudgement) -> list[UUID]:
    segments = DocumentSegment.objects.filter(dataset=dataset)
    ways: list[dict[str, Any]] = [
        {"pk": judgement.segment_id},
        {"index_node_hash": judgement.content_hash},
    ]
    if judgement.external_id:
        ways.insert(1, {"external_id": judgement.external_id})
    for way in ways:
        if found := list(segments.filter(**way).values_list("pk", flat=True)):
            return found
    return []
