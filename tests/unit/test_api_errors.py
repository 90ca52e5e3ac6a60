"""One shape for every error of the API."""

import logging
from http import HTTPStatus

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions

from segments.api.auth import bearer_key
from segments.api.batch_import import idempotency_key
from segments.api.errors import answer_error
from segments.exceptions import FileTooLarge, StateConflict

NO_CONTEXT = {"view": None, "request": None}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StateConflict("It has ended."), 409, "state_conflict"),
        (FileTooLarge("Split it."), 413, "file_too_large"),
        (exceptions.ParseError("No JSON."), 400, "invalid_param"),
        (exceptions.NotAuthenticated(), 401, "unauthorized"),
        (exceptions.AuthenticationFailed(), 401, "unauthorized"),
        (exceptions.PermissionDenied(), 403, "forbidden"),
        (PermissionDenied(), 403, "forbidden"),
        (exceptions.NotFound(), 404, "not_found"),
        (Http404("secret"), 404, "not_found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=3), 429, "too_many_requests"),
        (RequestDataTooBig("x"), 413, "file_too_large"),
        (SuspiciousOperation("x"), 400, "invalid_param"),
        (ValueError("of the inside"), 500, "unknown"),
        (KeyError("of the inside"), 500, "unknown"),
    ],
)
def test_every_error_has_a_code_a_message_and_its_status(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = answer_error(error, NO_CONTEXT)

    assert answer.status_code == status
    assert answer.data["code"] == code
    assert answer.data["status"] == status
    assert answer.data["message"]
    assert "inside" not in answer.data["message"]
    assert "secret" not in answer.data["message"]
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == (status >= HTTPStatus.INTERNAL_SERVER_ERROR)


@pytest.mark.parametrize(
    ("detail", "params", "message"),
    [
        ({"name": ["This field is required."]}, "name", "name: This field is required."),
        ({"model": {"top_k": ["Too big."]}}, "model.top_k", "model.top_k: Too big."),
        ({"non_field_errors": ["Not so."]}, None, "Not so."),
        (["Not so."], None, "Not so."),
        ("Not so.", None, "Not so."),
    ],
)
def test_a_body_that_cannot_be_used_names_the_field(
    detail: object, params: str | None, message: str
) -> None:
    answer = answer_error(exceptions.ValidationError(detail), NO_CONTEXT)  # type: ignore[arg-type]

    assert answer.data["code"] == "invalid_param"
    assert answer.data["message"] == message
    assert answer.data.get("params") == params


def test_a_refusal_says_when_to_come_back() -> None:
    assert answer_error(exceptions.Throttled(wait=3), NO_CONTEXT)["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer abc", "abc"), ("bearer   abc ", "abc"), (" BEARER a b", "a b")],
)
def test_a_key_is_read_from_its_header(header: str, key: str) -> None:
    assert bearer_key(header) == key


@pytest.mark.parametrize("header", ["", " ", "a key", "ä", "x" * 256, "line\nbreak"])
def test_what_cannot_be_an_idempotency_key_is_refused(header: str) -> None:
    with pytest.raises(exceptions.ValidationError):
        idempotency_key(header)


def test_an_idempotency_key_is_taken_as_it_is() -> None:
    assert idempotency_key(None) is None
    assert idempotency_key(" 7b1c ") == "7b1c"
    assert idempotency_key("x" * 255) == "x" * 255
