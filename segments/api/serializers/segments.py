"""Segments as Dify's clients know them."""

from rest_framework import serializers

from segments.api.serializers.fields import MakerId, UnixTime, UserId
from segments.models import DocumentSegment


class SegmentSerializer(serializers.Serializer[DocumentSegment]):
    """A segment."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    document_id = serializers.UUIDField(read_only=True)
    content = serializers.CharField(read_only=True)
    sign_content = serializers.CharField(source="content", read_only=True)
    answer = serializers.CharField(read_only=True, allow_null=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    tokens = serializers.IntegerField(read_only=True)
    keywords = serializers.ListField(child=serializers.CharField(), read_only=True, allow_null=True)
    external_id = serializers.CharField(read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    index_node_id = serializers.UUIDField(read_only=True)
    index_node_hash = serializers.CharField(read_only=True)
    hit_count = serializers.IntegerField(read_only=True)
    enabled = serializers.BooleanField(read_only=True)
    disabled_at = UnixTime(allow_null=True)
    disabled_by = UserId(source="disabled_by_id")
    status = serializers.CharField(read_only=True)
    created_by = MakerId()
    created_at = UnixTime()
    indexing_at = UnixTime(allow_null=True)
    completed_at = UnixTime(allow_null=True)
    stopped_at = UnixTime(allow_null=True)
    error = serializers.CharField(read_only=True, allow_null=True)
