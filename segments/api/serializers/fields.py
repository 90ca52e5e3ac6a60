"""Fields that Dify's shapes are made of."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field(OpenApiTypes.INT64)
class UnixTime(serializers.Field[datetime, Any, int, datetime]):
    """A moment as whole seconds since 1970."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: datetime) -> int:
        """The seconds."""
        return int(value.timestamp())


class UserId(serializers.CharField):
    """The id of a person, as text; null where no person did it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)
