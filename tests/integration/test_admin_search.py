"""The search field of the segment list: what it finds, for whom, and by which way."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, DocForm, Document, Membership, Tenant
from segments.admin import segment_filters, segments
from segments.admin.segment_filters import found_segments
from segments.models import DocumentSegment

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = """external_id,content
a-1,He was running late.
a-2,The house was sold.
a-3,Houses are built in Ulm.
a-4,in the
"""
GERMAN = "external_id,content\na-1,Die Häuser stehen in Ulm.\nb-2,Ein Haus am See.\n"


def _fill(
    tenant: Tenant, language: str, rows: str, make_document: MakeDocument, import_text: ImportText
) -> Document:
    dataset = Dataset.objects.create(
        tenant=tenant, name=language, indexing_technique="economy", text_search_config=language
    )
    document = make_document(dataset, language, DocForm.TEXT)
    assert import_text(document, rows).error == ""
    return document


@pytest.fixture
def english(tenant: Tenant, make_document: MakeDocument, import_text: ImportText) -> Document:
    return _fill(tenant, "english", ENGLISH, make_document, import_text)


@pytest.fixture
def german(tenant: Tenant, make_document: MakeDocument, import_text: ImportText) -> Document:
    return _fill(tenant, "german", GERMAN, make_document, import_text)


@pytest.fixture
def foreign(make_document: MakeDocument, import_text: ImportText) -> Document:
    """The English text once more, of another tenant."""
    rival = Tenant.objects.create(name="rival")
    return _fill(rival, "english", ENGLISH, make_document, import_text)


def _found(text: str, tenant: Tenant) -> list[str]:
    datasets = Dataset.objects.filter(tenant=tenant)
    found = found_segments(DocumentSegment.objects.all(), text, datasets)
    return sorted(found.values_list("content", flat=True))


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("run", ["He was running late."]),
        ("houses", ["Houses are built in Ulm.", "The house was sold."]),
        ("haus", ["Die Häuser stehen in Ulm.", "Ein Haus am See."]),
        ("ulm", ["Die Häuser stehen in Ulm.", "Houses are built in Ulm."]),
        ('"built in ulm"', ["Houses are built in Ulm."]),
        ("ulm -houses", ["Die Häuser stehen in Ulm."]),
        ("late or see", ["Ein Haus am See.", "He was running late."]),
        ("a-1", ["Die Häuser stehen in Ulm.", "He was running late."]),
        ("b-2", ["Ein Haus am See."]),
        ("A-1", []),
        ("the", []),
        ('" & | ! :*', []),
        ("dataset", []),
    ],
)
def test_words_are_understood_in_each_language(
    tenant: Tenant, english: Document, german: Document, text: str, contents: list[str]
) -> None:
    assert _found(text, tenant) == contents


@pytest.mark.parametrize("named", [0, segment_filters.DATASETS_NAMED], ids=["unnamed", "named"])
def test_only_the_given_datasets_are_looked_into(
    tenant: Tenant,
    english: Document,
    german: Document,
    foreign: Document,
    monkeypatch: pytest.MonkeyPatch,
    named: int,
) -> None:
    monkeypatch.setattr(segment_filters, "DATASETS_NAMED", named)

    assert _found("late", tenant) == ["He was running late."]
    assert _found("a-1", tenant) == ["Die Häuser stehen in Ulm.", "He was running late."]
    assert _found("late", Tenant.objects.create(name="empty")) == []


def test_a_language_that_the_server_has_lost_finds_nothing(tenant: Tenant) -> None:
    Dataset.objects.create(
        tenant=tenant, name="x", indexing_technique="economy", text_search_config="klingon"
    )
    assert _found("late", tenant) == []


@pytest.mark.parametrize("text", ["houses", "a-1", "ulm -houses"])
def test_the_table_is_not_read_through(
    tenant: Tenant, english: Document, german: Document, text: str
) -> None:
    datasets = Dataset.objects.filter(tenant=tenant)
    found = found_segments(DocumentSegment.objects.all(), text, datasets)
    with transaction.atomic(), connection.cursor() as cursor:
        # The table is small: without these it would be read through, or walked in order.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        plan = found.order_by("document_id", "position")[:50].explain()

    assert "segment_full_text" in plan
    assert "Seq Scan on segments_documentsegment" not in plan


@pytest.fixture
def owner(tenant: Tenant) -> Client:
    """An owner of the first tenant, at the admin."""
    user = User.objects.create_user("owner", is_staff=True)
    Membership.objects.create(tenant=tenant, user=user, role="owner")
    client = Client()
    client.force_login(user)
    return client


def _listed(client: Client, **query: str) -> list[DocumentSegment]:
    answer = client.get(reverse("admin:segments_documentsegment_changelist"), query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


@pytest.mark.parametrize("documents", [0, segments.DOCUMENTS_NAMED], ids=["many", "few"])
def test_a_member_finds_nothing_of_other_tenants(
    english: Document,
    foreign: Document,
    owner: Client,
    monkeypatch: pytest.MonkeyPatch,
    documents: int,
) -> None:
    monkeypatch.setattr(segments, "DOCUMENTS_NAMED", documents)
    theirs = DocumentSegment.objects.filter(document=foreign)

    assert {segment.document for segment in _listed(owner)} == {english}
    for text in ("late", "a-1", "-late"):
        assert {segment.document for segment in _listed(owner, q=text)} == {english}, text
    assert _listed(owner, q=str(theirs[0].pk)) == []
    assert _listed(owner, q="late", dataset=str(foreign.dataset_id)) == []
    assert _listed(owner, q="late", document=str(foreign.pk)) == []


def test_filters_say_where_to_look(english: Document, german: Document, owner: Client) -> None:
    for document in (english, german):
        chosen = {"dataset": str(document.dataset_id), "document": str(document.pk)}
        for name, value in chosen.items():
            found = _listed(owner, q="ulm", **{name: value})
            assert [segment.document for segment in found] == [document]
