"""System checks of what settings say: models, servers, queue and cache."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from segments.db.pgvector import extension_problem, server_problem
from segments.embedding.catalog import installed_model, load
from segments.exceptions import NoEmbeddingModel
from segments.jobs.queue import has_django_q

# Seconds after a task's timeout at which django-q2 kills its worker.
KILL_AFTER_TIMEOUT = 3
CACHE_LINE = (
    'CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", '
    '"LOCATION": BASE_DIR / "cache"}}'
)
PER_PROCESS_CACHES = frozenset({"LocMemCache", "DummyCache"})


def add_line(line: str) -> str:
    """The remedy that is a line of the settings."""
    return f"Add to your settings: {line}"


@register()
def check_embedding(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`segments.E007`: the embedding model of new datasets is not available."""
    try:
        load(installed_model(settings.SEGMILL_EMBEDDING_PROVIDER, settings.SEGMILL_EMBEDDING_MODEL))
    except NoEmbeddingModel as refusal:
        return [
            Error(
                str(refusal),
                hint="Set SEGMILL_EMBEDDING_PROVIDER and SEGMILL_EMBEDDING_MODEL, or remove both.",
                id="segments.E007",
            )
        ]
    return []


@register(Tags.database)
def check_server(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """`segments.E008` and `E009`: the PostgreSQL server or its pgvector is too old or missing.

    Runs before `migrate`, and for `check --database`.
    """
    return [problem for alias in databases or () for problem in _server_problems(alias)]


def _server_problems(alias: str) -> Iterator[Error]:
    if connections[alias].vendor != "postgresql":
        return  # check_database says so of ours; others may be what they like
    with connections[alias].cursor() as cursor:
        if problem := server_problem(cursor):
            yield Error(problem, id="segments.E008")
        elif problem := extension_problem(cursor):
            yield Error(problem, id="segments.E009")


@register()
def check_queue(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`segments.E002` to `E006`: queue and cache as imports need them."""
    queue = settings.Q_CLUSTER if has_django_q() else {}
    return list(queue_problems(queue, settings.CACHES["default"]))


def queue_problems(queue: Mapping[str, Any], cache: Mapping[str, Any]) -> Iterator[Error]:
    """What is wrong with the settings of django-q2, if it is used, and of the default cache."""
    if queue:
        yield from _timing_problems(queue)
    if queue.get("orm", "default") != "default":
        yield Error(
            f"The queue is in the database “{queue['orm']}”, not in that of the imports.",
            hint="Set Q_CLUSTER's orm to “default”: a message is committed with its import.",
            id="segments.E006",
        )
    backend = str(cache["BACKEND"]).rpartition(".")[2]
    if backend in PER_PROCESS_CACHES:
        yield Error(
            f"The default cache is {backend}, which is not shared between processes.",
            hint=f"Use a cache that web and workers share. {add_line(CACHE_LINE)}",
            id="segments.E004",
        )
    if "redis" in queue and _redis_of(queue["redis"]) in _redis_of_cache(cache):
        yield Error(
            "The queue and the cache are in the same Redis database: clearing the cache "
            "would empty the queue.",
            hint="Give REDIS_URL and SEGMILL_CACHE_URL different database numbers.",
            id="segments.E005",
        )


def _timing_problems(queue: Mapping[str, Any]) -> Iterator[Error]:
    timeout, retry = queue.get("timeout"), queue.get("retry", 60)
    if not timeout or retry <= timeout + KILL_AFTER_TIMEOUT:
        yield Error(
            f"The queue repeats a message after {retry} s, while its task may still run "
            f"(timeout: {timeout} s).",
            hint="Set Q_CLUSTER's timeout, and retry to twice that; or remove Q_CLUSTER for the "
            "default.",
            id="segments.E002",
        )
    cycle = queue.get("guard_cycle", 0.5)
    if timeout and (cycle <= 0 or Fraction(timeout + KILL_AFTER_TIMEOUT) % Fraction(cycle)):
        yield Error(
            f"With a guard_cycle of {cycle} s a hung worker is never killed: it does not divide "
            f"timeout + {KILL_AFTER_TIMEOUT} s exactly.",
            hint="Set Q_CLUSTER's guard_cycle to 0.5.",
            id="segments.E003",
        )


def redis_database(url: str) -> tuple[str, int]:
    """The server that `url` names, and the number of the database on it."""
    from redis.connection import parse_url  # of the extra `redis`

    named = parse_url(url)  # type: ignore[no-untyped-call]
    server = named.get("path") or f"{named.get('host', 'localhost')}:{named.get('port', 6379)}"
    return str(server), int(named.get("db", 0))


def _redis_of(broker: str | Mapping[str, Any]) -> tuple[str, int]:
    if isinstance(broker, str):
        return redis_database(broker)
    host = f"{broker.get('host', 'localhost')}:{broker.get('port', 6379)}"
    return host, int(broker.get("db", 0))


def _redis_of_cache(cache: Mapping[str, Any]) -> list[tuple[str, int]]:
    if "redis" not in str(cache["BACKEND"]).lower():
        return []
    location = cache.get("LOCATION", "")
    addresses = [location] if isinstance(location, str) else location
    return [redis_database(address) for address in addresses]
