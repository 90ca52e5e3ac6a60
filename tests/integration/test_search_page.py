"""The search page: what it finds in which datasets, why, and what may be done with a hit."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, DocForm, Document, Membership
from segments.exceptions import NoEmbeddingModel, SearchRefused
from segments.models import DocumentSegment, SearchJudgement
from segments.search import SearchMethod
from segments.search.across import search_across
from segments.search.marking import CHARS_SHOWN, Marker, Stretch, excerpt
from segments.services.judgements import keep_judgement, kept_questions

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"
GERMAN = (
    "content\nDie Öffnungszeiten des Ladens stehen an der Tür.\n"
    "Passwörter setzt man im Konto zurück.\nKnöpfe gibt es keine.\n"
)


@pytest.fixture
def english(document: Document, import_text: ImportText) -> Document:
    assert import_text(document, QA).error == ""
    return document


@pytest.fixture
def german(economy: Dataset, make_document: MakeDocument, import_text: ImportText) -> Document:
    document = make_document(economy, "laden", DocForm.TEXT)
    assert import_text(document, GERMAN).error == ""
    return document


def datasets() -> list[Dataset]:
    return list(Dataset.objects.order_by("name"))


def marked(stretches: list[Stretch]) -> list[str]:
    return [stretch.text for stretch in stretches if stretch.is_marked]


def test_one_question_finds_in_every_dataset_and_says_why(
    english: Document, german: Document
) -> None:
    found = search_across(datasets(), "reset Passwort").hits

    assert {hit.dataset.name for hit in found} == {"handbook", "archive"}
    by_name = {hit.hit.content: hit for hit in found}
    reset = by_name["How do I reset it?"]
    assert reset.words is not None
    assert reset.meaning is not None
    assert (reset.meaning.place, reset.meaning.strength) == (1, 1.0)
    assert marked(list(reset.content)) == ["reset"]
    password = by_name["Passwörter setzt man im Konto zurück."]
    assert password.meaning is None
    assert marked(list(password.content)) == ["Passwörter"]


def test_a_model_that_is_away_leaves_the_answers_of_the_others(
    english: Document, german: Document
) -> None:
    away = Dataset.objects.create(
        tenant=english.tenant,
        name="away",
        embedding_model_provider="wordllama",
        embedding_model="gone",
    )

    both = search_across(datasets(), "reset")
    by_meaning = search_across(datasets(), "reset", SearchMethod.SEMANTIC)

    assert both.hits
    assert both.notices[0].startswith("“away” was searched by words alone: ")
    assert by_meaning.hits
    assert any(each.startswith("“away” was left out: ") for each in by_meaning.notices)
    with pytest.raises(NoEmbeddingModel):
        search_across([away], "reset")


def test_the_methods_are_kept_apart(english: Document, german: Document) -> None:
    by_words = search_across(datasets(), "Laden", SearchMethod.FULL_TEXT).hits
    assert [hit.hit.document for hit in by_words] == ["laden"]
    assert all(hit.meaning is None for hit in by_words)

    by_meaning = search_across(datasets(), "Where was it built?", SearchMethod.SEMANTIC)
    assert by_meaning.hits[0].hit.content == "Where is it made?"
    assert all(hit.words is None for hit in by_meaning.hits)
    assert by_meaning.notices == ["“archive” has no vectors to search by meaning: left out."]
    with pytest.raises(SearchRefused, match="Search by words instead"):
        search_across([german.dataset], "x", SearchMethod.SEMANTIC)
    with pytest.raises(SearchRefused, match="Choose a dataset"):
        search_across([], "x")


@pytest.mark.parametrize(
    ("language", "question", "text", "words"),
    [
        ("german", "offnungszeiten", "Die Öffnungszeiten gelten.", ["Öffnungszeiten"]),
        ("german", "Versicherung", "Eine Reiseversicherung hilft.", ["Reiseversicherung"]),
        ("english", "houses", "A house, and housing.", ["house", "housing"]),
        ("simple", "密码", "如何重置密码?", ["密码"]),
        ("english", "", "Nothing is asked.", []),
    ],
)
def test_words_are_marked_in_the_form_that_stands_there(
    economy: Dataset, language: str, question: str, text: str, words: list[str]
) -> None:
    economy.text_search_config = language
    economy.language = {"german": "de", "english": "en"}.get(language, "zh")
    economy.save()

    stretches = Marker(economy, question, [text]).stretches(text)

    assert marked(stretches) == words
    assert "".join(stretch.text for stretch in stretches) == text


def test_a_long_text_is_cut_around_its_first_mark() -> None:
    text = [Stretch("a" * 5_000), Stretch("found", is_marked=True), Stretch("b" * 5_000)]
    shown = excerpt(text)
    assert marked(shown) == ["found"]
    assert shown[0].text == "… "
    assert shown[-1].text == " …"
    assert sum(len(stretch.text) for stretch in shown) == CHARS_SHOWN + 4


@pytest.fixture
def page() -> str:
    return reverse("admin:segments_documentsegment_search")


def test_the_page_shows_marks_reasons_and_two_methods(
    english: Document, admin_client: Client, page: str
) -> None:
    shown = admin_client.get(page, {"q": "reset", "compare": "semantic"}).content.decode()
    assert "How do I <mark>reset</mark> it?" in shown
    assert "by meaning: no. 1" in shown
    assert "by words: no. 1" in shown
    assert "no. 1 in the other list" in shown
    assert "Meaning: 2 hits" in shown
    assert "Ask a question" in admin_client.get(page).content.decode()
    nothing = admin_client.get(page, {"q": "xyzzy", "method": "full_text"}).content.decode()
    assert "Nothing was found" in nothing


def act(client: Client, segment: DocumentSegment, act: str, **fields: str) -> str:
    url = reverse("admin:segments_documentsegment_hit", args=[segment.pk])
    answer = client.post(url, {"act": act, "back": "q=reset", **fields}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_hit_is_corrected_switched_off_and_deleted_where_it_stands(
    english: Document, admin_client: Client
) -> None:
    first, second = DocumentSegment.objects.order_by("position")
    text = {"content": first.content, "keywords": "knob, reset"}
    assert "was corrected" in act(admin_client, first, "edit", answer="Pull the plug.", **text)
    first.refresh_from_db()
    assert (first.answer, first.keywords) == ("Pull the plug.", ["knob", "reset"])

    refused = act(admin_client, first, "edit", answer="  ", **text)
    assert 'role="alert"' in refused
    assert "knob, reset" in refused

    assert "was switched off" in act(admin_client, first, "off")
    first.refresh_from_db()
    assert not first.enabled
    assert "Put it back" in act(admin_client, second, "delete")
    assert DocumentSegment.objects.count() == 1


def test_filters_say_what_is_searched(english: Document, admin_client: Client, page: str) -> None:
    first, second = DocumentSegment.objects.order_by("position")
    DocumentSegment.objects.filter(pk=second.pk).update(metadata={"price": 12}, keywords=["place"])
    asked = {"q": "reset made", "name": "price", "operator": ">", "value": "10"}
    found = admin_client.get(page, asked).content.decode()
    assert "1 hit<" in found
    assert "Where is it <mark>made</mark>?" in found
    assert '<option value="price">' in found
    refused = admin_client.get(page, {**asked, "value": "much"}).content.decode()
    assert "neither" in refused
    both = {"name": ["price", "price"], "operator": [">", "empty"], "value": ["10", ""]}
    assert "2 hits<" in admin_client.get(page, {**asked, **both, "match": "or"}).content.decode()
    only = {"q": "reset made", "keywords": "place, other"}
    assert "1 hit<" in admin_client.get(page, only).content.decode()

    act(admin_client, first, "off")
    off = {"q": "reset", "off": "yes", "method": "full_text"}
    assert "Switch on" in admin_client.get(page, off).content.decode()
    assert "was switched on" in act(admin_client, first, "on")


def test_a_question_is_kept_with_its_answer_and_measured(
    english: Document, admin_client: Client
) -> None:
    first = DocumentSegment.objects.order_by("position")[0]
    assert "kept as an answer" in act(admin_client, first, "keep")
    assert SearchJudgement.objects.count() == 1
    act(admin_client, first, "keep")
    (judgement,) = SearchJudgement.objects.all()
    assert (judgement.question, judgement.segment_id) == ("reset", first.pk)
    listed = admin_client.get(reverse("admin:segments_searchjudgement_changelist"))
    assert "How do I reset it?" in listed.content.decode()

    out = StringIO()
    command = {"dataset": english.dataset.name, "tenant": "acme", "json": True, "stdout": out}
    call_command("evaluate_search", **command)
    measured = json.loads(out.getvalue())
    assert measured["queries"] == 1
    assert measured["methods"]["full_text"]["ndcg_at_10"] == 1.0

    assert "no longer kept" in act(admin_client, first, "forget")
    with pytest.raises(SearchRefused, match="no test questions"):
        kept_questions(english.dataset)


def test_an_answer_that_was_replaced_is_found_again(
    english: Document, import_text: ImportText
) -> None:
    first = DocumentSegment.objects.order_by("position")[0]
    keep_judgement(first, "  how  to reset ")
    first.delete()
    import_text(english, QA, mode="upsert")
    again = DocumentSegment.objects.get(content=first.content)

    (question,) = kept_questions(english.dataset).questions
    assert (question.text, question.relevant) == ("how to reset", {str(again.pk): 1.0})


def test_a_viewer_looks_and_a_stranger_sees_nothing(
    english: Document, client: Client, page: str
) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    segment = DocumentSegment.objects.order_by("position")[0]
    hit = reverse("admin:segments_documentsegment_hit", args=[segment.pk])
    client.force_login(viewer)
    assert "reset</mark>" not in client.get(page, {"q": "reset"}).content.decode()
    assert client.post(hit, {"act": "delete"}).status_code == 404

    Membership.objects.create(tenant=english.tenant, user=viewer, role="viewer")
    shown = client.get(page, {"q": "reset"}).content.decode()
    assert "reset</mark>" in shown
    assert "Switch off" not in shown
    assert client.post(hit, {"act": "delete"}).status_code == 403
