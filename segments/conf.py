"""Every Django setting that Segmill's apps read, with its default and the reason for it.

A project overrides them in its own settings. The settings of our own installation
(`config.settings`) take them from the environment, with these defaults.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings

MIB = 1024 * 1024


class Defaults:
    """The values used where a project sets nothing."""

    # --- Embedding: the model of new datasets ---
    SEGMILL_EMBEDDING_PROVIDER = "wordllama"
    SEGMILL_EMBEDDING_MODEL = "l2_supercat_256"
    # The endpoint of the provider `openai`: any server that speaks OpenAI's /embeddings.
    SEGMILL_OPENAI_BASE_URL = "https://api.openai.com/v1"
    SEGMILL_OPENAI_API_KEY = ""
    # Models of the provider `sentence_transformers`, one folder each. A missing model is downloaded
    # only where that is allowed, so that no import waits for a surprise.
    SEGMILL_MODELS_FOLDER = Path("models")
    SEGMILL_MODEL_DOWNLOADS = False
    # What the model takes and costs; 0 means: whatever the model gives, no limit, no price.
    SEGMILL_EMBEDDING_DIMENSIONS = 0
    SEGMILL_EMBEDDING_TOKEN_LIMIT = 8_192
    SEGMILL_EMBEDDING_PASSAGE_PREFIX = ""
    SEGMILL_EMBEDDING_QUERY_PREFIX = ""
    SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE = ""
    SEGMILL_EMBEDDING_QUERY_INPUT_TYPE = ""
    SEGMILL_EMBEDDING_PRICE = Decimal(0)
    SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE = 0
    SEGMILL_EMBEDDING_TOKENS_PER_MINUTE = 0
    # Large enough that the round trip does not matter, small enough that a chunk keeps several
    # requests in flight.
    SEGMILL_EMBEDDING_BATCH_TEXTS = 256
    SEGMILL_EMBEDDING_CALLS = 4
    # Most requests of one tenant in progress, over all its models; 0 leaves it to each model's own.
    SEGMILL_TENANT_CALLS = 0
    # Where tenants' own endpoints may be; empty means any host with a public address.
    SEGMILL_ENDPOINT_HOSTS: ClassVar[list[str]] = []
    SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = False
    # The installation's own reranker (provider `rerank`): what stands before /rerank, and its key.
    SEGMILL_RERANK_BASE_URL = ""
    SEGMILL_RERANK_API_KEY = ""
    # Encrypts tenants' keys in the database: the first encrypts, all decrypt. Without any, keys
    # derived from SECRET_KEY and its fallbacks do.
    SEGMILL_CREDENTIALS_KEY: ClassVar[list[str]] = []

    # --- Imports ---
    # A chunk is the checkpoint: small enough to lose little in a crash, large enough that claim and
    # commits take little time beside its embedding. Slow models have smaller chunks.
    SEGMILL_CHUNK_ROWS = 4_000
    # Imports of one tenant that run at once; more of them wait, and other tenants' overtake them. 0
    # means no limit.
    SEGMILL_TENANT_IMPORTS = 4
    # How long a claim holds without progress; at least three times the slowest batch.
    SEGMILL_LEASE_SECONDS = 60
    SEGMILL_MAX_FILE_BYTES = 1024 * MIB
    # An import can be retried as long as its file is kept; only files keep growing in number.
    SEGMILL_KEEP_FILES_DAYS = 7
    SEGMILL_KEEP_DETAILS_DAYS = 90

    # --- Index ---
    # Memory of a server process that builds an index, in MiB. An index that needs more is built in
    # several generations; each costs a search a millisecond or two.
    SEGMILL_INDEX_MEMORY_MIB = 512
    # Server processes that help with it. Each takes a core away from imports and searches.
    SEGMILL_INDEX_WORKERS = 1

    # --- Workers ---
    # Where messages to workers go: empty is django-q2; else the dotted path of a function
    # `(task, job_id)` that has a worker of any task queue call `segments.tasks.run(task, job_id)`.
    SEGMILL_QUEUE = ""

    # --- Replicas ---
    # Aliases in DATABASES of streaming replicas of "default": they answer requests that only read,
    # never with less than what the asker has been told is there.
    SEGMILL_REPLICAS: ClassVar[list[str]] = []

    # --- Web ---
    # Requests a minute with one key; 0 means no limit, and then nothing is counted.
    SEGMILL_API_REQUESTS_PER_MINUTE = 0
    # The token that /metrics asks for; without it only requests from this machine are answered.
    SEGMILL_METRICS_TOKEN = ""


# Preparing and publishing are one piece of work each: the largest file (5,000,000 rows) takes
# some 2 and 6 minutes, and this leaves seven times that for slow machines and models.
TASK_TIMEOUT_SECONDS = 3_600
# Seconds a killed worker's message stays hidden, over the time a task may take: the hard kill
# comes three seconds after the timeout, and the message waits in a worker's hand before that.
RETRY_AFTER_TIMEOUT = 2
QUEUE: Mapping[str, Any] = {
    "name": "segmill",
    # On the alias of the data: a message is committed with its job, and the scheduler does not
    # lose its transaction.
    "orm": "default",
    # Messages fetched ahead wait in one machine's memory, where no other machine gets at
    # them and a killed cluster of the Redis broker loses them: one will do.
    "queue_limit": 1,
    # An unreadable message would take the rest of its batch with it.
    "bulk": 1,
    # Ends what hangs. Leases, not this, bring the work of a lost worker to another one.
    "timeout": TASK_TIMEOUT_SECONDS,
    # Counted from the fetching of the message: below the timeout work would run twice.
    "retry": RETRY_AFTER_TIMEOUT * TASK_TIMEOUT_SECONDS,
    # Attempts are counted in our own tables, at the claim; django-q2 counts neither
    # killed workers nor lost results, and would repeat a failed task for ever.
    "ack_failures": True,
    "max_attempts": 5,
    # Workers are renewed now and then, so that a leak in a library stays small.
    "recycle": 200,
    # The hard kill fires when a countdown from timeout + 3 in steps of this meets zero
    # exactly: a step that does not divide it switches the kill off.
    "guard_cycle": 0.5,
    # A schedule that was missed while all was down is due once, not once per slot.
    "catch_up": False,
    # Results are in our tables; keeping them here would lock 250 rows per task.
    "save_limit": -1,
    "poll": 0.5,
    "cache": "default",
}
"""Django-q2's settings, where a project has no `Q_CLUSTER` of its own."""


def fill_in() -> None:
    """Set every default that the project's settings do not override."""
    for name, default in vars(Defaults).items():
        if name.startswith("SEGMILL_") and not hasattr(settings, name):
            setattr(settings, name, default)
    if not hasattr(settings, "Q_CLUSTER"):
        settings.Q_CLUSTER = dict(QUEUE)


def project_folder() -> Path:
    """Where manage.py is: `BASE_DIR`, as in Django's own template, or the current folder."""
    return Path(getattr(settings, "BASE_DIR", "."))
