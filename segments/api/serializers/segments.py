"""Segments as Dify's clients know them, and what is asked of them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from segments.api.serializers.fields import (
    Constant,
    CreatorId,
    NotHonoured,
    Text,
    Truth,
    UnixTime,
    UserId,
)
from segments.models import DocumentSegment, SegmentChange
from segments.models.curation import ChangeKind
from segments.models.segment import SegmentStatus

NO_ATTACHMENTS = "segments are texts only"


class SegmentSerializer(serializers.Serializer[DocumentSegment]):
    """A segment, as far as hits show it."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    document_id = serializers.UUIDField(read_only=True)
    content = serializers.CharField(read_only=True)
    sign_content = serializers.CharField(source="content", read_only=True)
    answer = serializers.CharField(read_only=True, allow_null=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    tokens = serializers.IntegerField(read_only=True)
    keywords = serializers.SerializerMethodField()
    external_id = serializers.CharField(read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    index_node_id = serializers.UUIDField(read_only=True)
    index_node_hash = serializers.CharField(read_only=True)
    hit_count = serializers.IntegerField(read_only=True)
    enabled = serializers.BooleanField(read_only=True)
    disabled_at = UnixTime(allow_null=True)
    disabled_by = UserId(source="disabled_by_id")
    status = serializers.CharField(read_only=True)
    created_by = CreatorId()
    created_at = UnixTime()
    indexing_at = UnixTime(allow_null=True)
    completed_at = UnixTime(allow_null=True)
    stopped_at = UnixTime(allow_null=True)
    error = serializers.CharField(read_only=True, allow_null=True)

    def get_keywords(self, segment: DocumentSegment) -> list[str]:
        """Its keywords; none rather than null."""
        return segment.keywords or []


class ChildSerializer(serializers.Serializer[DocumentSegment]):
    """A part of a passage; `type` says whether an import or somebody made it."""

    id = serializers.UUIDField(read_only=True)
    segment_id = serializers.UUIDField(source="parent_id", read_only=True)
    content = serializers.CharField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    type = serializers.SerializerMethodField()
    created_at = UnixTime()
    updated_at = UnixTime()

    def get_type(self, child: DocumentSegment) -> str:
        """As an import has made it, or not."""
        return "automatic" if child.import_job_id else "customized"


_CHILD = ChildSerializer()


def child_as_json(child: DocumentSegment) -> dict[str, Any]:
    """A part as the API shows it."""
    return dict(_CHILD.to_representation(child))


class ChildContentSerializer(serializers.Serializer[None]):
    """The text of a part."""

    content = Text(trim_whitespace=False)


class ChildAnswerSerializer(serializers.Serializer[None]):
    """One part."""

    data = ChildSerializer()  # type: ignore[assignment]  # Dify's name for what it is


class WholeSegmentSerializer(SegmentSerializer):
    """A segment of a list, or one that was just written."""

    updated_at = UnixTime()
    updated_by = UserId(source="updated_by_id")
    child_chunks = serializers.SerializerMethodField()
    attachments = Constant([])
    summary = Constant(None)

    @extend_schema_field(ChildSerializer(many=True))
    def get_child_chunks(self, segment: Any) -> list[dict[str, Any]]:
        """The parts of a passage; none of a segment that has no parts."""
        return [child_as_json(child) for child in getattr(segment, "parts", ())]


class SegmentStateSerializer(serializers.Serializer[None]):
    """What a segment says: the parts that can be changed."""

    content = serializers.CharField(read_only=True)
    answer = serializers.CharField(read_only=True, allow_null=True)
    keywords = serializers.ListField(child=serializers.CharField(), read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    enabled = serializers.BooleanField(read_only=True)


class SegmentChangeSerializer(serializers.Serializer[SegmentChange]):
    """A change of a segment, with what it said before and after."""

    id = serializers.IntegerField(read_only=True)
    segment_id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(ChangeKind.choices, read_only=True)
    changed_at = UnixTime()
    changed_by = UserId(source="changed_by_id")
    import_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The import that made the change."
    )
    before = SegmentStateSerializer(read_only=True)
    after = SegmentStateSerializer(
        read_only=True, allow_null=True, help_text="Null: the segment was deleted."
    )


class NewSegmentSerializer(serializers.Serializer[None]):
    """A new segment. Fields that neither Dify nor Segmill knows are not used."""

    content = Text(trim_whitespace=False)
    answer = Text(
        required=False, allow_null=True, allow_blank=True, trim_whitespace=False, default=None
    )
    keywords = serializers.ListField(child=Text(), required=False, allow_null=True, default=None)
    external_id = Text(required=False, allow_null=True, allow_blank=True, default=None)
    metadata = serializers.DictField(required=False, allow_null=True, default=None)
    enabled = Truth(required=False, default=True)
    attachment_ids = NotHonoured(because=NO_ATTACHMENTS)
    summary = NotHonoured(because="segments have no summaries")


class NewSegmentsSerializer(serializers.Serializer[None]):
    """New segments, which are added at the end of the document: all of them, or none."""

    segments = NewSegmentSerializer(many=True, allow_empty=False)


class SegmentChangesSerializer(serializers.Serializer[None]):
    """What shall be different; what is left out, or null, stays as it is."""

    content = Text(required=False, allow_null=True, trim_whitespace=False, default=None)
    answer = Text(
        required=False, allow_null=True, allow_blank=True, trim_whitespace=False, default=None
    )
    keywords = serializers.ListField(child=Text(), required=False, allow_null=True, default=None)
    enabled = Truth(required=False, allow_null=True, default=None)
    attachment_ids = NotHonoured(because=NO_ATTACHMENTS)
    summary = NotHonoured(because="segments have no summaries")
    regenerate_child_chunks = Truth(required=False, default=False)


class UpdateSegmentSerializer(serializers.Serializer[None]):
    """A change of a segment."""

    segment = SegmentChangesSerializer()


class SegmentAnswerSerializer(serializers.Serializer[None]):
    """One segment."""

    data = WholeSegmentSerializer()  # type: ignore[assignment]  # Dify's name for what it is
    doc_form = serializers.CharField()


class SegmentsAnswerSerializer(serializers.Serializer[None]):
    """The segments that were added."""

    data = WholeSegmentSerializer(many=True)  # type: ignore[assignment]
    doc_form = serializers.CharField()


class SegmentQuery(serializers.Serializer[None]):
    """Which segments are wanted."""

    keyword = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text="Part of the content, the answer or a keyword, in any case.",
    )
    status = serializers.MultipleChoiceField(
        choices=SegmentStatus.choices,
        required=False,
        default=set,
        help_text="Repeat it to match any of several.",
    )
    enabled = serializers.ChoiceField(["all", "true", "false"], required=False, default="all")
    hit_count_gte = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, default=0
    )
