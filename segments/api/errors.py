"""Errors as Dify's clients read them: {"code", "message", "status"}, made in one place.

Services raise what they know of; HTTP is known here alone.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from datasets.exceptions import SegmillError
from segments.db.errors import is_expected
from segments.exceptions import DatabaseFailed, OptionRefused
from segments.middleware import AWAY, RETRY_SECONDS

logger = logging.getLogger(__name__)

INVALID_PARAM = "invalid_param"
# What clients of Dify compare; REST framework names some of them differently.
CODES = {
    HTTPStatus.BAD_REQUEST: INVALID_PARAM,
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "file_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
}


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to a request that has failed with `error`."""
    set_rollback()
    answer = _answer(error)
    if answer["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s failed", _name(context), exc_info=error)
    return Response(answer, status=answer["status"], headers=_headers(error, answer["status"]))


def _answer(error: Exception) -> dict[str, Any]:
    if isinstance(error, OptionRefused):
        return _envelope(error.status, str(error), error.code) | {"params": error.name}
    if isinstance(error, SegmillError):
        return _envelope(error.status, str(error), error.code)
    if isinstance(error, exceptions.ValidationError):
        field, message = _first(error.detail)
        return _envelope(HTTPStatus.BAD_REQUEST, message) | ({"params": field} if field else {})
    if isinstance(error, exceptions.APIException):
        return _envelope(HTTPStatus(error.status_code), str(error.detail))
    if isinstance(error, Http404):
        return _envelope(HTTPStatus.NOT_FOUND, "This URL does not exist. Check it.")
    if isinstance(error, PermissionDenied):
        return _envelope(HTTPStatus.FORBIDDEN, str(error) or "This is not allowed.")
    if isinstance(error, RequestDataTooBig):
        return _envelope(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too large.")
    if isinstance(error, SuspiciousOperation):
        return _envelope(HTTPStatus.BAD_REQUEST, "The request cannot be read.")
    if is_expected(error):
        return _envelope(HTTPStatus.SERVICE_UNAVAILABLE, AWAY, DatabaseFailed.code)
    # What it says may be of the inside: the log has it.
    return _envelope(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error", "unknown")


def _envelope(status: HTTPStatus, message: str, code: str = "") -> dict[str, Any]:
    code = code or CODES.get(status, status.name.lower())
    return {"code": code, "message": message, "status": int(status)}


def _first(detail: Any, path: str = "") -> tuple[str, str]:
    """The first field that is at fault, with what is wrong with it."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        name = "" if name == "non_field_errors" else str(name)
        return _first(inner, f"{path}.{name}".strip("."))
    if isinstance(detail, list):
        return _first(detail[0], path)
    return path, f"{path}: {detail}" if path else str(detail)


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    if asks := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = asks
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    return headers


def _name(context: Mapping[str, Any]) -> str:
    request = context.get("request")
    return f"{request.method} {request.path}" if request else "a request"
