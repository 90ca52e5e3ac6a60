"""One import of the benchmark, through the service that every source calls."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from django.conf import settings
from django.db import connection

from datasets.models import DocForm, IndexingTechnique
from segments.embedding import Embedder, get_embedder
from segments.embedding.tokens import count_tokens
from segments.exceptions import ImportRefused
from segments.models import ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports
from segments.services.targets import ImportTarget, create_target

T = TypeVar("T")

TENANT = "benchmark"
# The built-in model, whatever the settings say: a million rows through a paid one would be costly.
PROVIDER, MODEL = "wordllama", "l2_supercat_256"


@dataclass(frozen=True, slots=True)
class Trial:
    """A completed import: its job, and the seconds it took."""

    job: ImportJob
    seconds: float


def import_file(
    path: Path,
    dataset: str,
    document: str = "rows",
    technique: str = IndexingTechnique.HIGH_QUALITY,
    model: tuple[str, str] = (PROVIDER, MODEL),
) -> Trial:
    """Import `path` and time it, including storing the file and cleaning up.

    Raises:
        ImportRefused: the import did not complete.
    """
    provider, name = model if technique == IndexingTechnique.HIGH_QUALITY else ("", "")
    wanted = ImportTarget(
        TENANT,
        dataset,
        document,
        indexing_technique=technique,
        embedding_provider=provider,
        embedding_model=name,
    )
    place = create_target(wanted, DocForm.TEXT)
    began = perf_counter()
    with path.open("rb") as file:
        started = imports.start_import(
            place, file, path.name, source=ImportSource.COMMAND, background=False
        )
    job = imports.run_in_foreground(started)
    seconds = perf_counter() - began
    if job.status != ImportStatus.COMPLETED:
        raise ImportRefused(f"The benchmark's import {job.status}: {job.error}")
    return Trial(job, seconds)


def wipe() -> None:
    """Empty the tables and write everything to disk, so that all trials start alike."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE datasets_tenant CASCADE")
        cursor.execute("CHECKPOINT")


def warm_up() -> Embedder:
    """Load the tokenizer and the embedder, so that no trial pays for it; returns the embedder."""
    embedder = get_embedder(PROVIDER, MODEL)
    embedder.embed_passages(["loaded"])
    count_tokens("loaded")
    return embedder


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """The seconds that `work` took, and its result."""
    began = perf_counter()
    result = work()
    return perf_counter() - began, result


def scratch() -> Path:
    """The folder of the benchmark's files; it is removed with its home."""
    folder = Path(settings.SEGMILL_HOME) / "scratch"
    folder.mkdir(exist_ok=True)
    return folder
