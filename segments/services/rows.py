"""Imports of rows that a program has: of a queryset, an API, another database."""

import json
from collections.abc import Iterable, Mapping
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder

from datasets.models import Document
from segments.files.options import ImportOptions
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.services.imports import start_import

# Up to this many bytes of rows wait in memory, more in a temporary file.
IN_MEMORY_BYTES = 4 * 1024 * 1024


def start_rows_import(
    document: Document,
    rows: Iterable[Mapping[str, object]],
    name: str = "rows.jsonl",
    *,
    user: User | None = None,
    options: ImportOptions | None = None,
    background: bool = True,
    idempotency_key: str | None = None,
) -> ImportJob:
    """Import `rows`, each a mapping from column names to values, as `start_import` does a file.

    The keys are the columns of a file (`content`, `answer`, `external_id`, `metadata`, …); dates,
    times, decimals and UUIDs become text. Rows are read once, one by one, so a queryset of
    millions (`.values(…).iterator()`) needs no memory. `name` is what the history shows.

    Raises:
        ImportRefused, FileTooLarge, IdempotencyConflict: as `start_import`.
        TypeError: a value cannot be written as JSON.
    """
    with SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, cls=DjangoJSONEncoder)
            file.write(line.encode() + b"\n")
        file.seek(0)
        return start_import(
            document,
            cast("IO[bytes]", file),
            name,
            source=ImportSource.PROGRAM,
            user=user,
            options=options,
            background=background,
            idempotency_key=idempotency_key,
        )
