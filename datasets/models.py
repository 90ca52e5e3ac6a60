"""Tenant, Membership, Dataset, Document: who owns what imports fill."""

import secrets
import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

DEFAULT_TENANT = "default"
DEFAULT_TEXT_SEARCH_CONFIG = "english"
LANGUAGE_CHARS = 8
# Of meaning in hybrid search, until a dataset's own is learned: best or nearly best for passages
# in any language, and never far from it for anything else.
DEFAULT_SEMANTIC_WEIGHT = 0.3


def not_blank(field: str, name: str) -> models.CheckConstraint:
    """A constraint `name`: the text of `field` is more than white space."""
    return models.CheckConstraint(condition=Q(**{f"{field}__regex": r"\S"}), name=name)


class Tenant(models.Model):
    """An organisation; no tenant ever sees anything of another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [not_blank("name", "tenant_name_not_blank")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """What a user may do in a tenant."""

    class Role(models.TextChoices):
        """Owners and editors change things; viewers only look."""

        OWNER = "owner"
        EDITOR = "editor"
        VIEWER = "viewer"

    EDITING_ROLES: ClassVar = (Role.OWNER, Role.EDITOR)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.EDITOR)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once_per_user"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "editor", "viewer"]), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.tenant}"


class Invitation(models.Model):
    """A membership that is offered to whoever has a user name, and that they accept or not.

    Whether there is such a user is told to nobody: the invitation is kept all the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="invitations")
    username = models.CharField(max_length=150)
    role = models.CharField(
        max_length=16, choices=Membership.Role.choices, default=Membership.Role.EDITOR
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "username"], name="invitation_once_per_name"),
            not_blank("username", "invitation_username_not_blank"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "editor", "viewer"]), name="invitation_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.username} as {self.role} of {self.tenant}"


class IndexingTechnique(models.TextChoices):
    """What is kept for search."""

    HIGH_QUALITY = "high_quality", "High quality (vectors and full text)"
    ECONOMY = "economy", "Economy (full text only)"


class Tag(models.Model):
    """A word that a tenant groups its datasets by."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="tag_name_once_per_tenant"),
            not_blank("name", "tag_name_not_blank"),
        ]

    def __str__(self) -> str:
        return self.name


class WeightSource(models.TextChoices):
    """Where a dataset's semantic weight comes from."""

    DEFAULT = "default", "Default (nothing learned yet)"
    LEARNED = "learned", "Learned from the segments"
    TUNED = "tuned", "Tuned on judged questions"
    SET = "set", "Set by hand"


class Dataset(models.Model):
    """A knowledge base: documents that are searched together, with one embedding model.

    `language` is an ISO 639-1 code, empty until the first import shows it or somebody sets it.
    `text_search_config` is any text search configuration of the PostgreSQL server
    (`english`, `german`, …, `simple` for all other languages). While full text is rebuilt for
    another language, some segments are still as the `previous_` ones say.

    `semantic_weight` (0 to 1) is the share of meaning in a hybrid score, the rest is that of
    words; `semantic_weight_basis` says what it was learned or tuned from. Imports learn it
    anew unless it was tuned or set. `rerank_model` of `rerank_provider`, if there is one,
    puts the best hits of every search into a better order. `retrieval_model` is how
    questions by the API are answered that do not say it themselves; None for the usual way.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    indexing_technique = models.CharField(
        max_length=16, choices=IndexingTechnique.choices, default=IndexingTechnique.HIGH_QUALITY
    )
    embedding_model_provider = models.CharField(max_length=64, blank=True, default="")
    embedding_model = models.CharField(max_length=255, blank=True, default="")
    text_search_config = models.CharField(max_length=63, default=DEFAULT_TEXT_SEARCH_CONFIG)
    language = models.CharField(max_length=LANGUAGE_CHARS, blank=True, default="")
    previous_text_search_config = models.CharField(
        max_length=63, blank=True, default="", editable=False
    )
    previous_language = models.CharField(
        max_length=LANGUAGE_CHARS, blank=True, default="", editable=False
    )
    semantic_weight = models.FloatField(default=DEFAULT_SEMANTIC_WEIGHT)
    semantic_weight_source = models.CharField(
        max_length=16, choices=WeightSource.choices, default=WeightSource.DEFAULT, editable=False
    )
    semantic_weight_basis = models.JSONField(default=dict, blank=True, editable=False)
    rerank_provider = models.CharField(max_length=64, blank=True, default="")
    rerank_model = models.CharField(max_length=255, blank=True, default="")
    enable_api = models.BooleanField(default=True)
    retrieval_model = models.JSONField(null=True, blank=True, default=None, editable=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="datasets")
    built_in_field_enabled = models.BooleanField(default=False, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="dataset_name_once_per_tenant"),
            # The target of the documents' composite foreign key (see datasets/migrations).
            models.UniqueConstraint(fields=["id", "tenant"], name="dataset_id_tenant_once"),
            not_blank("name", "dataset_name_not_blank"),
            models.CheckConstraint(
                condition=Q(indexing_technique__in=IndexingTechnique.values),
                name="dataset_indexing_technique_known",
            ),
            models.CheckConstraint(
                condition=Q(indexing_technique="economy")
                | (~Q(embedding_model="") & ~Q(embedding_model_provider="")),
                name="dataset_high_quality_has_model",
            ),
            models.CheckConstraint(
                condition=Q(semantic_weight__gte=0, semantic_weight__lte=1),
                name="dataset_semantic_weight_from_0_to_1",
            ),
            models.CheckConstraint(
                condition=Q(semantic_weight_source__in=WeightSource.values),
                name="dataset_semantic_weight_source_known",
            ),
            models.CheckConstraint(
                condition=Q(rerank_model="", rerank_provider="")
                | (~Q(rerank_model="") & ~Q(rerank_provider="")),
                name="dataset_reranker_is_whole",
                violation_error_message="A reranker needs its provider and its model.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_vectors(self) -> bool:
        """Whether segments of this dataset carry vectors."""
        return self.indexing_technique == IndexingTechnique.HIGH_QUALITY

    @property
    def model(self) -> tuple[str, str]:
        """Provider and name of the embedding model; both empty without vectors."""
        if not self.has_vectors:
            return "", ""
        return self.embedding_model_provider, self.embedding_model


class MetadataField(models.Model):
    """A field that every document of a dataset may have a value of (`Document.doc_metadata`)."""

    class Kind(models.TextChoices):
        """What its values are; a time is a number of seconds since 1970."""

        STRING = "string"
        NUMBER = "number"
        TIME = "time"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="metadata_fields")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dataset", "name"], name="metadata_field_name_once"),
            not_blank("name", "metadata_field_name_not_blank"),
            models.CheckConstraint(
                condition=Q(kind__in=["string", "number", "time"]), name="metadata_field_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DocForm(models.TextChoices):
    """What one row of a document is."""

    TEXT = "text_model", "Passages"
    QA = "qa_model", "Questions and answers"
    HIERARCHICAL = "hierarchical_model", "Passages, found by their parts"


class IndexingStatus(models.TextChoices):
    """A document's state; segments are added to completed ones only."""

    WAITING = "waiting"
    PARSING = "parsing"
    CLEANING = "cleaning"
    SPLITTING = "splitting"
    INDEXING = "indexing"
    PAUSED = "paused"
    ERROR = "error"
    COMPLETED = "completed"


def new_batch() -> str:
    """What clients ask for the indexing of a document by: the time and six random digits."""
    return f"{timezone.now():%Y%m%d%H%M%S}{secrets.randbelow(10**6):06}"


class DocumentQuerySet(models.QuerySet["Document"]):
    """Filters on documents."""

    def searchable(self) -> "DocumentQuerySet":
        """Documents whose segments a search may return."""
        return self.filter(enabled=True, archived=False, indexing_status=IndexingStatus.COMPLETED)


class Document(models.Model):
    """A list of segments in a fixed order, filled by imports.

    The totals (`segment_count`, `word_count` in characters, `tokens`) change only by atomic
    updates in the transaction that changes the segments. `doc_metadata` has the values of the
    dataset's metadata fields, by the names of the fields. `indexing_job` is the import that makes
    segments of the document's text, for a document that was made of one. `hit_count` is how often
    searches have found a segment of it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="documents")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=255)
    doc_form = models.CharField(max_length=32, choices=DocForm.choices, default=DocForm.TEXT)
    indexing_status = models.CharField(
        max_length=16, choices=IndexingStatus.choices, default=IndexingStatus.COMPLETED
    )
    enabled = models.BooleanField(default=True)
    archived = models.BooleanField(default=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    doc_metadata = models.JSONField(default=dict, blank=True, editable=False)
    batch = models.CharField(max_length=32, default=new_batch, editable=False)
    indexing_job = models.UUIDField(null=True, editable=False)
    segment_count = models.PositiveIntegerField(default=0, editable=False)
    word_count = models.PositiveBigIntegerField(default=0, editable=False)
    tokens = models.PositiveBigIntegerField(default=0, editable=False)
    hit_count = models.PositiveBigIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            not_blank("name", "document_name_not_blank"),
            models.CheckConstraint(
                condition=Q(doc_form__in=DocForm.values), name="document_doc_form_known"
            ),
            models.CheckConstraint(
                condition=Q(indexing_status__in=IndexingStatus.values),
                name="document_indexing_status_known",
            ),
            # The target of the segments' composite foreign key (see segments/sql/tables).
            models.UniqueConstraint(
                fields=["id", "dataset", "tenant"], name="document_id_dataset_tenant_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(F("dataset"), F("name"), name="document_by_name"),
            models.Index(F("dataset"), F("batch"), name="document_by_batch"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_available(self) -> bool:
        """Whether segments may be added: enabled, not archived, indexing completed."""
        return (
            self.enabled and not self.archived and self.indexing_status == IndexingStatus.COMPLETED
        )
