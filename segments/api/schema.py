"""What the OpenAPI description says of every operation besides its own answer: its refusals."""

from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

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

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        shape = self.resolve_serializer(ErrorSerializer, direction).ref
        for status in self._refusals():
            body = {"application/json": {"schema": shape}}
            bodies.setdefault(str(int(status)), {"content": body, "description": status.phrase})
        return bodies

    def _refusals(self) -> tuple[HTTPStatus, ...]:
        """The statuses that the operation may refuse with."""
        if not self.view.authentication_classes:
            return WITHOUT_KEY
        if self.method == "GET":
            return ALWAYS
        more = (HTTPStatus.PRECONDITION_FAILED,) if self.get_operation_id() == IF_MATCH else ()
        return (*ALWAYS, *WITH_CHANGES, *more)
