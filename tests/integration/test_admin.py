"""The admin's lists and forms: who sees what, what is counted, what is never loaded."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.forms import model_to_dict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from datasets.forms import DatasetForm, DocumentForm
from datasets.models import Dataset, DocForm, Document, Membership, Tenant
from segments.models import DocumentSegment, ImportJob

from .conftest import ImportText, MakeDocument
from .roles import EDITS, ROLES, SEES, LogIn
from .test_undo import totals, true_totals

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"
HEAVY = ('documentsegment"."embedding"', 'documentsegment"."search_vector"')


@pytest.fixture
def things(tenant: Tenant, document: Document, import_text: ImportText) -> dict[str, Any]:
    """One of everything, by model."""
    job = import_text(document, QA)
    segment = DocumentSegment.objects.get(document=document, position=1)
    return {
        "datasets_tenant": tenant,
        "datasets_dataset": document.dataset,
        "datasets_document": document,
        "segments_documentsegment": segment,
        "segments_importjob": job,
    }


MODELS = (
    "datasets_tenant",
    "datasets_dataset",
    "datasets_document",
    "segments_documentsegment",
    "segments_importjob",
)


def listed(client: Client, model: str, **query: Any) -> list[Any]:
    answer = client.get(reverse(f"admin:{model}_changelist"), query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


@pytest.mark.parametrize("role", ROLES)
def test_lists_show_what_belongs_to_the_users_tenants(
    things: dict[str, Any], log_in: LogIn, role: str
) -> None:
    client = log_in(role)
    for model, thing in things.items():
        assert (thing in listed(client, model)) is (role in SEES), model


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_pages_of_other_tenants_do_not_exist(
    things: dict[str, Any], log_in: LogIn, role: str, page: str
) -> None:
    client = log_in(role)
    for model, thing in things.items():
        status = client.get(reverse(f"admin:{model}_{page}", args=[thing.pk])).status_code
        if role not in SEES:
            assert status == 404, model
        elif page != "delete":
            assert status == 200, model


@pytest.mark.parametrize("role", ROLES)
def test_only_editors_change_things(things: dict[str, Any], log_in: LogIn, role: str) -> None:
    client = log_in(role)
    document, segment = things["datasets_document"], things["segments_documentsegment"]
    url = reverse("admin:segments_documentsegment_change", args=[segment.pk])
    client.post(url, {"content": "New?", "answer": "Yes.", "keywords": "", "enabled": "on"})
    client.post(
        reverse("admin:datasets_document_change", args=[document.pk]),
        {"name": "renamed", "doc_form": "qa_model", "indexing_status": "completed"},
    )

    segment.refresh_from_db()
    document.refresh_from_db()
    changed = (segment.content == "New?", document.name == "renamed")
    assert changed == ((True, True) if role in EDITS else (False, False))
    assert totals(document) == true_totals(document)


@pytest.mark.parametrize("role", ROLES)
def test_only_editors_delete(things: dict[str, Any], log_in: LogIn, role: str) -> None:
    client = log_in(role)
    document, segment = things["datasets_document"], things["segments_documentsegment"]
    url = reverse("admin:segments_documentsegment_delete", args=[segment.pk])
    client.post(url, {"post": "yes"})
    assert DocumentSegment.objects.filter(pk=segment.pk).exists() is (role not in EDITS)
    assert totals(document) == true_totals(document)

    client.post(
        reverse("admin:segments_documentsegment_changelist"),
        {
            "action": "delete_selected",
            "_selected_action": [
                str(pk) for pk in DocumentSegment.objects.values_list("pk", flat=True)
            ],
            "post": "yes",
        },
    )
    assert totals(document) == true_totals(document)
    assert (totals(document)[0] == 0) is (role in EDITS)

    client.post(reverse("admin:datasets_document_delete", args=[document.pk]), {"post": "yes"})
    assert Document.objects.filter(pk=document.pk).exists() is (role not in EDITS)
    assert ImportJob.objects.exists() is (role not in EDITS)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_changes_history(things: dict[str, Any], log_in: LogIn, role: str) -> None:
    client, job = log_in(role), things["segments_importjob"]
    for page in ("change", "delete"):
        url = reverse(f"admin:segments_importjob_{page}", args=[job.pk])
        client.post(url, {"post": "yes", "file_name": "other.csv"})
    again = ImportJob.objects.get(pk=job.pk)
    assert again.file_name == job.file_name


@pytest.mark.parametrize("role", ROLES)
def test_only_owners_say_who_the_members_are(
    tenant: Tenant, log_in: LogIn, django_user_model: type[User], role: str
) -> None:
    client = log_in(role)
    django_user_model.objects.create_user("newcomer")
    existing = list(tenant.memberships.all())
    form = {
        "name": "acme",
        "memberships-TOTAL_FORMS": str(len(existing) + 1),
        "memberships-INITIAL_FORMS": str(len(existing)),
        f"memberships-{len(existing)}-username": "newcomer",
        f"memberships-{len(existing)}-role": "viewer",
        f"memberships-{len(existing)}-tenant": str(tenant.pk),
    }
    for number, membership in enumerate(existing):
        form[f"memberships-{number}-id"] = str(membership.pk)
        form[f"memberships-{number}-tenant"] = str(tenant.pk)
        form[f"memberships-{number}-role"] = membership.role
    client.post(reverse("admin:datasets_tenant_change", args=[tenant.pk]), form)

    joined = Membership.objects.filter(tenant=tenant, user__username="newcomer").exists()
    assert joined is (role in ("superuser", "owner"))


def test_a_member_of_unknown_name_is_refused(tenant: Tenant, log_in: LogIn) -> None:
    form = {
        "name": "acme",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-username": "nobody",
        "memberships-0-role": "viewer",
        "memberships-0-tenant": str(tenant.pk),
    }
    url = reverse("admin:datasets_tenant_change", args=[tenant.pk])
    answer = log_in("superuser").post(url, form)

    assert "There is no user “nobody”" in answer.content.decode()


@pytest.mark.parametrize("role", ["owner", "editor"])
def test_nothing_is_put_into_another_tenant(
    tenant: Tenant, dataset: Dataset, log_in: LogIn, role: str
) -> None:
    foreign_tenant = Tenant.objects.create(name="foreign")
    foreign = Dataset.objects.create(
        tenant=foreign_tenant, name="theirs", indexing_technique="economy"
    )
    client = log_in(role)
    made = {"doc_form": "qa_model", "indexing_status": "completed", "enabled": "on"}
    add_document = reverse("admin:datasets_document_add")
    client.post(add_document, {**made, "dataset": str(foreign.pk), "name": "intruder"})
    client.post(add_document, {**made, "dataset": str(dataset.pk), "name": "welcome"})
    client.post(
        reverse("admin:datasets_dataset_add"),
        {
            "tenant": str(foreign_tenant.pk),
            "name": "intruder",
            "indexing_technique": "economy",
            "text_search_config": "english",
        },
    )

    assert list(Document.objects.values_list("name", "tenant")) == [("welcome", tenant.pk)]
    assert not Dataset.objects.filter(name="intruder").exists()
    choices = client.get(reverse("admin:datasets_dataset_add")).content.decode()
    assert "foreign" not in choices
    offered = client.get(reverse("admin:datasets_document_add")).content.decode()
    assert ">handbook</option>" in offered
    assert "foreign" not in offered


def test_a_new_dataset_has_the_installations_model(tenant: Tenant, log_in: LogIn) -> None:
    client = log_in("editor")
    page = client.get(reverse("admin:datasets_dataset_add")).content.decode()
    assert 'value="l2_supercat_256"' in page
    form = {"tenant": str(tenant.pk), "name": "new", "indexing_technique": "high_quality"}
    url = reverse("admin:datasets_dataset_add")

    refused = client.post(url, {**form, "text_search_config": "klingon"})
    assert "klingon is not one of the available choices" in refused.content.decode()
    client.post(
        url,
        {
            **form,
            "text_search_config": "german",
            "embedding_model_provider": "wordllama",
            "embedding_model": "l2_supercat_256",
        },
    )

    made = Dataset.objects.get(name="new")
    assert made.created_by is not None
    assert made.text_search_config == "german"


def test_what_segments_were_made_with_is_fixed(things: dict[str, Any], log_in: LogIn) -> None:
    dataset, document = things["datasets_dataset"], things["datasets_document"]
    client = log_in("editor")
    client.post(
        reverse("admin:datasets_dataset_change", args=[dataset.pk]),
        {"name": "handbook", "indexing_technique": "economy", "text_search_config": "german"},
    )
    client.post(
        reverse("admin:datasets_document_change", args=[document.pk]),
        {"name": "faq", "doc_form": "text_model", "indexing_status": "completed"},
    )

    dataset.refresh_from_db()
    document.refresh_from_db()
    assert (dataset.indexing_technique, dataset.text_search_config) == ("high_quality", "english")
    assert document.doc_form == DocForm.QA


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("indexing_technique", "economy"),
        ("embedding_model_provider", "openai"),
        ("embedding_model", "another"),
    ],
)
def test_a_form_shown_before_an_import_changes_nothing_after_it(
    things: dict[str, Any], field: str, value: str
) -> None:
    dataset = things["datasets_dataset"]
    form = DatasetForm(model_to_dict(dataset) | {field: value}, instance=dataset)

    assert list(form.errors) == [field]
    assert "because segments exist" in form.errors[field][0]


def test_a_filled_document_keeps_its_form(things: dict[str, Any]) -> None:
    document = things["datasets_document"]
    document.segment_count = 0  # as it was when the page was asked for
    form = DocumentForm(model_to_dict(document) | {"doc_form": "text_model"}, instance=document)

    assert list(form.errors) == ["doc_form"]


def test_what_an_empty_dataset_is_made_with_can_be_changed(
    document: Document, log_in: LogIn
) -> None:
    log_in("editor").post(
        reverse("admin:datasets_dataset_change", args=[document.dataset_id]),
        {"name": "handbook", "indexing_technique": "economy", "text_search_config": "german"},
    )

    changed = Dataset.objects.get(pk=document.dataset_id)
    assert (changed.indexing_technique, changed.text_search_config) == ("economy", "german")


def test_vectors_without_a_model_are_refused_in_words(tenant: Tenant, log_in: LogIn) -> None:
    form = {"tenant": str(tenant.pk), "name": "new", "text_search_config": "english"}
    url = reverse("admin:datasets_dataset_add")
    answer = log_in("editor").post(url, {**form, "indexing_technique": "high_quality"})

    page = answer.content.decode()
    assert page.count("High quality needs a model.") == 2
    assert "dataset_high_quality_has_model" not in page


def test_saving_a_document_leaves_its_totals_to_imports(
    document: Document, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that publishes between the form's read and its write keeps its totals."""
    read = Document.from_db

    def read_then_publish(*args: Any) -> Document:
        found = read(*args)
        Document.objects.filter(pk=document.pk).update(segment_count=7)
        return found

    monkeypatch.setattr(Document, "from_db", read_then_publish)
    log_in("editor").post(
        reverse("admin:datasets_document_change", args=[document.pk]),
        {"name": "renamed", "doc_form": "qa_model", "indexing_status": "completed"},
    )

    values = Document.objects.filter(pk=document.pk).values_list("name", "segment_count")
    assert list(values) == [("renamed", 7)]


@pytest.mark.parametrize("page", ["changelist", "change", "delete"])
def test_vectors_are_never_loaded(things: dict[str, Any], log_in: LogIn, page: str) -> None:
    client, segment = log_in("editor"), things["segments_documentsegment"]
    arguments = [] if page == "changelist" else [segment.pk]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(reverse(f"admin:segments_documentsegment_{page}", args=arguments), {"q": "ulm"})
    assert queries.captured_queries
    for query in queries.captured_queries:
        selected = query["sql"].partition(" FROM ")[0]
        assert not any(column in selected for column in HEAVY), query["sql"]


@pytest.mark.parametrize("model", MODELS)
def test_queries_do_not_grow_with_rows(
    things: dict[str, Any],
    log_in: LogIn,
    model: str,
    dataset: Dataset,
    make_document: MakeDocument,
    import_text: ImportText,
) -> None:
    client = log_in("superuser")
    url = reverse(f"admin:{model}_changelist")
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    for number in range(5):
        another = Tenant.objects.create(name=f"tenant {number}")
        theirs = Dataset.objects.create(tenant=another, name="x", indexing_technique="economy")
        import_text(make_document(theirs), QA)
    with CaptureQueriesContext(connection) as many:
        client.get(url)

    assert len(many) <= len(few)


@pytest.mark.parametrize(
    ("term", "positions"),
    [
        ("button", [1]),
        ("buttons", [1]),
        ("made -ulm", []),
        ('"made in ulm"', [2]),
        ('"made ulm"', []),
        ("zebra", []),
    ],
)
def test_segments_are_found_by_their_words(
    things: dict[str, Any], log_in: LogIn, term: str, positions: list[int]
) -> None:
    found = listed(log_in("viewer"), "segments_documentsegment", q=term)
    assert [segment.position for segment in found] == positions


def test_segments_are_found_by_their_ids(things: dict[str, Any], log_in: LogIn) -> None:
    segment = things["segments_documentsegment"]
    assert listed(log_in("viewer"), "segments_documentsegment", q=str(segment.pk)) == [segment]


def test_segments_are_filtered_by_where_they_are_and_come_from(
    things: dict[str, Any], passages: Document, import_text: ImportText, log_in: LogIn
) -> None:
    import_text(passages, "content\nOne.\nTwo.\nThree.\n")
    client, job = log_in("viewer"), things["segments_importjob"]
    dataset, document = things["datasets_dataset"], things["datasets_document"]

    def count(**query: Any) -> int:
        return len(listed(client, "segments_documentsegment", **query))

    assert count() == 5
    assert count(dataset=dataset.pk) == 5
    assert count(dataset=dataset.pk, document=document.pk) == 2
    assert count(document=passages.pk) == 3
    assert count(**{"import": job.pk}) == 2
    assert count(document="nonsense") == 0


def test_a_wrong_text_is_refused_at_its_field(things: dict[str, Any], log_in: LogIn) -> None:
    segment = things["segments_documentsegment"]
    url = reverse("admin:segments_documentsegment_change", args=[segment.pk])
    answer = log_in("editor").post(url, {"content": "New?", "answer": "  ", "enabled": "on"})

    form = answer.context["adminform"].form
    assert list(form.errors) == ["answer"]


def test_documents_and_datasets_show_their_sizes(things: dict[str, Any], log_in: LogIn) -> None:
    client = log_in("viewer")
    (dataset,) = listed(client, "datasets_dataset")
    (document,) = listed(client, "datasets_document")

    assert (dataset.document_count, dataset.segment_count) == (1, 2)
    assert document.segment_count == 2
    page = client.get(reverse("admin:datasets_document_change", args=[document.pk]))
    assert f"?dataset={dataset.pk}&amp;document={document.pk}" in page.content.decode()
