"""RememberedColumns: what a person said the columns of a document's file mean."""

from typing import ClassVar

from django.db import models

from datasets.models import Document


class RememberedColumns(models.Model):
    """The last mapping given for a document; offered when a file has the same header again."""

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="remembered_columns"
    )
    header = models.JSONField()
    mapping = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural: ClassVar = "remembered columns"

    def __str__(self) -> str:
        return f"columns of {self.document_id}"
