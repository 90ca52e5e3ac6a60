"""Each named constraint, by trying to violate it: the database has the last word."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg2
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.db.models import Model, QuerySet
from django.utils import timezone

from datasets.models import (
    Dataset,
    Document,
    Invitation,
    Membership,
    MetadataField,
    Tag,
    Tenant,
)
from segments.models import (
    ApiKey,
    Chunk,
    DocumentSegment,
    EmbeddingBudget,
    EmbeddingTurn,
    FullTextRebuild,
    ImportJob,
    IndexGeneration,
    ModelProvider,
    ProgressSample,
    ProviderModel,
    ReembeddedVector,
    Reembedding,
    RowError,
    StagedMatch,
    StagedRow,
    Webhook,
    WebhookDelivery,
)
from segments.models.api import UploadPiece
from segments.models.audit import AuditEntry
from segments.models.curation import ChangeKind, SearchJudgement, SegmentChange
from segments.models.import_job import ImportSource

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class World:
    """One of everything, and the dataset and document of another tenant."""

    user: User
    dataset: Dataset
    document: Document
    foreign: Document
    segment: DocumentSegment
    job: ImportJob
    chunk: Chunk

    @property
    def tenant(self) -> Tenant:
        """Whose it all is, but for the foreign document."""
        return self.dataset.tenant


@pytest.fixture
def world(db: None) -> World:
    user = User.objects.create_user("ann")
    document, foreign = _document("acme"), _document("rival")
    Membership.objects.create(tenant=document.tenant, user=user, role="owner")
    job = _job(document)
    chunk = _chunk(job, 1)
    return World(
        user=user,
        dataset=document.dataset,
        document=document,
        foreign=foreign,
        segment=_segment(document, position=1, external_id="a1"),
        job=job,
        chunk=chunk,
    )


def _document(owner: str) -> Document:
    tenant = Tenant.objects.create(name=owner)
    dataset = Dataset.objects.create(tenant=tenant, name="kb", indexing_technique="economy")
    return Document.objects.create(tenant=tenant, dataset=dataset, name="faq")


def _segment(document: Document, **fields: object) -> DocumentSegment:
    usual = {
        "tenant_id": document.tenant_id,
        "dataset_id": document.dataset_id,
        "position": 2,
        "content": "text",
        "word_count": 4,
        "tokens": 1,
        "index_node_hash": "0" * 64,
    }
    return DocumentSegment.objects.create(document=document, **usual | fields)


def _job(document: Document, **fields: object) -> ImportJob:
    usual = {
        "tenant_id": document.tenant_id,
        "dataset_id": document.dataset_id,
        "source": ImportSource.COMMAND,
        "file_name": "a.csv",
        "file_key": "k",
        "file_sha256": "0" * 64,
        "file_bytes": 1,
    }
    return ImportJob.objects.create(document=document, **usual | fields)


def _chunk(job: ImportJob, ordinal: int, **fields: object) -> Chunk:
    usual = {"first_row": 1, "last_row": 4}
    return Chunk.objects.create(job_id=job.pk, ordinal=ordinal, **usual | fields)


def _staged(**fields: object) -> StagedRow:
    usual = {"line": 2, "content": "text", "word_count": 4, "tokens": 1, "content_hash": "0" * 64}
    return StagedRow.objects.create(job_id=uuid4(), text_search_config="simple", **usual | fields)


def _two_rows_about_one_segment(world: World) -> None:
    for row in (1, 2):
        StagedMatch.objects.create(
            job_id=world.job.pk, row=row, segment_id=world.segment.pk, needs_vector=False
        )


def _dataset(world: World, **fields: object) -> Dataset:
    usual = {"name": "other", "indexing_technique": "economy"}
    return Dataset.objects.create(tenant=world.tenant, **usual | fields)


def _new_document(world: World, **fields: object) -> Document:
    usual = {"tenant": world.tenant, "dataset": world.dataset, "name": "other"}
    return Document.objects.create(**usual | fields)


def _move(rows: Model, **fields: object) -> int:
    return type(rows)._default_manager.filter(pk=rows.pk).update(**fields)


def _finished(world: World, status: str, **fields: object) -> ImportJob:
    ended = {"status": status, "finished_at": timezone.now(), "error": "e", "error_code": "c"}
    return _job(world.document, **ended | fields)


def _two_of_one_key(world: World) -> None:
    for _ in range(2):
        _job(world.document, idempotency_key="k1")


def _negative_turn(world: World) -> None:
    now = timezone.now()
    budget = EmbeddingBudget.objects.create(key="b", requests=1, tokens=1, refilled_at=now)
    EmbeddingTurn.objects.create(budget=budget, tenant_id=uuid4(), served=-1, seen_at=now)


def _provider(world: World, **fields: object) -> ModelProvider:
    usual = {"name": "ours", "kind": "openai", "base_url": "https://models.example.org/v1"}
    return ModelProvider.objects.create(tenant=world.tenant, **usual | fields)


def _model(world: World, **fields: object) -> ProviderModel:
    return ProviderModel.objects.create(provider=_provider(world), **{"name": "m"} | fields)


def _reembedding(world: World, **fields: object) -> Reembedding:
    usual = {"tenant": world.tenant, "purpose": "change", "embedding_model_provider": "p"}
    return Reembedding.objects.create(dataset=world.dataset, embedding_model="m", **usual | fields)


def _ended_reembedding(world: World, **fields: object) -> Reembedding:
    ended = {"status": "failed", "finished_at": timezone.now(), "error": "e", "error_code": "c"}
    return _reembedding(world, **ended | fields)


def _two_models_of_one_name(world: World) -> None:
    ProviderModel.objects.create(provider=_model(world).provider, name="m")


def _tag(world: World, **fields: object) -> Tag:
    return Tag.objects.create(tenant=world.tenant, **{"name": "manuals"} | fields)


def _metadata_field(world: World, **fields: object) -> MetadataField:
    usual = {"name": "author", "kind": "string"}
    return MetadataField.objects.create(dataset=world.dataset, **usual | fields)


def _rebuild(world: World, **fields: object) -> FullTextRebuild:
    usual = {"tenant": world.tenant, "text_search_config": "german"}
    return FullTextRebuild.objects.create(dataset=world.dataset, **usual | fields)


def _webhook(world: World, **fields: object) -> Webhook:
    usual = {"url": "https://example.org", "events": ["import.failed"], "secret": "x"}
    return Webhook.objects.create(tenant=world.tenant, **usual | fields)


def _delivery(world: World, **fields: object) -> WebhookDelivery:
    usual = {"webhook": _webhook(world), "event": "import.failed", "body": "{}"}
    return WebhookDelivery.objects.create(tenant=world.tenant, **usual | fields)


def _generation(world: World, **fields: object) -> IndexGeneration:
    return IndexGeneration.objects.create(tenant=world.tenant, dataset=world.dataset, **fields)


def _change(document_id: UUID, kind: str = ChangeKind.EDITED) -> SegmentChange:
    return SegmentChange.objects.create(
        document_id=document_id, segment_id=uuid4(), position=1, kind=kind, before={}
    )


def _judgement(world: World) -> SearchJudgement:
    return SearchJudgement.objects.create(
        dataset=world.dataset,
        question="Where?",
        segment_id=world.segment.pk,
        content="Here.",
        content_hash="0" * 64,
    )


def _audited(world: World) -> QuerySet[AuditEntry]:
    entry = AuditEntry.objects.create(action="created", name="x")
    return AuditEntry.objects.filter(pk=entry.pk)


VIOLATIONS: dict[str, Callable[[World], object]] = {
    # Owners.
    "tenant_name_not_blank": lambda w: Tenant.objects.create(name=" \n"),
    "datasets_tenant_name_key": lambda w: Tenant.objects.create(name="acme"),
    "membership_once_per_user": lambda w: Membership.objects.create(tenant=w.tenant, user=w.user),
    "membership_role_known": lambda w: Membership.objects.create(
        tenant=w.foreign.tenant, user=w.user, role="king"
    ),
    "dataset_name_not_blank": lambda w: _dataset(w, name=""),
    "dataset_name_once_per_tenant": lambda w: _dataset(w, name="kb"),
    "dataset_indexing_technique_known": lambda w: _dataset(
        w, indexing_technique="cheap", embedding_model_provider="p", embedding_model="m"
    ),
    "dataset_high_quality_has_model": lambda w: _dataset(
        w, indexing_technique="high_quality", embedding_model="m"
    ),
    "tag_name_once_per_tenant": lambda w: (_tag(w), _tag(w)),
    "tag_name_not_blank": lambda w: _tag(w, name=" "),
    "metadata_field_name_once": lambda w: (_metadata_field(w), _metadata_field(w)),
    "metadata_field_name_not_blank": lambda w: _metadata_field(w, name=" "),
    "metadata_field_kind_known": lambda w: _metadata_field(w, kind="colour"),
    "dataset_semantic_weight_from_0_to_1": lambda w: _dataset(w, semantic_weight=1.5),
    "dataset_semantic_weight_source_known": lambda w: _dataset(w, semantic_weight_source="guessed"),
    "dataset_reranker_is_whole": lambda w: _dataset(w, rerank_model="m"),
    "dataset_keeps_previous_language": lambda w: [
        Dataset.objects.filter(pk=w.dataset.pk).update(text_search_config=config)
        for config in ("german", "french")
    ],
    "document_name_not_blank": lambda w: _new_document(w, name="\t"),
    "document_doc_form_known": lambda w: _new_document(w, doc_form="tree"),
    "document_indexing_status_known": lambda w: _new_document(w, indexing_status="done"),
    "document_of_dataset_of_tenant": lambda w: _new_document(w, tenant=w.foreign.tenant),
    # Segments.
    "segment_of_document_of_tenant": lambda w: _segment(w.document, tenant_id=w.foreign.tenant_id),
    "segment_position_once_per_document": lambda w: _segment(w.document, position=1),
    "segment_position_from_1": lambda w: _segment(w.document, position=0),
    "segment_external_id_once_per_document": lambda w: _segment(w.document, external_id="a1"),
    "segment_external_id_not_empty": lambda w: _segment(w.document, external_id=""),
    "segment_content_not_blank": lambda w: _segment(w.document, content=" \n\t"),
    "segment_status_known": lambda w: _segment(w.document, status="ready"),
    "segment_completed_has_time": lambda w: _segment(w.document, status="completed"),
    # Imports.
    "import_of_document_of_tenant": lambda w: _job(w.document, dataset_id=w.foreign.dataset_id),
    "import_status_known": lambda w: _job(w.document, status="lost"),
    "import_mode_known": lambda w: _job(w.document, mode="merge"),
    "import_on_error_known": lambda w: _job(w.document, on_error="ignore"),
    "import_source_known": lambda w: _job(w.document, source="window"),
    "import_final_has_time": lambda w: _job(w.document, status="completed"),
    "import_failed_has_reason": lambda w: _finished(w, "failed", error=""),
    "import_undone_was_completed": lambda w: _finished(w, "failed", undone_at=timezone.now()),
    "import_at_work_has_lease": lambda w: _job(w.document, status="preparing"),
    "import_idempotency_key_once_per_tenant": _two_of_one_key,
    "import_moves_along_its_arrows": lambda w: _move(w.job, status="embedding"),
    "import_epoch_never_falls": lambda w: _move(_job(w.document, epoch=2), epoch=1),
    "row_error_of_import": lambda w: RowError.objects.create(job_id=uuid4(), line=2, code="c"),
    "upload_piece_once": lambda w: [
        UploadPiece.objects.create(key="a.csv", number=1, content=b"") for _ in range(2)
    ],
    "progress_sample_of_import": lambda w: ProgressSample.objects.create(
        job_id=uuid4(), phase="preparing", rows=1
    ),
    # Chunks and staged rows.
    "chunk_of_import": lambda w: _chunk(ImportJob(), 1),
    "chunk_status_known": lambda w: _chunk(w.job, 2, status="lost"),
    "chunk_rows_in_order": lambda w: _move(w.chunk, first_row=5),
    "chunk_running_has_lease": lambda w: _move(w.chunk, status="running"),
    "chunk_moves_along_its_arrows": lambda w: _move(w.chunk, status="done"),
    "chunk_epoch_never_falls": lambda w: _move(_chunk(w.job, 2, epoch=2), epoch=1),
    "staged_row_from_1": lambda w: _staged(row=0),
    "staged_match_once_per_segment": _two_rows_about_one_segment,
    # Keys and budgets.
    "api_key_name_not_blank": lambda w: ApiKey.objects.create(
        tenant=w.tenant, name=" ", key_hash="0" * 64
    ),
    "audit_action_known": lambda w: AuditEntry.objects.create(action="fun", name="x"),
    "audit_log_is_append_only": lambda w: _audited(w).update(actor="x"),
    "segment_change_kind_known": lambda w: _change(w.document.pk, kind="fun"),
    "segment_change_of_document": lambda w: _change(uuid4()),
    "judgement_once": lambda w: (_judgement(w), _judgement(w)),
    "api_key_scope_known": lambda w: ApiKey.objects.create(
        tenant=w.tenant, name="a", key_hash="0" * 64, scope="all"
    ),
    "invitation_once_per_name": lambda w: [
        Invitation.objects.create(tenant=w.tenant, username="bob") for _ in range(2)
    ],
    "invitation_username_not_blank": lambda w: Invitation.objects.create(
        tenant=w.tenant, username=" "
    ),
    "invitation_role_known": lambda w: Invitation.objects.create(
        tenant=w.tenant, username="bob", role="king"
    ),
    "api_key_hash_is_sha256": lambda w: ApiKey.objects.create(
        tenant=w.tenant, name="k", key_hash="plain"
    ),
    "turn_served_not_negative": _negative_turn,
    # Providers of models.
    "model_provider_name_once_per_tenant": lambda w: (_provider(w), _provider(w)),
    "model_provider_name_not_blank": lambda w: _provider(w, name=" "),
    "model_provider_endpoint_has_url": lambda w: _provider(w, base_url=""),
    "provider_model_name_once_per_provider": _two_models_of_one_name,
    "provider_model_name_not_blank": lambda w: _model(w, name=" "),
    "provider_model_limits_from_1": lambda w: _model(w, calls=0),
    "provider_model_price_not_negative": lambda w: _model(w, price_per_million=-1),
    "provider_model_requests_some_dimensions": lambda w: _model(w, request_dimensions=True),
    # Vectors made anew.
    "reembedding_status_known": lambda w: _reembedding(w, status="lost"),
    "reembedding_purpose_known": lambda w: _reembedding(w, purpose="fun"),
    "reembedding_on_error_known": lambda w: _reembedding(w, on_error="ignore"),
    "reembedding_final_has_time": lambda w: _reembedding(w, status="completed"),
    "reembedding_failed_has_reason": lambda w: _ended_reembedding(w, error=""),
    "reembedding_at_work_has_lease": lambda w: _reembedding(w, status="embedding"),
    "reembedding_moves_along_its_arrows": lambda w: _move(
        _ended_reembedding(w), status="waiting", finished_at=None
    ),
    "reembedding_epoch_never_falls": lambda w: _move(_reembedding(w, epoch=2), epoch=1),
    "webhook_has_secret": lambda w: _webhook(w, secret=""),
    "webhook_has_events": lambda w: _webhook(w, events=[]),
    "delivery_status_known": lambda w: _delivery(w, status="lost"),
    "delivery_event_known": lambda w: _delivery(w, event="import.lost"),
    "delivery_final_has_time": lambda w: _delivery(w, status="cancelled"),
    "delivery_at_work_has_lease": lambda w: _delivery(w, status="sending"),
    "delivery_moves_along_its_arrows": lambda w: _move(
        _delivery(w), status="completed", finished_at=timezone.now()
    ),
    "delivery_epoch_never_falls": lambda w: _move(_delivery(w, epoch=2), epoch=1),
    "rebuild_status_known": lambda w: _rebuild(w, status="lost"),
    "rebuild_final_has_time": lambda w: _rebuild(w, status="cancelled"),
    "rebuild_at_work_has_lease": lambda w: _rebuild(w, status="rebuilding"),
    "rebuild_moves_along_its_arrows": lambda w: _move(
        _rebuild(w, status="cancelled", finished_at=timezone.now()),
        status="waiting",
        finished_at=None,
    ),
    "rebuild_epoch_never_falls": lambda w: _move(_rebuild(w, epoch=2), epoch=1),
    "rebuild_one_at_a_time_per_dataset": lambda w: (_rebuild(w), _rebuild(w)),
    "index_generation_status_known": lambda w: _generation(w, status="lost"),
    "index_generation_final_has_time": lambda w: _generation(w, status="cancelled"),
    "index_generation_at_work_has_lease": lambda w: _generation(w, status="building"),
    "index_generation_failed_has_reason": lambda w: _generation(
        w, status="failed", finished_at=timezone.now()
    ),
    "index_generation_has_range": lambda w: _generation(
        w, status="completed", finished_at=timezone.now(), from_version=2, to_version=1
    ),
    "index_generation_moves_along_its_arrows": lambda w: _move(
        _generation(w), status="completed", finished_at=timezone.now()
    ),
    "index_generation_epoch_never_falls": lambda w: _move(_generation(w, epoch=2), epoch=1),
    "index_generation_one_at_a_time_per_dataset": lambda w: (_generation(w), _generation(w)),
    "reembedding_one_at_a_time_per_dataset": lambda w: (_reembedding(w), _reembedding(w)),
    "reembedded_vector_or_refusal": lambda w: ReembeddedVector.objects.create(
        reembedding_id=uuid4(), content_hash="0" * 64
    ),
}

# Targets of foreign keys: with the primary key in them they cannot be violated.
CANNOT_BE_VIOLATED = {"dataset_id_tenant_once", "document_id_dataset_tenant_once"}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_the_database_refuses(name: str, world: World) -> None:
    with pytest.raises(IntegrityError) as refused:
        VIOLATIONS[name](world)

    cause = refused.value.__cause__
    assert isinstance(cause, psycopg2.Error)
    assert cause.diag.constraint_name == name


NAMED = """
    SELECT conname FROM pg_constraint
    WHERE conrelid::regclass::text ~ '^(datasets|segments)_' AND contype IN ('c', 'f', 'u', 'x')
    UNION
    SELECT indexrelid::regclass::text FROM pg_index
    WHERE indrelid::regclass::text ~ '^(datasets|segments)_' AND indisunique AND NOT indisprimary
    UNION
    SELECT tgname FROM pg_trigger
    WHERE tgrelid::regclass::text ~ '^(datasets|segments)_' AND NOT tgisinternal
"""
# Those that keep the full-text entry, or what was deleted, refuse nothing.
NOT_RULES = {
    "segment_full_text_on_insert",
    "segment_full_text_on_update",
    "deleted_import_is_kept",
    "deleted_reembedding_is_kept",
    "segment_version_on_update",
    "segment_versions_are_announced",
}


def test_every_named_rule_of_the_database_is_tried() -> None:
    with connection.cursor() as cursor:
        cursor.execute(NAMED)
        names = {name for (name,) in cursor.fetchall()}
    ours = {name for name in names if not name.startswith(("datasets_", "segments_"))}

    assert ours - CANNOT_BE_VIOLATED - NOT_RULES == {
        name for name in VIOLATIONS if not name.startswith("datasets_")
    }
