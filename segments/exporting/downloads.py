"""Files that are sent by HTTP as they are made."""

from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

from django.http import StreamingHttpResponse

from segments.exporting.tables import CONTENT_TYPES
from segments.importing.types import FileFormat


def download(portions: Iterator[bytes], name: str, kind: FileFormat) -> StreamingHttpResponse:
    """The answer that sends a file; what is wrong with its first portion is raised here.

    Raises:
        ExportRefused: a row does not fit into the format.
    """
    whole = chain([next(portions, b"")], portions)
    response = StreamingHttpResponse(whole, content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
