"""Uploaded files as Dify's clients know them."""

from rest_framework import serializers

from segments.api.serializers.fields import UnixTime, UserId
from segments.models import UploadFile


class UploadFormSerializer(serializers.Serializer[None]):
    """A form with one file in it; what else Dify's clients send is not used."""

    file = serializers.FileField()


class UploadSerializer(serializers.Serializer[UploadFile]):
    """A file that was handed in."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True)
    extension = serializers.CharField(read_only=True)
    mime_type = serializers.CharField(read_only=True)
    created_by = UserId(source="created_by_id")
    created_at = UnixTime()
