"""Segmill's Django settings. What an installation may change comes from the environment.

The README's table names every variable, its default and its reason.
"""

import multiprocessing
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext

from config import env
from config.database import database_from, limit_transactions
from config.home import folder_in, local_secret_key
from config.logs import logging_from, password_of
from config.queue import cache_from, cluster_from, neighbour
from config.rest import REST_FRAMEWORK as REST_FRAMEWORK
from config.rest import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# --- Where this installation keeps its things -------------------------------------------------
SEGMILL_HOME = env.folder("SEGMILL_HOME", BASE_DIR / "var")
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.redis_url("REDIS_URL")

DATABASES = {"default": database_from(DATABASE_URL, SEGMILL_HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = SEGMILL_HOME / "files"
STATIC_URL = "static/"
# Served by the application itself, out of the packages they come in: nothing is to be collected.
WHITENOISE_USE_FINDERS = True

# --- Web ---------------------------------------------------------------------------------------
DEBUG = env.switch("SEGMILL_DEBUG", default=False)
SECRET_KEY = env.text("SEGMILL_SECRET_KEY") or local_secret_key(SEGMILL_HOME)
# Keys of before a rotation: what was signed or encrypted with them can still be read.
SECRET_KEY_FALLBACKS = env.words("SEGMILL_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("SEGMILL_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# Whose X-Forwarded-For and -Proto our web server believes: the proxy in front of it.
SEGMILL_TRUSTED_PROXY = env.text("SEGMILL_TRUSTED_PROXY")
# Cookies by HTTPS only, everybody sent there; the proxy in front speaks it.
SEGMILL_HTTPS = env.switch("SEGMILL_HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SEGMILL_HTTPS
# So long browsers ask by HTTPS only, whatever happens: an hour, until all is proved to work.
SEGMILL_HSTS_SECONDS = env.whole_number("SEGMILL_HSTS_SECONDS", 3_600)
SECURE_HSTS_SECONDS = SEGMILL_HSTS_SECONDS if SEGMILL_HTTPS else 0
# Binds every subdomain of the host too, for good: for who owns them all to decide.
SEGMILL_HSTS_SUBDOMAINS = env.switch("SEGMILL_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SEGMILL_HSTS_SUBDOMAINS
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "config",  # for its commands
    "datasets",
    "segments",  # before django_q: its `qcluster` takes the place of django-q2's
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "segments.middleware.ProbesMiddleware",
    "segments.middleware.OutageMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Guessing passwords: after so many wrong ones for an account from an address, that address has to
# wait. Counted in the database, so by all web processes together; the account itself stays open,
# or anybody could lock out anybody.
SEGMILL_LOGIN_FAILURES = env.whole_number("SEGMILL_LOGIN_FAILURES", 5, minimum=1)
SEGMILL_LOGIN_PAUSE_SECONDS = env.whole_number("SEGMILL_LOGIN_PAUSE_SECONDS", 900, minimum=1)
AXES_FAILURE_LIMIT = SEGMILL_LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(seconds=SEGMILL_LOGIN_PAUSE_SECONDS)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "datasets.accounts.refuse_for_now"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Embedding -----------------------------------------------------------------------------------
# Segmill embeds in threads and workers of its own. Left to itself, Hugging Face's tokenizer starts
# a thread a core for each small batch, which costs 40 % more processor time than it saves.
env.tell_libraries("TOKENIZERS_PARALLELISM", "false")
SEGMILL_EMBEDDING_PROVIDER = env.text("SEGMILL_EMBEDDING_PROVIDER", "wordllama")
SEGMILL_EMBEDDING_MODEL = env.text("SEGMILL_EMBEDDING_MODEL", "l2_supercat_256")

# The endpoint of the provider `openai`: any server that speaks OpenAI's /embeddings.
SEGMILL_OPENAI_BASE_URL = env.text("SEGMILL_OPENAI_BASE_URL", "https://api.openai.com/v1")
SEGMILL_OPENAI_API_KEY = env.text("SEGMILL_OPENAI_API_KEY")
# Models of the provider `sentence_transformers`, one folder each. What is not there is only
# fetched from the internet where that is allowed: an import never waits for a surprise.
SEGMILL_MODELS_FOLDER = env.folder("SEGMILL_MODELS_FOLDER", SEGMILL_HOME / "models")
SEGMILL_MODEL_DOWNLOADS = env.switch("SEGMILL_MODEL_DOWNLOADS", default=False)
# What the model takes and costs; 0 is: whatever the model gives, no limit, no price.
SEGMILL_EMBEDDING_DIMENSIONS = env.whole_number("SEGMILL_EMBEDDING_DIMENSIONS", 0)
SEGMILL_EMBEDDING_TOKEN_LIMIT = env.whole_number("SEGMILL_EMBEDDING_TOKEN_LIMIT", 8_192, minimum=1)
SEGMILL_EMBEDDING_PASSAGE_PREFIX = env.verbatim("SEGMILL_EMBEDDING_PASSAGE_PREFIX")
SEGMILL_EMBEDDING_QUERY_PREFIX = env.verbatim("SEGMILL_EMBEDDING_QUERY_PREFIX")
SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE = env.text("SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE")
SEGMILL_EMBEDDING_QUERY_INPUT_TYPE = env.text("SEGMILL_EMBEDDING_QUERY_INPUT_TYPE")
SEGMILL_EMBEDDING_NORMALISE = env.switch("SEGMILL_EMBEDDING_NORMALISE", default=True)
SEGMILL_EMBEDDING_PRICE = env.amount("SEGMILL_EMBEDDING_PRICE", "0")
SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE = env.whole_number("SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE", 0)
SEGMILL_EMBEDDING_TOKENS_PER_MINUTE = env.whole_number("SEGMILL_EMBEDDING_TOKENS_PER_MINUTE", 0)
# Large enough that the way there does not count, small enough that a chunk of 2,000 rows
# keeps several requests in flight.
SEGMILL_EMBEDDING_BATCH_TEXTS = env.whole_number("SEGMILL_EMBEDDING_BATCH_TEXTS", 256, minimum=1)
SEGMILL_EMBEDDING_CALLS = env.whole_number("SEGMILL_EMBEDDING_CALLS", 4, minimum=1)
# A request is given up after this long, whether nothing comes or only a trickle.
SEGMILL_EMBEDDING_TIMEOUT_SECONDS = env.whole_number(
    "SEGMILL_EMBEDDING_TIMEOUT_SECONDS", 60, minimum=1
)
# So often a request is tried against an endpoint that fails, and so long one that is over its
# rate limit is waited for, before the import is left as interrupted.
SEGMILL_EMBEDDING_ATTEMPTS = env.whole_number("SEGMILL_EMBEDDING_ATTEMPTS", 5, minimum=1)
SEGMILL_EMBEDDING_PATIENCE_SECONDS = env.whole_number("SEGMILL_EMBEDDING_PATIENCE_SECONDS", 900)
# Most requests of one tenant under way, over all its models; 0 leaves it to each model's own.
SEGMILL_TENANT_CALLS = env.whole_number("SEGMILL_TENANT_CALLS", 0)
# Where tenants' own endpoints may be; empty is any host, but at public addresses only.
SEGMILL_ENDPOINT_HOSTS = env.words("SEGMILL_ENDPOINT_HOSTS")
SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = env.switch("SEGMILL_ENDPOINT_PRIVATE_ADDRESSES", default=False)
# Encrypts tenants' keys in the database: the first encrypts, all decrypt.
SEGMILL_CREDENTIALS_KEY = env.words("SEGMILL_CREDENTIALS_KEY")
# An interrupted import goes on by itself after this long: an outage is longer than a hiccup.
SEGMILL_RESUME_SECONDS = env.whole_number("SEGMILL_RESUME_SECONDS", 300)
# 2,048 vectors of 4,096 numbers, printed as text, are 180 MB.
SEGMILL_EMBEDDING_MAX_ANSWER_BYTES = env.whole_number(
    "SEGMILL_EMBEDDING_MAX_ANSWER_BYTES", 256 * MIB, minimum=1
)

# --- The import ----------------------------------------------------------------------------------
# A chunk is the checkpoint: small enough to lose little in a crash, large enough that its
# claim and commits do not count against its embedding. Slow models have smaller ones.
SEGMILL_CHUNK_ROWS = env.whole_number("SEGMILL_CHUNK_ROWS", 4_000, minimum=1)
# One thread embeds while the other waits for Postgres; more than cores only adds memory.
SEGMILL_EMBED_THREADS = env.whole_number(
    "SEGMILL_EMBED_THREADS", min(2, multiprocessing.cpu_count()), minimum=1
)
# Imports of one tenant under way at once; the next ones wait, and others' go past them. 0 is
# no limit.
SEGMILL_TENANT_IMPORTS = env.whole_number("SEGMILL_TENANT_IMPORTS", 4)
# How long a claim holds without a sign of progress; three times the slowest batch or more.
SEGMILL_LEASE_SECONDS = env.whole_number("SEGMILL_LEASE_SECONDS", 60, minimum=3, maximum=86_400)
SEGMILL_MAX_ATTEMPTS = env.whole_number("SEGMILL_MAX_ATTEMPTS", 5, minimum=1)
# The pause after the first error that is not the import's own; it doubles with each.
SEGMILL_RETRY_SECONDS = env.whole_number("SEGMILL_RETRY_SECONDS", 5, minimum=1)
# No transaction of ours is idle for longer than a moment: one that is has lost its client.
limit_transactions(DATABASES["default"], SEGMILL_LEASE_SECONDS)

# An upload goes to disk as it comes, counted: it never fills the memory, and one that is too
# large is cut off. The folder is beside the files, for /tmp may be memory.
FILE_UPLOAD_HANDLERS = ["segments.http.LimitedUploadHandler"]
FILE_UPLOAD_TEMP_DIR = folder_in(SEGMILL_HOME, "incoming")
# JSON bodies; files come in multipart bodies and have a limit of their own.
SEGMILL_MAX_BODY_BYTES = env.whole_number("SEGMILL_MAX_BODY_BYTES", 16 * MIB, minimum=1024)

# --- Limits of an import -----------------------------------------------------------------------
SEGMILL_MAX_FILE_BYTES = env.whole_number("SEGMILL_MAX_FILE_BYTES", 1024 * MIB, minimum=1)
# What a packed file (gzip, XLSX) may unpack to; real tables pack 5 to 40 times.
SEGMILL_MAX_UNPACKED_BYTES = env.whole_number("SEGMILL_MAX_UNPACKED_BYTES", 4096 * MIB, minimum=1)
SEGMILL_MAX_UNPACKED_RATIO = env.whole_number("SEGMILL_MAX_UNPACKED_RATIO", 100, minimum=2)
# Reading and checking 5,000,000 rows takes some four minutes; below SEGMILL_TASK_TIMEOUT.
SEGMILL_MAX_PARSE_SECONDS = env.whole_number("SEGMILL_MAX_PARSE_SECONDS", 1_800, minimum=1)
SEGMILL_MAX_ROWS = env.whole_number("SEGMILL_MAX_ROWS", 5_000_000, minimum=1)
SEGMILL_MAX_COLUMNS = env.whole_number("SEGMILL_MAX_COLUMNS", 200, minimum=1)
# A full-text entry may hold 1 MB at most (PostgreSQL, "Limitations of text search"); 100,000
# characters of question and answer each stay below it in every script.
SEGMILL_MAX_CELL_CHARS = env.whole_number("SEGMILL_MAX_CELL_CHARS", 100_000, minimum=1)
# Kept for the report; all bad rows are counted, however many there are.
SEGMILL_MAX_ROW_ERRORS = env.whole_number("SEGMILL_MAX_ROW_ERRORS", 10_000, minimum=100)

# An import can be retried as long as its file is kept; files are the one thing that grows.
SEGMILL_KEEP_FILES_DAYS = env.whole_number("SEGMILL_KEEP_FILES_DAYS", 7)

# --- Queue and cache -----------------------------------------------------------------------------
# One Redis server serves both, in two of its databases: clearing a cache empties its database.
SEGMILL_BROKER_URL = env.redis_url("SEGMILL_BROKER_URL", REDIS_URL)
SEGMILL_CACHE_URL = env.redis_url("SEGMILL_CACHE_URL", neighbour(REDIS_URL) if REDIS_URL else "")
SEGMILL_WORKERS = env.whole_number("SEGMILL_WORKERS", multiprocessing.cpu_count(), minimum=1)
# Preparing and publishing are one piece of work each: 5,000,000 rows (SEGMILL_MAX_ROWS) take
# some 2 and 6 minutes, and this leaves seven times that for slow machines and models.
SEGMILL_TASK_TIMEOUT = env.whole_number("SEGMILL_TASK_TIMEOUT", 3_600, minimum=60)
# Then a worker lets others have their turn, so that a small import need not wait for a big one.
SEGMILL_TURN_SECONDS = env.whole_number("SEGMILL_TURN_SECONDS", 60, minimum=1)
# How often the reaper looks: what a killed worker leaves is taken up a lease and a look later.
SEGMILL_REAPER_SECONDS = env.whole_number("SEGMILL_REAPER_SECONDS", 5, minimum=1)
# A worker takes work within a second of the hint, which is sent again after a lease and a look.
# Work that waits for longer than this while no worker takes any: the workers hang.
SEGMILL_STALL_SECONDS = env.whole_number("SEGMILL_STALL_SECONDS", 90, minimum=5)
SEGMILL_EXPIRE_HOURS = env.whole_number("SEGMILL_EXPIRE_HOURS", 168, minimum=1)
SEGMILL_KEEP_DETAILS_DAYS = env.whole_number("SEGMILL_KEEP_DETAILS_DAYS", 90, minimum=1)
SEGMILL_WORKER_MAX_MIB = env.whole_number("SEGMILL_WORKER_MAX_MIB", 2_048, minimum=256)

Q_CLUSTER = cluster_from(
    SEGMILL_BROKER_URL,
    workers=SEGMILL_WORKERS,
    timeout=SEGMILL_TASK_TIMEOUT,
    max_rss_kib=SEGMILL_WORKER_MAX_MIB * 1024,
)
CACHES: dict[str, dict[str, Any]] = {"default": cache_from(SEGMILL_CACHE_URL, SEGMILL_HOME)}

# --- REST API ------------------------------------------------------------------------------------
# Requests a minute with one key, counted by all web processes together; 0 is no limit, and then
# nothing is counted.
SEGMILL_API_REQUESTS_PER_MINUTE = env.whole_number("SEGMILL_API_REQUESTS_PER_MINUTE", 0)

# --- Operation -----------------------------------------------------------------------------------
# What /metrics asks for; without it only this machine itself may look.
SEGMILL_METRICS_TOKEN = env.text("SEGMILL_METRICS_TOKEN")

SEGMILL_LOG_LEVEL = env.choice("SEGMILL_LOG_LEVEL", "WARNING", of=LOG_LEVELS)
SEGMILL_LOG_FORMAT = env.choice("SEGMILL_LOG_FORMAT", "text", of=("text", "json"))
LOGGING = logging_from(
    SEGMILL_LOG_LEVEL,
    SEGMILL_LOG_FORMAT,
    secrets=[
        SECRET_KEY,
        *SECRET_KEY_FALLBACKS,
        *SEGMILL_CREDENTIALS_KEY,
        SEGMILL_OPENAI_API_KEY,
        SEGMILL_METRICS_TOKEN,
        password_of(DATABASE_URL),
        password_of(SEGMILL_BROKER_URL),
        password_of(SEGMILL_CACHE_URL),
    ],
)
