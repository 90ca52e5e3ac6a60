"""Every Django setting that Segmill's apps read, with its default and the reason for it.

A project overrides them in its own settings. The settings of our own installation
(`config.settings`) take them from the environment, with these defaults.
"""

from decimal import Decimal
from pathlib import Path
from typing import ClassVar

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
    # A search waits no longer for a reranker, then answers in its own order.
    SEGMILL_RERANK_SECONDS = 5
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
    # A worker takes work within a second of its message, and a lost message is sent again after a
    # lease and one round of the reaper. If work waits longer and no worker takes any, they hang.
    SEGMILL_STALL_SECONDS = 90

    # --- Web ---
    # Requests a minute with one key; 0 means no limit, and then nothing is counted.
    SEGMILL_API_REQUESTS_PER_MINUTE = 0
    # The token that /metrics asks for; without it only requests from this machine are answered.
    SEGMILL_METRICS_TOKEN = ""


def fill_in() -> None:
    """Set every default that the project's settings do not override."""
    for name, default in vars(Defaults).items():
        if name.startswith("SEGMILL_") and not hasattr(settings, name):
            setattr(settings, name, default)


def project_folder() -> Path:
    """Where manage.py is: `BASE_DIR`, as in Django's own template, or the current folder."""
    return Path(getattr(settings, "BASE_DIR", "."))
