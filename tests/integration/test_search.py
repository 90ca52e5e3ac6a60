"""Query → hits: what is found, what is not, and that no text is too strange to be asked."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from datasets.models import Dataset, DocForm, Document, IndexingStatus, Tenant
from segments.exceptions import SearchRefused
from segments.models import DocumentSegment
from segments.search import Hit, SearchMethod, methods_of, search
from segments.search.query import MAX_QUERY_CHARS, MAX_TOP_K

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

FAQ = """question,answer,external_id,metadata.topic
How do I reset the thermostat?,Hold the round button for ten seconds.,faq-1,heating
Where is the pump made?,"In Ulm, on the Danube.",faq-2,origin
Why does the lamp flicker?,Its bulb is loose: tighten it.,faq-3,light
Can I wash the filter?,"Yes, with cold water and no soap.",faq-4,care
"""
METHODS = list(SearchMethod)


@pytest.fixture
def faq(document: Document, import_text: ImportText) -> Dataset:
    """A dataset with four questions and their answers."""
    job = import_text(document, FAQ)
    assert job.status == "completed", job.error
    return document.dataset


def ids(hits: list[Hit]) -> list[str | None]:
    return [hit.external_id for hit in hits]


def test_a_hit_carries_all_of_its_segment(faq: Dataset, document: Document) -> None:
    (hit, *_) = search(faq, "how can the filter be cleaned?")
    segment = DocumentSegment.objects.get(external_id="faq-4")

    assert hit == Hit(
        segment_id=segment.pk,
        document="faq",
        document_id=document.pk,
        position=4,
        external_id="faq-4",
        content="Can I wash the filter?",
        answer="Yes, with cold water and no soap.",
        score=hit.score,
        metadata={"topic": "care"},
    )
    assert 0.9 < hit.score <= 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_a_natural_question(faq: Dataset, method: SearchMethod) -> None:
    hits = search(faq, "please tell me how I could reset my old thermostat", method)

    assert hits[0].external_id == "faq-1"
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_meaning_finds_what_no_word_does(faq: Dataset) -> None:
    question = "light blinks"

    assert search(faq, question, SearchMethod.FULL_TEXT) == []
    assert search(faq, question, SearchMethod.SEMANTIC)[0].external_id == "faq-3"
    assert search(faq, question)[0].external_id == "faq-3"


def test_words_find_an_answer_that_the_question_does_not_say(faq: Dataset) -> None:
    assert ids(search(faq, "which river, the Danube?", SearchMethod.FULL_TEXT)) == ["faq-2"]


def test_top_k_bounds_the_hits(faq: Dataset) -> None:
    assert len(search(faq, "the lamp", SearchMethod.SEMANTIC, top_k=2)) == 2
    assert len(search(faq, "lamp pump filter thermostat", top_k=3)) == 3


@pytest.mark.parametrize("method", METHODS)
def test_the_threshold_leaves_out_lower_scores(faq: Dataset, method: SearchMethod) -> None:
    question = "wash the filter of the pump"
    first, second, *_ = search(faq, question, method)

    between = (first.score + second.score) / 2
    assert search(faq, question, method, score_threshold=between) == [first]


def test_semantic_scores_are_cosine_similarities(faq: Dataset) -> None:
    (hit, *_) = search(faq, "Why does the lamp flicker?", SearchMethod.SEMANTIC)

    assert hit.external_id == "faq-3"
    assert hit.score == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "changes",
    [
        {"enabled": False},
        {"archived": True},
        {"indexing_status": IndexingStatus.INDEXING},
    ],
)
def test_only_available_documents_are_searched(
    faq: Dataset, document: Document, method: SearchMethod, changes: dict[str, object]
) -> None:
    Document.objects.filter(pk=document.pk).update(**changes)

    assert search(faq, "reset the thermostat", method) == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("changes", [{"enabled": False}, {"status": "indexing"}])
def test_only_enabled_completed_segments_are_found(
    faq: Dataset, method: SearchMethod, changes: dict[str, object]
) -> None:
    DocumentSegment.objects.filter(external_id="faq-1").update(**changes)

    assert "faq-1" not in ids(search(faq, "reset the thermostat", method))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_another_dataset_or_tenant_is_found(
    faq: Dataset, method: SearchMethod, make_document: MakeDocument, import_text: ImportText
) -> None:
    own = search(faq, "reset the thermostat", method)
    for tenant in (faq.tenant, Tenant.objects.create(name="other")):
        other = Dataset.objects.create(
            tenant=tenant,
            name="other",
            embedding_model_provider=faq.embedding_model_provider,
            embedding_model=faq.embedding_model,
        )
        import_text(make_document(other), FAQ + "How to reset the thermostat?,So.,x,y\n")

    assert search(faq, "reset the thermostat", method) == own


def test_vectors_of_other_dimensions_in_other_datasets_do_no_harm(
    faq: Dataset, make_document: MakeDocument
) -> None:
    other = Dataset.objects.create(
        tenant=faq.tenant, name="other", embedding_model_provider="x", embedding_model="x"
    )
    elsewhere = DocumentSegment.objects.get(external_id="faq-1")
    elsewhere.pk, elsewhere.dataset, elsewhere.document = None, other, make_document(other)
    elsewhere.embedding = [1.0, 0.0, 0.0]
    elsewhere.save(force_insert=True)

    assert search(faq, "reset the thermostat", SearchMethod.SEMANTIC)[0].external_id == "faq-1"


def test_vectors_of_another_model_are_refused_in_words(faq: Dataset) -> None:
    DocumentSegment.objects.filter(external_id="faq-1").update(embedding=[1.0, 0.0, 0.0])

    with pytest.raises(SearchRefused, match="are not from its model"):
        search(faq, "reset the thermostat", SearchMethod.SEMANTIC)


def test_segments_without_a_vector_are_found_by_their_words(faq: Dataset) -> None:
    DocumentSegment.objects.filter(external_id="faq-1").update(embedding=None)

    assert "faq-1" not in ids(search(faq, "reset the thermostat", SearchMethod.SEMANTIC))
    assert "faq-1" in ids(search(faq, "reset the thermostat"))


def test_an_economy_dataset_finds_pairs_by_words_of_the_answer(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    import_text(make_document(economy), FAQ)

    assert methods_of(economy) == [SearchMethod.FULL_TEXT]
    assert ids(search(economy, "what about the bulb?")) == ["faq-3"]
    assert search(economy, "bulb", "hybrid") == search(economy, "bulb", "full_text")
    with pytest.raises(SearchRefused, match=r"economy.*full_text"):
        search(economy, "bulb", SearchMethod.SEMANTIC)


def test_words_are_stemmed_as_the_dataset_says(
    tenant: Tenant, make_document: MakeDocument, import_text: ImportText
) -> None:
    found = {}
    for config in ("german", "simple"):
        dataset = Dataset.objects.create(
            tenant=tenant, name=config, indexing_technique="economy", text_search_config=config
        )
        import_text(make_document(dataset, doc_form=DocForm.TEXT), "content\nDie Häuser in Ulm\n")
        found[config] = len(search(dataset, "Gibt es dort ein Haus?"))

    assert found == {"german": 1, "simple": 0}


@pytest.mark.parametrize("top_k", [0, -1, MAX_TOP_K + 1])
def test_a_top_k_out_of_bounds_is_refused(faq: Dataset, top_k: int) -> None:
    with pytest.raises(SearchRefused, match=f"top_k is {top_k}; it must be from 1 to 100"):
        search(faq, "lamp", top_k=top_k)


def test_an_unknown_method_is_refused(faq: Dataset) -> None:
    with pytest.raises(SearchRefused, match=r"“fuzzy”\. Use one of: semantic, full_text, hybrid"):
        search(faq, "lamp", "fuzzy")


def test_a_query_over_the_limit_is_refused(faq: Dataset) -> None:
    with pytest.raises(SearchRefused, match="8,001 characters"):
        search(faq, "a" * (MAX_QUERY_CHARS + 1))


@pytest.mark.parametrize(
    "query",
    [
        "",
        " \t\n",
        "the of and a to",  # only stop words
        "'",
        '"',
        "'; DROP TABLE segments_documentsegment; --",
        "lamp & | ! ( ) <-> :* \\ lamp",
        "& & |",
        "!!lamp",
        "lamp:*",
        "lamp:A & 'filter':*B",
        "((((",
        "it's a \"lamp\" isn't it",
        "\\",
        "back\\slash 'quo''te\\'",
        "E'lamp'",
        "$$lamp$$ %s %(dataset)s %% {0}",
        "\0",
        "lamp\0filter",
        "\ud800",
        "lamp\udfff \ud83d",
        "💡🔧",
        "👩‍👩‍👧‍👦 lamp",
        "مرحبا بالعالم",
        "\u202eright to left\u202c שלום",
        "ﷺ" * 100,
        "灯为什么闪烁",
        "https://example.org/a'b\\c?d=e&f='g'#h",
        "me@example.org 1e10 -5.5 0x1F 12:30 C:\\temp\\x.txt",
        "<b>lamp</b> &amp; <script>",
        "a" * MAX_QUERY_CHARS,
        "lamp " * (MAX_QUERY_CHARS // 5),
        " ".join(f"word{n}" for n in range(900)),
        "\u0301" * 500,
        "x\u200by\u00a0z\ufeff",
    ],
)
def test_any_text_can_be_asked(faq: Dataset, query: str) -> None:
    words, *others = (search(faq, query, method) for method in ("full_text", "semantic", "hybrid"))

    assert ("faq-3" in ids(words)) == ("lamp" in query)
    assert all(isinstance(hit.score, float) for hits in (words, *others) for hit in hits)


def test_quotes_and_backslashes_in_terms_are_found(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    url = "https://example.org/a'b\\c"
    import_text(make_document(economy, doc_form=DocForm.TEXT), f"content\n{url}\nother\n")

    assert [hit.content for hit in search(economy, url)] == [url]


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=st.text(alphabet=st.characters(exclude_categories=[]), max_size=400))
def test_whatever_is_asked_gives_hits_or_none(faq: Dataset, query: str) -> None:
    assert len(search(faq, query)) <= 4
