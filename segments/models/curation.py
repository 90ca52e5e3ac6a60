"""What people do to segments beside importing them: changes, and questions that they judged."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from datasets.models import Dataset, Document
from segments.models.segment import HASH_CHARS


class ChangeKind(models.TextChoices):
    """What happened to a segment."""

    EDITED = "edited", "Edited"
    SWITCHED_ON = "switched_on", "Switched on"
    SWITCHED_OFF = "switched_off", "Switched off"
    DELETED = "deleted", "Deleted"


class SegmentChange(models.Model):
    """One change of a segment: by whom, and what it said before and after.

    `before` and `after` have the parts that can be changed (`segments.services.history.PARTS`);
    `after` is null for a segment that was deleted. The change outlives the segment, and goes
    with the document. `import_id` is the import that made it:
    those of imports are removed with the details of their imports.
    """

    id = models.BigAutoField(primary_key=True)
    # The constraint is made in SQL and cascades in the database: a publish may be adding some.
    document = models.ForeignKey(
        Document, on_delete=models.CASCADE, db_constraint=False, related_name="segment_changes"
    )
    segment_id = models.UUIDField()
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=ChangeKind.choices)
    before = models.JSONField()
    after = models.JSONField(null=True)
    import_id = models.UUIDField(null=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["segment_id", "-id"], name="change_of_segment"),
            models.Index(
                fields=["changed_at"],
                condition=models.Q(import_id__isnull=False),
                name="change_by_import",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=ChangeKind.values), name="segment_change_kind_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: segment {self.position}"


class SearchJudgement(models.Model):
    """A question and a segment that answers it, kept to measure search (`evaluate_search`).

    The segment is found again by its id; after it was replaced, by its external id, or by the
    hash of its text.
    """

    id = models.BigAutoField(primary_key=True)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="judgements")
    question = models.TextField()
    segment_id = models.UUIDField()
    external_id = models.CharField(max_length=255, blank=True, default="")
    content = models.TextField()
    content_hash = models.CharField(max_length=HASH_CHARS)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "test question"
        ordering: ClassVar = ["dataset", "question", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["dataset", "question", "segment_id"], name="judgement_once"
            )
        ]

    def __str__(self) -> str:
        return self.question
