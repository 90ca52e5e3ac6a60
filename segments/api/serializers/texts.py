"""Texts and files that become documents, and how they are cut."""

from typing import Any

from drf_spectacular.utils import OpenApiRequest
from rest_framework import serializers

from datasets.models import DocForm, IndexingTechnique
from segments.api.serializers.fields import Id, JSONInteger, NotHonoured, Text, Truth
from segments.api.serializers.retrieval import RetrievalModelSerializer
from segments.files.options import Cleaning, ImportOptions, ParentMode, ReadAs
from segments.files.splitting import LEAST_TOKENS, MOST_TOKENS, SEPARATOR_CHARS

NAME_CHARS = 255
# Of a passage that is found by its parts, where nobody says it.
PARENT_TOKENS = 1_000


class PreProcessingSerializer(serializers.Serializer[None]):
    """What is done to the text before it is cut."""

    id = serializers.ChoiceField(["remove_extra_spaces", "remove_urls_emails", "remove_stopwords"])
    enabled = Truth()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Stop words stay: they are part of the text that is found."""
        if attrs["id"] == "remove_stopwords" and attrs["enabled"]:
            raise serializers.ValidationError({"id": "remove_stopwords is not supported here."})
        return attrs


class SegmentationSerializer(serializers.Serializer[None]):
    """Where the text is cut, and how long its pieces may be, in the model's own tokens."""

    separator = Text(
        required=False,
        default="\n",
        max_length=SEPARATOR_CHARS,
        trim_whitespace=False,
        allow_blank=True,
    )
    max_tokens = JSONInteger(
        required=False, default=500, min_value=LEAST_TOKENS, max_value=MOST_TOKENS
    )
    chunk_overlap = JSONInteger(required=False, allow_null=True, default=0, min_value=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A piece repeats less than it may hold."""
        if (attrs["chunk_overlap"] or 0) >= attrs["max_tokens"]:
            raise serializers.ValidationError({"chunk_overlap": "Must be less than max_tokens."})
        return attrs


class RulesSerializer(serializers.Serializer[None]):
    """The rules of the mode custom."""

    pre_processing_rules = PreProcessingSerializer(many=True, required=False, default=list)
    segmentation = SegmentationSerializer(required=False, allow_null=True, default=None)
    parent_mode = serializers.ChoiceField(
        [mode.value for mode in ParentMode], required=False, allow_null=True, default=None
    )
    subchunk_segmentation = SegmentationSerializer(required=False, allow_null=True, default=None)

    def validate_subchunk_segmentation(self, value: dict[str, Any] | None) -> dict[str, Any] | None:
        """Parts repeat nothing of one another: search answers with the passage around them."""
        if value and value["chunk_overlap"]:
            raise serializers.ValidationError(
                {"chunk_overlap": "Parts do not overlap. Leave it out."}
            )
        return value


class ProcessRuleSerializer(serializers.Serializer[None]):
    """How a text is cut: as it suits most, or by rules."""

    mode = serializers.ChoiceField(["automatic", "custom", "hierarchical"])
    rules = RulesSerializer(required=False, allow_null=True, default=None)


class _ChangedSerializer(serializers.Serializer[None]):
    """What all of them may have."""

    name = Text(max_length=NAME_CHARS, required=False, allow_null=True, default=None)
    process_rule = ProcessRuleSerializer(required=False, allow_null=True, default=None)
    doc_form = serializers.ChoiceField(
        DocForm.choices,
        required=False,
        allow_null=True,
        default=None,
        error_messages={"invalid_choice": "Invalid doc_form."},
    )
    doc_language = Text(required=False, allow_null=True, allow_blank=True, default=None)


class ChangedFileSerializer(_ChangedSerializer):
    """The options of another file for a document."""

    retrieval_model = NotHonoured(because="a document has no way to be searched of its own")


class ChangedTextSerializer(ChangedFileSerializer):
    """Another text for a document; without a text only its name is changed."""

    text = Text(required=False, allow_null=True, default=None, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Texts are cut into passages."""
        return _refuse_questions(attrs)


class NewFileSerializer(_ChangedSerializer):
    """The options of a new document; those of its dataset have to be the dataset's."""

    indexing_technique = serializers.ChoiceField(
        IndexingTechnique.choices, required=False, allow_null=True, default=None
    )
    embedding_model = Text(required=False, allow_null=True, allow_blank=True, default=None)
    embedding_model_provider = Text(required=False, allow_null=True, allow_blank=True, default=None)
    retrieval_model = RetrievalModelSerializer(required=False, allow_null=True, default=None)
    original_document_id = Id(required=False, allow_null=True, default=None)


class NewTextSerializer(NewFileSerializer):
    """A text that becomes a document."""

    name = Text(max_length=NAME_CHARS)
    text = Text(trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Texts are cut into passages."""
        return _refuse_questions(attrs)


class ChangedFileFormSerializer(serializers.Serializer[None]):
    """A form with another file for a document, or only options; they are JSON, as text."""

    file = serializers.FileField(required=False)
    data = ChangedFileSerializer(required=False)  # type: ignore[assignment]  # Dify's name for it


class NewFileFormSerializer(serializers.Serializer[None]):
    """A form with a file and its options, which are JSON, as text."""

    file = serializers.FileField()
    data = NewFileSerializer(required=False)  # type: ignore[assignment]  # Dify's name for it


AS_JSON = {"data": {"contentType": "application/json"}}
CHANGED_FILE_FORM = {
    "multipart/form-data": OpenApiRequest(ChangedFileFormSerializer, encoding=AS_JSON)
}
NEW_FILE_FORM = {"multipart/form-data": OpenApiRequest(NewFileFormSerializer, encoding=AS_JSON)}


def form_of(wanted: dict[str, Any]) -> DocForm:
    """Which form a new document gets.

    Raises:
        ValidationError: the process rule is for another form than the one that is wanted.
    """
    rule = wanted["process_rule"]
    is_hierarchical = rule is not None and rule["mode"] == "hierarchical"
    usual = DocForm.HIERARCHICAL if is_hierarchical else DocForm.TEXT
    form = DocForm(wanted["doc_form"] or usual)
    if is_hierarchical and form != DocForm.HIERARCHICAL:
        raise serializers.ValidationError(
            {"doc_form": "The process rule hierarchical is for hierarchical_model."}
        )
    return form


def options_of(wanted: dict[str, Any]) -> ImportOptions:
    """How a checked body wants its text to be cut."""
    process_rule = wanted["process_rule"]
    is_hierarchical = process_rule is not None and process_rule["mode"] == "hierarchical"
    if process_rule is None or process_rule["mode"] == "automatic":
        return ImportOptions(read_as=ReadAs.TEXT)
    if is_hierarchical and not process_rule["rules"]:
        return ImportOptions(read_as=ReadAs.TEXT, chunk_tokens=PARENT_TOKENS, chunk_overlap=0)
    rules = process_rule["rules"] or {}
    enabled = {rule["id"] for rule in rules.get("pre_processing_rules", ()) if rule["enabled"]}
    cut = rules.get("segmentation") or {"separator": "\n", "max_tokens": 500, "chunk_overlap": 0}
    part = rules.get("subchunk_segmentation") if is_hierarchical else None
    return ImportOptions(
        read_as=ReadAs.TEXT,
        separator=cut["separator"].replace("\\n", "\n"),
        chunk_tokens=cut["max_tokens"],
        chunk_overlap=cut["chunk_overlap"] or 0,
        cleaning=tuple(sorted(enabled)) or (Cleaning.NOTHING.value,),
        parent_mode=(is_hierarchical and rules.get("parent_mode")) or "",
        child_tokens=part["max_tokens"] if part else None,
        child_separator=part["separator"].replace("\\n", "\n") if part else "",
    )


def _refuse_questions(attrs: dict[str, Any]) -> dict[str, Any]:
    if attrs["doc_form"] == DocForm.QA:
        raise serializers.ValidationError(
            {"doc_form": "No questions are made of a text. Import a table of them."}
        )
    return attrs
