"""Progress as it happens, as Server-Sent Events: of an import, and of a document's indexing."""

import json
from collections import Counter
from collections.abc import Callable, Generator
from threading import Lock
from time import monotonic, sleep
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from segments.api.documents import indexing_of
from segments.api.serializers.imports import ProgressSerializer
from segments.api.throttling import TooManyStreams
from segments.api.views import ApiView
from segments.models import ApiKey
from segments.progress import read_progress

LOOK_SECONDS = 1.0
# Proxies close a connection that is silent for a minute.
BEAT_SECONDS = 15.0
# Of one tenant in a web process; each takes a thread.
MOST_STREAMS = 20
ENDS = frozenset({"completed", "error"})
EVENT = {
    "type": "object",
    "description": "Each event; its data is JSON.",
    "properties": {"event": {"enum": ["progress", "end"]}, "data": {"type": "string"}},
    "required": ["event", "data"],
}
STREAM = {(200, "text/event-stream"): EVENT}

Json = dict[str, Any]
_open_streams = Counter[UUID]()
_lock = Lock()


class ImportEventsView(ApiView):
    """How far an import is, until it ends."""

    @extend_schema(operation_id="import_events", responses=STREAM)
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Events named `progress`: the data is what `batch_import_status` answers.

        One comes at once, and another with each change; the stream ends with the import.
        """
        job = self.import_job(job_id)

        def look() -> tuple[Json, bool]:
            shown = dict(ProgressSerializer(read_progress(job.pk)).data)
            return shown, shown["job_status"] in ENDS

        return stream(self.key, look)


class IndexingEventsView(ApiView):
    """How far the indexing of a document is, until it ends."""

    @extend_schema(operation_id="indexing_events", responses=STREAM)
    def get(self, request: Request, dataset_id: UUID, batch: str) -> StreamingHttpResponse:
        """Events named `progress`: the data is what `indexing-status` answers."""
        dataset = self.dataset(dataset_id)
        if not indexing_of(dataset, batch):
            raise NotFound("Documents not found.")

        def look() -> tuple[Json, bool]:
            states = indexing_of(dataset, batch)
            return {"data": states}, all(state["indexing_status"] in ENDS for state in states)

        return stream(self.key, look)


def stream(key: ApiKey, look: Callable[[], tuple[Json, bool]]) -> StreamingHttpResponse:
    """The events of what `look` returns: a state, and whether it is the last one.

    Raises:
        TooManyStreams: the tenant has as many as it may.
    """
    with _lock:
        if _open_streams[key.tenant_id] >= MOST_STREAMS:
            raise TooManyStreams
        _open_streams[key.tenant_id] += 1
    answer = StreamingHttpResponse(_counted(key, look), content_type="text/event-stream")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"  # nginx would collect events
    return answer


class _counted:  # noqa: N801  (a generator that is never started would not be closed)
    """The events; the stream counts until it is closed."""

    def __init__(self, key: ApiKey, look: Callable[[], tuple[Json, bool]]) -> None:
        self._tenant_id = key.tenant_id
        self._events = _events(key, look)
        self._is_open = True

    def __iter__(self) -> Generator[bytes]:
        return self._events

    def close(self) -> None:
        self._events.close()
        with _lock:
            if self._is_open:
                _open_streams[self._tenant_id] -= 1
            self._is_open = False


def _events(key: ApiKey, look: Callable[[], tuple[Json, bool]]) -> Generator[bytes]:
    last, said_at = None, 0.0
    while ApiKey.objects.usable().filter(pk=key.pk).exists():
        state, is_last = look()
        if state != last:
            yield f"event: progress\ndata: {json.dumps(state, default=str)}\n\n".encode()
            last, said_at = state, monotonic()
        elif monotonic() - said_at > BEAT_SECONDS:
            yield b": still there\n\n"
            said_at = monotonic()
        if is_last:
            return
        sleep(LOOK_SECONDS)
    yield b'event: end\ndata: {"reason": "The key can no longer be used."}\n\n'
