"""The ranking by words against BM25 written down once more, in Python."""

import random
from collections import Counter, defaultdict
from math import log

import pytest

from datasets.models import Dataset, DocForm
from segments.models import DocumentSegment
from segments.search import SearchMethod, bounded, search
from segments.search.full_text import full_text_ranking

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)


def spelt(text: str) -> str:
    """`text` in letters alone: words with digits have other forms (`segments.languages`)."""
    return text.translate(str.maketrans("0123456789", "abcdefghij"))


WORDS = [spelt(f"w{n}") for n in range(40)]


def some_texts(number: int) -> list[str]:
    """Texts of unequal length, in which some words are frequent and some are rare."""
    chance = random.Random(7)
    weights = [1 / (n + 1) for n in range(len(WORDS))]
    return [
        " ".join(chance.choices(WORDS, weights, k=chance.randint(1, 60))) for _ in range(number)
    ]


def bm25(texts: list[str], question: str, k1: float = 1.5, b: float = 0.75) -> dict[str, float]:
    """Every text that shares a word with the question, and its score."""
    counts = [Counter(text.split()) for text in texts]
    mean_length = sum(map(len, texts)) / len(texts)
    scores: defaultdict[str, float] = defaultdict(float)
    for word in set(question.split()):
        df = sum(word in counted for counted in counts)
        idf = log(1 + (len(texts) - df + 0.5) / (df + 0.5))
        for text, counted in zip(texts, counts, strict=True):
            if tf := counted[word]:
                norm = k1 * (1 - b + b * len(text) / mean_length)
                scores[text] += idf * tf * (k1 + 1) / (tf + norm)
    return dict(scores)


@pytest.fixture
def simple(economy: Dataset) -> Dataset:
    """A dataset whose terms are its words as they stand."""
    economy.text_search_config = "simple"
    economy.save()
    return economy


@pytest.mark.parametrize("question", ["w0", "w39", "w0 w5 w20", "w1 w1 w30 unknown", "w7 w38 w39"])
def test_scores_are_those_of_bm25(
    simple: Dataset, make_document: MakeDocument, import_text: ImportText, question: str
) -> None:
    texts = sorted(set(some_texts(90)))
    question = spelt(question)
    for name, part in (("one", texts[:50]), ("two", texts[50:])):
        import_text(make_document(simple, name, DocForm.TEXT), "content\n" + "\n".join(part))

    found = {hit.content: hit.score for hit in search(simple, question, top_k=100)}

    assert found == pytest.approx(bm25(texts, question))


def test_the_rarer_word_and_the_shorter_text_count_more(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    rows = ["pump valve", "pump", "pump and some more words that are not asked for", "pump house"]
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))

    hits = search(economy, "which valve has the pump?", SearchMethod.FULL_TEXT)

    assert [hit.content for hit in hits] == ["pump valve", "pump", "pump house", rows[2]]


def test_only_the_best_candidates_are_opened_and_lead_the_ranking(
    simple: Dataset,
    make_document: MakeDocument,
    import_text: ImportText,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = sorted(set(some_texts(90)))
    import_text(make_document(simple, doc_form=DocForm.TEXT), "content\n" + "\n".join(texts))
    whole = full_text_ranking(simple, spelt("w30 w35"), 100)
    monkeypatch.setattr(bounded, "OPENED", 3)

    opened = full_text_ranking(simple, spelt("w30 w35"), 3)

    assert len(opened) == 3
    assert opened[0] == whole[0]
    assert set(opened) <= set(whole)


def test_over_the_bound_only_the_rarest_terms_are_looked_up_and_all_are_counted(
    simple: Dataset,
    make_document: MakeDocument,
    import_text: ImportText,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [spelt(f"everywhere common{n % 2} rare{n}") for n in range(20)]
    import_text(make_document(simple, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))
    question = spelt("everywhere common1 rare7 missing")
    exact = full_text_ranking(simple, question, 100)
    monkeypatch.setattr(bounded, "ROWS", 13)

    # rare7 is in 1 row and common1 in 10: together within 13 rows; everywhere, in 20, is not.
    ranked = full_text_ranking(simple, question, 100)

    assert (len(exact), len(ranked)) == (20, 10)
    assert ranked == exact[:10]


def test_if_every_term_is_frequent_the_rarest_is_looked_up(
    simple: Dataset,
    make_document: MakeDocument,
    import_text: ImportText,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = ["one two", "one", "one two three", "one three four"]
    import_text(make_document(simple, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))
    monkeypatch.setattr(bounded, "ROWS", 1)

    assert [hit.content for hit in search(simple, "one two")] == ["one two", "one two three"]


def test_a_sample_of_many_documents_tells_rare_terms_from_frequent_ones(
    simple: Dataset,
    make_document: MakeDocument,
    import_text: ImportText,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(12):
        rows = [spelt(f"everywhere row{number}x{n}") for n in range(20)]
        document = make_document(simple, f"part {number}", DocForm.TEXT)
        import_text(document, "content\n" + "\n".join(rows))
    monkeypatch.setattr(bounded, "ROWS", 30)
    monkeypatch.setattr(bounded, "SAMPLE", 24)

    assert len(search(simple, spelt("everywhere row5x7 row11x19"), top_k=100)) == 2


def test_the_id_of_a_dataset_is_a_word_like_any_other(
    simple: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    document = make_document(simple, doc_form=DocForm.TEXT)
    import_text(document, f"content\nabout dataset {simple.pk}\nnothing of it\n")

    hits = search(simple, f"dataset {simple.pk}")

    assert [hit.content for hit in hits] == [f"about dataset {simple.pk}"]


def test_totals_that_lag_behind_do_not_break_the_ranking(
    simple: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    document = make_document(simple, doc_form=DocForm.TEXT)
    import_text(document, "content\nlamp one\nlamp two\n")
    type(document).objects.filter(pk=document.pk).update(segment_count=0, word_count=0)

    assert DocumentSegment.objects.count() == 2
    assert len(search(simple, "lamp")) == 2
    assert all(hit.score > 0 for hit in search(simple, "lamp"))
