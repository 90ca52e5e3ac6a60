"""A sample of a dataset's texts with their vectors and words, for learning how to search it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from datasets.models import Dataset, Document
from segments.db.binary_copy import unpack_vector
from segments.db.replicas import connection
from segments.embedding import Vectors
from segments.languages.analysis import index_text, question_text
from segments.models.segment import SegmentStatus

SAMPLE = 2_000
# Of a longer text the start is enough to learn from.
CHARS_READ = 4_000

WordCounts = dict[str, int]
"""How often each word, as the full-text index has it, is in a text."""


@dataclass(frozen=True, slots=True)
class SampledText:
    """A segment: its texts, cut at a few thousand characters, its vector and its words."""

    content: str
    answer: str
    vector: Vectors
    words: WordCounts

    @property
    def searched(self) -> str:
        """What full text searches: the content and the answer."""
        return f"{self.content} {self.answer}" if self.answer else self.content


# Each place is looked up by itself: statistics older than an import make the planner sort the whole
# dataset instead. Vectors come in pgvector's binary format, five times as fast as its text.
CHOSEN = """
    SELECT left(content, %(chars)s), left(coalesce(answer, ''), %(chars)s),
        vector_send(embedding),
        ARRAY(SELECT lexeme FROM unnest(search_vector)),
        ARRAY(SELECT coalesce(cardinality(positions), 1) FROM unnest(search_vector))
    FROM unnest(%(documents)s::uuid[], %(positions)s::int[]) AS place (document, position)
    CROSS JOIN LATERAL (
        SELECT * FROM segments_documentsegment
        WHERE document_id = place.document AND position = place.position
        OFFSET 0
    ) AS segment
    WHERE enabled AND status = %(status)s AND embedding IS NOT NULL
    ORDER BY document, segment.position
"""


def sample_texts(dataset: Dataset) -> list[SampledText]:
    """Up to 2,000 searchable segments with vectors, in random order; the same each time.

    Segments are picked by their positions, so the size of the dataset does not matter.
    """
    chance = random.Random(str(dataset.pk))  # noqa: S311  (no secret)
    places = _places(dataset, chance)
    with connection.cursor() as cursor:
        cursor.execute(
            CHOSEN,
            {
                "chars": CHARS_READ,
                "documents": [str(document) for document, _ in places],
                "positions": [position for _, position in places],
                "status": SegmentStatus.COMPLETED,
            },
        )
        found = [
            SampledText(
                content,
                answer,
                unpack_vector(vector),
                dict(zip(words, counts, strict=True)),
            )
            for content, answer, vector, words, counts in cursor.fetchall()
        ]
    chance.shuffle(found)
    return found


def _places(dataset: Dataset, chance: random.Random) -> list[tuple[UUID, int]]:
    """Documents and positions, each place of the dataset equally likely."""
    documents = Document.objects.searchable().filter(dataset=dataset, segment_count__gt=0)
    sizes = list(documents.order_by("pk").values_list("pk", "segment_count"))
    total = sum(size for _, size in sizes)
    wanted = sorted(chance.sample(range(total), min(SAMPLE, total)))
    places, before, number = [], 0, 0
    for document, size in sizes:
        while number < len(wanted) and wanted[number] < before + size:
            places.append((document, wanted[number] - before + 1))
            number += 1
        before += size
    return places


COUNTED = """
    SELECT ARRAY(SELECT lexeme FROM unnest(entry)),
        ARRAY(SELECT coalesce(cardinality(positions), 1) FROM unnest(entry))
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS given (text, search_text, number)
    CROSS JOIN LATERAL segments_full_text(%s, text, NULL, search_text) AS entry
    ORDER BY number
"""


def count_words(dataset: Dataset, texts: Sequence[str]) -> list[WordCounts]:
    """The words of `texts`, as the dataset's full-text index would have them."""
    return _counted(dataset, texts, [index_text(text, dataset.language) for text in texts])


def count_asked_words(dataset: Dataset, questions: Sequence[str]) -> list[WordCounts]:
    """The words of `questions`, as full text looks them up; typing errors are not corrected."""
    asked = [question_text(question, dataset.language) for question in questions]
    return _counted(dataset, asked, [None] * len(asked))


def _counted(
    dataset: Dataset, texts: Sequence[str], search_texts: Sequence[str | None]
) -> list[WordCounts]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, [list(texts), list(search_texts), dataset.text_search_config])
        return [dict(zip(*counted, strict=True)) for counted in cursor.fetchall()]
