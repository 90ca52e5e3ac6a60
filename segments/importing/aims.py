"""What an import wants to make of the segments that are there: which it changes, and to what."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from segments.models import ImportJob
from segments.models.import_job import ImportMode

METADATA_PREFIX = "metadata."
# Parts whose column is taken over as it is; a part the file lacks is left as it was.
PLAIN_PARTS = ("answer", "keywords", "enabled")

TARGETS = """
    SELECT s.job_id, s."row", s.line, m.segment_id, m.needs_vector,
           s.content, {answer} AS answer, {keywords} AS keywords, {external_id} AS external_id,
           {metadata} AS metadata, {enabled} AS enabled, s.tokens, s.content_hash,
           {position} AS position, d.position AS old_position,
           (s.content, {answer}, {keywords}, {external_id}, {metadata}, {enabled})
               IS DISTINCT FROM
           (d.content, d.answer, d.keywords, d.external_id, d.metadata, d.enabled) AS is_changed
    FROM segments_stagedmatch m
    JOIN {rows} s USING (job_id, "row")
    JOIN segments_documentsegment d
        ON d.id = m.segment_id AND d.document_id = %(document)s
    WHERE m.job_id = %(job)s
"""
"""Each staged row that is about a segment, with what the segment shall be."""


RANKED_ROWS = """(
    SELECT *, row_number() OVER (ORDER BY "row") AS rank
    FROM segments_stagedrow WHERE job_id = %(job)s
)"""


@dataclass(frozen=True, slots=True)
class Aim:
    """An import's mode, its place, and the parts of a segment that its file has columns for."""

    job_id: UUID
    document_id: UUID
    dataset_id: UUID
    mode: ImportMode
    parts: frozenset[str]
    has_vectors: bool

    @classmethod
    def of(cls, job: ImportJob) -> Self:
        """The aim of a job whose file has been read."""
        return cls(
            job.pk,
            job.document_id,
            job.dataset_id,
            ImportMode(job.mode),
            frozenset(filter(None, job.source.get("uses", ()))),
            bool(job.embedding_model),
        )

    @property
    def looks_at_segments(self) -> bool:
        """Whether it matters what is there already."""
        return self.mode != ImportMode.APPEND

    @property
    def updates(self) -> bool:
        """Whether segments that are there are changed."""
        return self.mode in (ImportMode.UPSERT, ImportMode.SYNC, ImportMode.REPLACE)

    @property
    def removes(self) -> bool:
        """Whether segments that the file does not have are removed."""
        return self.mode in (ImportMode.SYNC, ImportMode.REPLACE)

    @property
    def ranks(self) -> bool:
        """Whether segments take the positions that their rows have in the file."""
        return self.mode == ImportMode.REPLACE

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements of an import are about."""
        return {
            "job": self.job_id,
            "document": self.document_id,
            "dataset": self.dataset_id,
            "keys": self._metadata_keys(),
        }

    def targets(self) -> str:
        """The statement `TARGETS` for this import."""
        takes_all = self.ranks
        plain = {
            part: f"s.{part}" if takes_all or part in self.parts else f"d.{part}"
            for part in PLAIN_PARTS
        }
        return TARGETS.format(
            rows=RANKED_ROWS if takes_all else "segments_stagedrow",
            external_id="s.external_id" if takes_all else "coalesce(s.external_id, d.external_id)",
            metadata=self._metadata(takes_all),
            position="s.rank" if takes_all else "d.position",
            **plain,
        )

    def _metadata(self, takes_all: bool) -> str:
        if takes_all or "metadata" in self.parts:
            return "s.metadata"
        if self._metadata_keys():
            return "(d.metadata - %(keys)s::text[]) || s.metadata"
        return "d.metadata"

    def _metadata_keys(self) -> list[str]:
        return [part[len(METADATA_PREFIX) :] for part in self.parts if part.startswith("metadata.")]
