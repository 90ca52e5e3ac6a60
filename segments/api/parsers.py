"""How bodies are read and answers are written."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils import json

from segments.exceptions import BodyTooLarge

# Files come in multipart bodies, which have a limit of their own.
MAX_BODY_BYTES = 16 * 1024 * 1024


class LimitedJSONParser(BaseParser):
    """JSON up to `MAX_BODY_BYTES`; it is read at once, so it has to end.

    Not REST framework's own, whose bodies Django holds to 2.5 MB before any parser sees them.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of the body.

        Raises:
            BodyTooLarge: it is longer.
            ParseError: it is no JSON.
        """
        announced = _announced_bytes(parser_context)
        body = stream.read(MAX_BODY_BYTES + 1) if announced <= MAX_BODY_BYTES else b""
        if max(announced, len(body)) > MAX_BODY_BYTES:
            raise BodyTooLarge(f"The body is larger than {MAX_BODY_BYTES:,} bytes. Split it.")
        try:
            return json.loads(body.decode())
        except (ValueError, RecursionError) as broken:
            raise ParseError("Invalid JSON payload received or JSON payload is empty.") from broken


def _announced_bytes(context: Mapping[str, Any] | None) -> int:
    """The length that the request's header says; 0 without one."""
    length = context["request"].META.get("CONTENT_LENGTH") if context else None
    return int(length) if length and length.isdecimal() else 0


class LinesParser(BaseParser):
    """JSON objects, one a line; whoever handles the request reads them as they come."""

    media_type = "application/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body, unread."""
        return stream


class AlwaysJSON(DefaultContentNegotiation):
    """Answers JSON whatever the client says it accepts, as Dify's server does."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """The first renderer."""
        first = next(iter(renderers))
        return first, str(first.media_type)
