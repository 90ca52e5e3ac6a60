"""Fields that Dify's shapes are made of."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.drainage import set_override
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field(OpenApiTypes.ANY)
class Constant(serializers.Field[Any, Any, Any, Any]):
    """What Dify's clients look for and Segmill has one of, or none: the same for everything."""

    def __init__(self, value: Any) -> None:
        super().__init__(source="*", read_only=True)
        self._value = value

    def to_representation(self, value: Any) -> Any:
        """It."""
        return self._value


class NotHonoured(serializers.Field[Any, Any, Any, Any]):
    """What Dify knows and Segmill does not do: refused by name, unless it asks for nothing."""

    def __init__(
        self, *nothing: dict[str, Any], because: str = "this is not supported here"
    ) -> None:
        super().__init__(
            required=False,
            allow_null=True,
            write_only=True,
            help_text=f"Refused unless it is empty: {because}.",
        )
        self._nothing = (*nothing, "", [], {}, False)
        self._because = because
        set_override(self, "field", _shape_of_nothing(nothing))

    def to_internal_value(self, data: Any) -> None:
        """None.

        Raises:
            ValidationError: it asks for something.
        """
        if json.dumps(data) not in map(json.dumps, self._nothing):  # 0 is not false
            raise serializers.ValidationError(f"{self._because}. Leave it out.")


def _shape_of_nothing(objects: tuple[Any, ...]) -> dict[str, Any]:
    """What is empty, or false, in JSON; an object may also be one of `objects`."""
    fixed = {name: {"enum": [value]} for each in objects for name, value in each.items()}
    return {
        "nullable": True,
        "oneOf": [
            {"type": "string", "maxLength": 0},
            {"type": "array", "items": {}, "maxItems": 0},
            {"type": "object", "properties": fixed, "additionalProperties": False},
            {"type": "boolean", "enum": [False]},
        ],
    }


class Text(serializers.CharField):
    """A text that is one in JSON; numbers are refused, and what PostgreSQL cannot keep."""

    def to_internal_value(self, data: Any) -> str:
        """The text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Truth(serializers.BooleanField):
    """A truth that is one in JSON; words and numbers are refused."""

    def to_internal_value(self, data: Any) -> bool:
        """The truth."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Id(serializers.UUIDField):
    """An id, as text; numbers are refused."""

    def to_internal_value(self, data: Any) -> UUID:
        """The id."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        found: UUID = super().to_internal_value(data)
        return found


class JSONNumber(serializers.FloatField):
    """A number that is one in JSON; texts and truths are refused."""

    def to_internal_value(self, data: Any) -> float:
        """The number."""
        if isinstance(data, bool | str):
            self.fail("invalid")
        return super().to_internal_value(data)


class JSONInteger(serializers.IntegerField):
    """A whole number that is one in JSON; texts and truths are refused."""

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        if isinstance(data, bool | str):
            self.fail("invalid")
        return super().to_internal_value(data)


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


@extend_schema_field(OpenApiTypes.STR)
class CreatorId(serializers.Field[Any, Any, str, Any]):
    """The id of who made something, as text; empty where no person did: Dify's is never null."""

    def __init__(self) -> None:
        super().__init__(source="*", read_only=True)

    def to_representation(self, value: Any) -> str:
        """The id."""
        return "" if value.created_by_id is None else str(value.created_by_id)
