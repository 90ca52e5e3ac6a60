"""Files over HTTP: uploads streamed to disk within limits, downloads sent as they are made."""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest, StreamingHttpResponse

from segments.exceptions import FileTooLarge, NoFileUploaded, TooManyFiles
from segments.files.types import FileFormat
from segments.files.writers import CONTENT_TYPES

REFUSAL_ATTRIBUTE = "_upload_refusal"


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Writes a file to disk and stops at `SEGMILL_MAX_FILE_BYTES`, whatever its header said.

    Django does not let handlers raise their own errors: the refusal is kept on the request, where
    `received_file` finds it.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a portion.

        Raises:
            StopUpload: the file is too large now; the rest is not read.
        """
        if start + len(raw_data) > settings.SEGMILL_MAX_FILE_BYTES:
            setattr(self.request, REFUSAL_ATTRIBUTE, too_large())
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)


def too_large() -> FileTooLarge:
    """The refusal of a file that is over the limit."""
    return FileTooLarge(
        f"File size exceeded. {settings.SEGMILL_MAX_FILE_BYTES:,} bytes are allowed "
        "(SEGMILL_MAX_FILE_BYTES). Split the file."
    )


def refuse_large_body(request: HttpRequest, beside: int = 1024 * 1024) -> None:
    """Refuse a body by its announced length if it is too large, before reading any of it.

    `beside` is the size that a form may have besides its file, in bytes.

    Raises:
        FileTooLarge: it is longer than both together.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > settings.SEGMILL_MAX_FILE_BYTES + beside:
        raise too_large()


def received_file(request: HttpRequest, field: str = "file") -> UploadedFile[Any]:
    """The one file of a form.

    Raises:
        FileTooLarge: it was cut off.
        NoFileUploaded, TooManyFiles: there is none, or more than one.
    """
    files = [file for _, files in request.FILES.lists() for file in files]
    if refusal := getattr(request, REFUSAL_ATTRIBUTE, None):
        raise refusal
    if len(files) > 1:
        raise TooManyFiles("Only one file is allowed.")
    file = request.FILES.get(field)
    if file is None:
        raise NoFileUploaded("Please upload your file.")
    return file


def download(portions: Iterator[bytes], name: str, kind: FileFormat) -> StreamingHttpResponse:
    """A response that sends a file; an error in its first portion is raised here.

    Raises:
        ExportRefused: a row does not fit into the format.
    """
    whole = chain([next(portions, b"")], portions)
    response = StreamingHttpResponse(whole, content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return response
