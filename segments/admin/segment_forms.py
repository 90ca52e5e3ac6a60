"""Forms of segments: one is corrected or added by hand, a selection is changed together."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet

from datasets.exceptions import SegmillError
from datasets.models import DocForm, Document
from segments.exceptions import SegmentRefused
from segments.files.types import JSONValue
from segments.models import DocumentSegment
from segments.services.bulk_edits import KeywordsAction
from segments.services.new_segments import NewSegment
from segments.services.segments import NewText, PreparedEdit, prepare_edit

WIDE = {"class": "vLargeTextField"}
METADATA_HELP = "One value a line, as “price: 12”. A line that you remove is removed."


class KeywordsField(forms.CharField):
    """Keywords, separated by commas, as a list; None if there are none."""

    widget = forms.TextInput(attrs=WIDE)

    def prepare_value(self, value: Any) -> Any:
        """The list as people type it."""
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The list that was typed."""
        words = value if isinstance(value, list) else str(value or "").split(",")
        return list(dict.fromkeys(word for each in words if (word := each.strip()))) or None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other words were typed."""
        return bool(self.to_python(initial) != self.to_python(data))


class MetadataField(forms.CharField):
    """Metadata, a line each, as a mapping; what was no text before stays what it was."""

    widget = forms.Textarea(attrs={"rows": 4, **WIDE})
    known: Mapping[str, JSONValue] = {}

    def prepare_value(self, value: Any) -> Any:
        """The mapping in lines."""
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{name}: {_line(each)}" for name, each in value.items())

    def to_python(self, value: Any) -> Any:
        """The mapping that the lines say.

        Raises:
            ValidationError: a line has no colon, or no name before it.
        """
        if isinstance(value, dict):
            return value
        found: dict[str, JSONValue] = {}
        for line in str(value or "").splitlines():
            name, colon, text = line.partition(":")
            if not line.strip():
                continue
            if not colon or not name.strip():
                raise forms.ValidationError(f"“{line}” is not “name: value”. Write a colon.")
            found[name.strip()] = self._value(name.strip(), text.strip())
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other lines were typed."""
        return bool((initial or {}) != self.to_python(data))

    def _value(self, name: str, text: str) -> JSONValue:
        """A value in the kind it had: 12 stays a number, “12” a text."""
        old = self.known.get(name)
        if name in self.known and text == _line(old):
            return old
        if isinstance(old, str) or name not in self.known:
            return text
        try:
            value: JSONValue = json.loads(text)
        except json.JSONDecodeError:
            return text
        return value


def _line(value: JSONValue) -> str:
    """A value on one line."""
    if isinstance(value, str) and not {"\n", "\r"} & set(value):
        return value.strip()
    return json.dumps(value, ensure_ascii=False)


class SegmentForm(forms.ModelForm[DocumentSegment]):
    """The text of a segment; `edit` holds the checked change once the form is valid."""

    edit: PreparedEdit | None = None
    keywords = KeywordsField(required=False, help_text="Separated by commas.")
    metadata = MetadataField(required=False, help_text=METADATA_HELP)

    class Meta:
        model = DocumentSegment
        fields: ClassVar = ["content", "answer", "keywords", "metadata", "enabled"]
        labels: ClassVar = {"enabled": "Switched on"}
        help_texts: ClassVar = {"enabled": "Search finds it only while it is switched on."}
        widgets: ClassVar = {
            "content": forms.Textarea(attrs={"rows": 8, **WIDE}),
            "answer": forms.Textarea(attrs={"rows": 8, **WIDE}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_answer = self.instance.document.doc_form == DocForm.QA
        if "answer" in self.fields and not has_answer:
            del self.fields["answer"]
        if isinstance(field := self.fields.get("metadata"), MetadataField):
            field.known = self.instance.metadata

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
        keywords=cleaned["keywords"],
        enabled=cleaned["enabled"],
        metadata=cleaned["metadata"],
    )


class NewSegmentForm(forms.Form):
    """A segment that is added by hand."""

    document = forms.ModelChoiceField(Document.objects.none())
    content = forms.CharField(
        label="Text or question", widget=forms.Textarea(attrs={"rows": 4, **WIDE})
    )
    answer = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, **WIDE}),
        help_text="Only in documents of questions and answers.",
    )
    keywords = KeywordsField(required=False, help_text="Separated by commas.")
    external_id = forms.CharField(required=False, max_length=255, label="External id")
    metadata = MetadataField(required=False, help_text="One value a line, as “price: 12”.")

    def __init__(self, *args: Any, documents: QuerySet[Document], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["document"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = documents

    @property
    def wanted(self) -> NewSegment:
        """The segment, once the form is valid."""
        given = self.cleaned_data
        return NewSegment(
            content=given["content"],
            answer=given["answer"] or None,
            keywords=given["keywords"],
            external_id=given["external_id"] or None,
            metadata=given["metadata"],
        )


class TogetherForm(forms.Form):
    """Keywords or metadata of several segments."""

    keywords_action = forms.ChoiceField(
        label="Keywords",
        required=False,
        choices=[
            ("", "leave as they are"),
            (KeywordsAction.ADD, "add these"),
            (KeywordsAction.REMOVE, "remove these"),
            (KeywordsAction.REPLACE, "replace by these (none to remove all)"),
        ],
    )
    keywords = KeywordsField(required=False, label="Which", help_text="Separated by commas.")
    name = forms.CharField(
        required=False, label="Metadata", help_text="The name of a value, as “department”."
    )
    value = forms.CharField(
        required=False, label="Its new value", help_text="Leave it empty to remove the value."
    )

    def clean(self) -> dict[str, Any]:
        """Something has to be changed.

        Raises:
            ValidationError: nothing is, or words are missing.
        """
        cleaned = super().clean() or {}
        name = (cleaned.get("name") or "").strip()
        if not cleaned.get("keywords_action") and not name:
            raise forms.ValidationError(
                "Choose what becomes of the keywords, or name a value of metadata."
            )
        needs_words = cleaned.get("keywords_action") in (KeywordsAction.ADD, KeywordsAction.REMOVE)
        if needs_words and not cleaned.get("keywords"):
            self.add_error("keywords", "Enter at least one keyword.")
        return cleaned
