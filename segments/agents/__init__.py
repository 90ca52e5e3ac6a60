"""The tools that language models use by the Model Context Protocol, for the holder of an API key.

They reach what the key reaches. A tool that changes something is offered only to keys that may.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec
from uuid import UUID

from asgiref.sync import sync_to_async
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from datasets.exceptions import SegmillError
from datasets.models import Dataset, Document
from segments import __version__
from segments.exceptions import SegmentNotFound
from segments.models import ApiKey, DocumentSegment
from segments.search import SearchMethod, search
from segments.search.hit_counts import HITS
from segments.services.new_segments import NewSegment, add_segments

INSTRUCTIONS = (
    "A knowledge base: datasets of documents, which are lists of segments (passages, or questions "
    "with answers). Call list_datasets first, then search a dataset by its id."
)
LISTED = 100
P = ParamSpec("P")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Agent:
    """Who holds the key, and what the tools do for them."""

    key: ApiKey

    def list_datasets(self) -> list[Json]:
        """The datasets, each with its documents' ids and names."""
        datasets = self._datasets().prefetch_related("documents").order_by("name")[:LISTED]
        return [
            {
                "id": str(dataset.pk),
                "name": dataset.name,
                "description": dataset.description,
                "documents": [
                    {"id": str(document.pk), "name": document.name, "doc_form": document.doc_form}
                    for document in dataset.documents.all()[:LISTED]
                ],
            }
            for dataset in datasets
        ]

    def search(self, dataset_id: str, query: str, top_k: int = 5) -> list[Json]:
        """The segments of a dataset that answer a question best, best first.

        top_k: how many at most, 1 to 100.
        """
        hits = search(self._dataset(dataset_id), query, SearchMethod.HYBRID, top_k)
        HITS.add(hit.segment_id for hit in hits)
        return [hit.as_json() for hit in hits]

    def get_segment(self, segment_id: str) -> Json:
        """One segment with its whole text, by the id that a search has returned."""
        segments = DocumentSegment.objects.without_vectors().select_related("document")
        found = segments.filter(dataset__in=self._datasets(), pk=_uuid(segment_id)).first()
        if found is None:
            raise SegmentNotFound(segment_id)
        return _shown(found)

    def add_segments(self, document_id: str, segments: list[Json]) -> list[Json]:
        """Add segments at the end of a document; search finds them at once.

        segments: objects with "content" and, in a document of questions, "answer"; also
        "keywords" (a list) and "external_id" if you like. All are added, or none.
        """
        documents = Document.objects.select_related("dataset__tenant")
        own = documents.filter(dataset__in=self._datasets(), pk=_uuid(document_id))
        document = own.first()
        if document is None:
            raise ToolError(f"There is no document {document_id}. Take an id of list_datasets.")
        added = add_segments(document, [_new(given) for given in segments], self.key.created_by)
        return [_shown(segment) for segment in added]

    def _datasets(self) -> Any:
        own = Dataset.objects.filter(tenant=self.key.tenant, enable_api=True)
        return own.filter(pk=self.key.dataset_id) if self.key.dataset_id else own

    def _dataset(self, dataset_id: str) -> Dataset:
        found: Dataset | None = self._datasets().filter(pk=_uuid(dataset_id)).first()
        if found is None:
            raise ToolError(f"There is no dataset {dataset_id}. Take an id of list_datasets.")
        return found


def server_for(key: ApiKey) -> MCPServer[Any]:
    """A server with the tools for the holder of `key`."""
    agent = Agent(key)
    server: MCPServer[Any] = MCPServer("Segmill", version=__version__, instructions=INSTRUCTIONS)
    for tool in (agent.search, agent.list_datasets, agent.get_segment):
        server.add_tool(_asynchronous(tool), annotations=ToolAnnotations(read_only_hint=True))
    if key.may_write:
        changes = ToolAnnotations(read_only_hint=False, destructive_hint=False)
        server.add_tool(_asynchronous(agent.add_segments), annotations=changes)
    return server


def _asynchronous(tool: Callable[P, Any]) -> Callable[P, Any]:
    """The tool for an event loop; what it refuses is told to the model."""

    def in_words(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return tool(*args, **kwargs)
        except SegmillError as refusal:
            raise ToolError(str(refusal)) from refusal

    @wraps(tool)
    async def run(*args: P.args, **kwargs: P.kwargs) -> Any:
        return await sync_to_async(in_words)(*args, **kwargs)

    return run


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ToolError(f"“{text}” is not an id. Take one of list_datasets or search.") from None


def _new(given: Json) -> NewSegment:
    """A segment as a model describes it.

    Raises:
        ToolError: a part is unknown or of the wrong kind.
    """
    kinds = {"content": str, "answer": str, "keywords": list, "external_id": str}
    for name, value in given.items():
        if name not in kinds or not isinstance(value, kinds[name]):
            raise ToolError(f"“{name}” of a segment cannot be {value!r}. There are {list(kinds)}.")
    if not given.get("content"):
        raise ToolError("A segment has no content. Add it.")
    return NewSegment(**given)


def _shown(segment: DocumentSegment) -> Json:
    return {
        "id": str(segment.pk),
        "document_id": str(segment.document_id),
        "position": segment.position,
        "content": segment.content,
        "answer": segment.answer,
        "keywords": segment.keywords or [],
        "metadata": segment.metadata,
        "enabled": segment.enabled,
    }
