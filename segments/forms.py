"""Forms of the admin for segments and imports."""

from typing import Any, ClassVar

from django import forms

from datasets.exceptions import SegmillError
from datasets.models import DocForm
from segments.editing import NewText, PreparedEdit, prepare_edit
from segments.exceptions import SegmentRefused
from segments.models import DocumentSegment


class SegmentForm(forms.ModelForm[DocumentSegment]):
    """The text of a segment; `edit` holds the checked change once the form is valid."""

    edit: PreparedEdit | None = None

    class Meta:
        model = DocumentSegment
        fields: ClassVar = ["content", "answer", "keywords", "enabled"]
        widgets: ClassVar = {
            "content": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"}),
            "answer": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"}),
            "keywords": forms.TextInput(attrs={"class": "vLargeTextField"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_answer = self.instance.document.doc_form == DocForm.QA
        if "answer" in self.fields and not has_answer:
            del self.fields["answer"]

    def clean(self) -> dict[str, Any] | None:
        """Check the text as an import checks a row, and embed it if it is a new one."""
        cleaned = super().clean()
        if not self.errors and cleaned is not None:
            try:
                self.edit = prepare_edit(self.instance.pk, _new_text(cleaned))
            except SegmentRefused as refusal:
                for problem in refusal.problems:
                    field = problem.column if problem.column in self.fields else None
                    self.add_error(field, problem.reason)
            except SegmillError as refusal:
                self.add_error(None, str(refusal))
        return cleaned


def _new_text(cleaned: dict[str, Any]) -> NewText:
    return NewText(
        content=cleaned["content"],
        answer=cleaned.get("answer"),
        keywords=cleaned["keywords"] or None,
        enabled=cleaned["enabled"],
    )
