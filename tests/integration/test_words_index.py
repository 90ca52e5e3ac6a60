"""Full text over generations of the index and the tail: always what BM25 says."""

import random
from uuid import UUID

import pytest
from django.db import connection

from datasets.models import Dataset, DocForm, Document
from segments.indexing import build, plan
from segments.indexing.state import ensure_building, generations_of
from segments.indexing.tables import WORDS, table_of
from segments.models import DocumentSegment, IndexGeneration
from segments.search import SearchMethod, full_text, search
from segments.search.bounded import bounded_ranking
from segments.search.full_text import full_text_ranking
from segments.search.words import terms_of

from .conftest import ImportText, MakeDocument
from .test_full_text import bm25, some_texts, spelt

pytestmark = pytest.mark.django_db(transaction=True)

QUESTIONS = ["wa", "wdj", "wa wf wca", "wb wb wda unknown", "wh wdi wdj"]


@pytest.fixture
def simple(economy: Dataset, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A dataset whose terms are its words, and of which a few rows are worth a generation."""
    monkeypatch.setattr(plan, "TAIL_ROWS", 5)
    economy.text_search_config = "simple"
    economy.save()
    return economy


@pytest.fixture
def filled(simple: Dataset, make_document: MakeDocument, import_text: ImportText) -> Document:
    """A document with ninety segments in two generations' worth."""
    document = make_document(simple, "texts", DocForm.TEXT)
    import_text(document, "content\n" + "\n".join(sorted(set(some_texts(90)))))
    return document


def index(dataset: Dataset) -> None:
    """Build what is worth building."""
    ensure_building(dataset)  # unless publishing has done so
    waiting = IndexGeneration.objects.open().get(dataset=dataset)
    assert build.run(waiting.pk).status == "completed"


def assert_ranked_as_bm25_says(dataset: Dataset) -> None:
    texts = list(DocumentSegment.objects.filter(enabled=True).values_list("content", flat=True))
    for question in QUESTIONS:
        expected = bm25(texts, question)
        hits = search(dataset, question, SearchMethod.FULL_TEXT, top_k=100)
        found = {hit.content: hit.score for hit in hits}
        assert found == pytest.approx(expected, rel=1e-4), question
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)


def never(*args: object) -> None:
    raise AssertionError("the bounded statement was asked though there is a generation")


def test_generations_and_tail_score_as_bm25_says(
    filled: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = filled.dataset
    index(dataset)
    monkeypatch.setattr(full_text, "bounded_ranking", never)
    assert_ranked_as_bm25_says(dataset)

    import_text(filled, "content\nw0 wb wdj\nw7 wh wh\nw39 wdi\n")
    assert_ranked_as_bm25_says(dataset)

    index(dataset)
    assert_ranked_as_bm25_says(dataset)


def test_edits_and_deletions_are_seen_by_the_next_question(filled: Document) -> None:
    dataset = filled.dataset
    index(dataset)
    (best, second, third, *_) = [each.segment_id for each in full_text_ranking(dataset, "wdj", 9)]
    DocumentSegment.objects.filter(pk=best).delete()
    DocumentSegment.objects.filter(pk=second).update(content="nothing of it")
    DocumentSegment.objects.filter(pk=third).update(enabled=False)

    found = [each.segment_id for each in full_text_ranking(dataset, "wdj", 9)]

    assert not {best, second, third} & set(found)
    assert [hit.segment_id for hit in search(dataset, "nothing", "full_text")] == [second]
    DocumentSegment.objects.filter(pk=third).update(enabled=True)
    assert full_text_ranking(dataset, "wdj", 9)[0].segment_id == third


def test_a_mistyped_word_that_only_the_tail_has_is_found(
    filled: Document, import_text: ImportText
) -> None:
    index(filled.dataset)
    assert not search(filled.dataset, "torqe", "full_text")

    import_text(filled, "content\ntorque\n")

    assert [hit.content for hit in search(filled.dataset, "torqe", "full_text")] == ["torque"]


@pytest.mark.parametrize("now_in", ["the tail", "nowhere"])
def test_an_edit_between_the_statements_of_a_question_loses_no_hit(
    filled: Document, now_in: str
) -> None:
    dataset, edited = filled.dataset, list[UUID]()
    index(dataset)
    best = full_text_ranking(dataset, "wdj", 9)[0].segment_id
    content = "wdj wdj again" if now_in == "the tail" else "nothing of it"

    def edit_before_the_check(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "entry.ordinal" in sql and not edited:
            edited.append(best)
            DocumentSegment.objects.filter(pk=best).update(content=content)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(edit_before_the_check):
        found = [each.segment_id for each in full_text_ranking(dataset, "wdj", 9)]

    assert edited
    assert found.count(best) == (now_in == "the tail")
    assert found == [each.segment_id for each in full_text_ranking(dataset, "wdj", 9)]


def test_hits_that_are_gone_do_not_starve_those_that_are_there(
    filled: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = filled.dataset
    index(dataset)
    monkeypatch.setattr(full_text, "SPARE", 0)
    ranking = [each.segment_id for each in full_text_ranking(dataset, "wa", 100)]
    DocumentSegment.objects.filter(pk__in=ranking[:-3]).update(enabled=False)

    found = [each.segment_id for each in full_text_ranking(dataset, "wa", 3)]

    assert found == ranking[-3:]


def test_a_table_that_was_dropped_by_hand_costs_speed_and_no_hit(filled: Document) -> None:
    dataset = filled.dataset
    index(dataset)
    (generation,) = generations_of(dataset)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table_of(WORDS, generation.pk)}")

    assert_ranked_as_bm25_says(dataset)


def test_a_generation_that_is_lost_between_others_costs_no_hit(
    filled: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MERGE_FACTOR", 0)
    index(filled.dataset)
    import_text(filled, "content\n" + "\n".join(spelt(f"new{n} w39") for n in range(6)))
    index(filled.dataset)
    first, second = generations_of(filled.dataset)
    first.delete()

    assert list(generations_of(filled.dataset)) == [second]
    assert_ranked_as_bm25_says(filled.dataset)


def test_a_long_tail_is_ranked_by_the_bounded_statement(
    filled: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(filled.dataset)
    monkeypatch.setattr(full_text, "TAIL_ROWS", 2)
    import_text(filled, "content\nw0 wb wdj\nw7 wh wh\nw39 wdi\n")

    assert_ranked_as_bm25_says(filled.dataset)


@pytest.mark.parametrize("word", ["it's", "a\\b", "'; DROP TABLE x; --", "a & b | !c", "x:*"])
def test_any_character_may_be_asked_for(
    filled: Document, import_text: ImportText, word: str
) -> None:
    index(filled.dataset)
    import_text(filled, f'content\n"unique {word} tail"\n')

    (hit,) = search(filled.dataset, f"unique {word}", "full_text", top_k=1)
    assert word in hit.content


def test_random_changes_and_builds_never_change_what_is_found(
    filled: Document, import_text: ImportText
) -> None:
    chance, dataset = random.Random(11), filled.dataset
    for step in range(12):
        some = list(DocumentSegment.objects.order_by("?").values_list("pk", flat=True)[:4])
        match chance.randrange(5):
            case 0:
                import_text(
                    filled,
                    f"content\nw0 wdj new{spelt(str(step))}\nw5 wca other{spelt(str(step))}\n",
                )
            case 1:
                DocumentSegment.objects.filter(pk__in=some).delete()
            case 2:
                changed = f"wh wdj changed{spelt(str(step))}"
                DocumentSegment.objects.filter(pk=some[0]).update(content=changed)
            case 3:
                DocumentSegment.objects.filter(pk__in=some).update(enabled=step % 2 == 0)
            case _:
                ensure_building(dataset)
                build.run(IndexGeneration.objects.open().get(dataset=dataset).pk)
        for question in ("wdj wa", "wf", f"changed{spelt(str(step))} wca"):
            found = [each.segment_id for each in full_text_ranking(dataset, question, 500)]
            expected = [
                each.segment_id
                for each in bounded_ranking(dataset, terms_of(dataset, question), 500)
            ]
            assert len(found) == len(set(found))
            assert set(found) == set(expected), f"step {step}: {question}"
