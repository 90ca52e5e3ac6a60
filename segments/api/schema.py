"""What the OpenAPI description says of every operation besides its own answer: its refusals."""

from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from segments.api.serializers.fields import Text

# Whoever shows a key may meet these, whatever they ask for.
ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# And these whoever changes something.
WITH_CHANGES = (
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
# And these whoever says which state they want to change.
IF_MATCH = "update_segment"
# DELETE has a body where Dify's has one, which the generator would not look for.
DELETE_WITH_BODY = "delete_tag"
NOT_BLANK = r"\S"
# What a request is about, in the order of the page → the words of an address that tell it.
TAGS = {
    "datasets": ("datasets",),
    "documents": ("documents", "document"),
    "segments": ("segments", "child_chunks"),
    "imports": ("imports", "batch_import", "batch_import_status", "bulk", "preview", "templates"),
    "search": ("retrieve",),
    "metadata": ("metadata",),
    "tags": ("tags",),
    "files": ("files",),
    "webhooks": ("webhooks",),
    "models": ("models",),
}
WITHOUT_KEY = (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)


class ErrorSerializer(serializers.Serializer[None]):
    """A refusal: what it is for programs (`code`), and what to do about it."""

    code = serializers.CharField()
    message = serializers.CharField()
    status = serializers.IntegerField()
    params = serializers.CharField(required=False, help_text="The field that is at fault.")
    error = serializers.CharField(required=False, help_text="Of new segments: the message again.")


class SchemaWithRefusals(AutoSchema):
    """Adds the refusals, in the one shape they have, to what a view says of its answers."""

    def get_tags(self) -> list[str]:
        """What the last word of the address that tells it is about."""
        by_word = {word: tag for tag, words in TAGS.items() for word in words}
        words = [word for word in self.path.split("/") if word in by_word]
        return [by_word[words[-1]]] if words else super().get_tags()

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        shape = self.resolve_serializer(ErrorSerializer, direction).ref
        for status in self._refusals():
            body = {"application/json": {"schema": shape}}
            bodies.setdefault(str(int(status)), {"content": body, "description": status.phrase})
        return bodies

    def _get_request_body(
        self, direction: Literal["request", "response"] = "request"
    ) -> dict[str, Any] | None:
        if self.get_operation_id() != DELETE_WITH_BODY:
            body: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
            return body
        wanted: Any = self.get_request_serializer()
        shape = self.resolve_serializer(wanted, direction).ref
        return {"content": {"application/json": {"schema": shape}}, "required": True}

    def _map_serializer_field(
        self, field: Any, direction: Literal["request", "response"], bypass_extensions: bool = False
    ) -> dict[str, Any] | None:
        """The usual description, with what the generator leaves out: what must not be empty."""
        shape: dict[str, Any] | None = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )
        if shape is None or direction == "response":
            return shape
        if getattr(field, "allow_empty", True) is False:
            shape["minItems"] = 1
        if isinstance(field, Text) and not field.allow_blank:
            shape["pattern"] = NOT_BLANK
        return shape

    def _map_basic_serializer(
        self, serializer: Any, direction: Literal["request", "response"]
    ) -> dict[str, Any]:
        """The usual description; some serializers name what alone is always there."""
        shape: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        if always := getattr(serializer, "always_there", ()):
            shape["required"] = list(always)
        return shape

    def _refusals(self) -> tuple[HTTPStatus, ...]:
        """The statuses that the operation may refuse with."""
        if not self.view.authentication_classes:
            return WITHOUT_KEY
        if self.method == "GET":
            return ALWAYS
        more = (HTTPStatus.PRECONDITION_FAILED,) if self.get_operation_id() == IF_MATCH else ()
        return (*ALWAYS, *WITH_CHANGES, *more)
