"""Segmill's Django settings. What an installation may change comes from the environment.

The README's table names every variable, its default and its reason.
"""

import multiprocessing
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from config import env
from config.database import database_from, limit_transactions, replicas_from
from config.home import folder_in, local_secret_key
from config.logs import logging_from, password_of
from config.queue import cache_from, cluster_from, neighbour
from segments.conf import TASK_TIMEOUT_SECONDS, Defaults

BASE_DIR = Path(__file__).resolve().parent.parent
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# --- Where this installation keeps its files -------------------------------------------------
SEGMILL_HOME = env.folder("SEGMILL_HOME", BASE_DIR / "var")
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.redis_url("REDIS_URL")

# Streaming replicas, for searches, lists, exports and states.
SEGMILL_REPLICA_URLS = env.words("SEGMILL_REPLICA_URLS")
SEGMILL_REPLICAS = list(replicas := replicas_from(SEGMILL_REPLICA_URLS))

DATABASES = {"default": database_from(DATABASE_URL, SEGMILL_HOME), **replicas}
DATABASE_ROUTERS = ["segments.db.replicas.ReplicaRouter"] if replicas else []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = SEGMILL_HOME / "files"
# Hosts that share no disk hand uploads over in the database.
SEGMILL_UPLOADS = env.choice("SEGMILL_UPLOADS", "files", of=("files", "database"))
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if SEGMILL_UPLOADS == "database":
    STORAGES["segmill"] = {"BACKEND": "segments.db.storage.DatabaseStorage"}
STATIC_URL = "static/"
# Served by the application itself, from the packages they come in: no collectstatic.
WHITENOISE_USE_FINDERS = True

# --- Web ---------------------------------------------------------------------------------------
DEBUG = env.switch("SEGMILL_DEBUG", default=False)
SECRET_KEY = env.text("SEGMILL_SECRET_KEY") or local_secret_key(SEGMILL_HOME)
# Keys from before a rotation: data signed or encrypted with them can still be read.
SECRET_KEY_FALLBACKS = env.words("SEGMILL_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("SEGMILL_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# The proxy whose X-Forwarded-For and -Proto our web server trusts.
SEGMILL_TRUSTED_PROXY = env.text("SEGMILL_TRUSTED_PROXY")
# Cookies over HTTPS only, and redirects to it; the proxy in front terminates it.
SEGMILL_HTTPS = env.switch("SEGMILL_HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SEGMILL_HTTPS
# How long browsers insist on HTTPS: an hour, until everything is known to work.
SEGMILL_HSTS_SECONDS = env.whole_number("SEGMILL_HSTS_SECONDS", 3_600)
SECURE_HSTS_SECONDS = SEGMILL_HSTS_SECONDS if SEGMILL_HTTPS else 0
# Also binds every subdomain of the host, permanently: only for those who own them all.
SEGMILL_HSTS_SUBDOMAINS = env.switch("SEGMILL_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SEGMILL_HSTS_SUBDOMAINS
# Where a login ends whose `next` leads elsewhere; Django's own default does not exist here.
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
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
    "csp",
    "config",  # for its commands
    "datasets",
    "segments",  # before django_q: its `qcluster` takes the place of django-q2's
    "django_q",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
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
if SEGMILL_REPLICAS:  # the last one: it answers requests that only read
    MIDDLEWARE.append("segments.middleware.ReplicaMiddleware")
# What browsers let our pages do: load what we serve, talk to us, and nothing else. No page has
# code or styles within it, so what an attacker might put there does not run.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # the API's documentation has pictures in its styles
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Of what a browser can give a page, ours need nothing; these are the ones that people fear for.
PERMISSIONS_POLICY: dict[str, list[str]] = {
    feature: []
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media"),
        *("fullscreen", "geolocation", "gyroscope", "magnetometer", "microphone", "midi"),
        *("payment", "picture-in-picture", "screen-wake-lock", "usb", "xr-spatial-tracking"),
    )
}
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Guessing passwords: after so many wrong ones for an account from an address, that address has to
# wait. Counted in the database, so by all web processes together; the account itself stays open,
# or anybody could lock out anybody.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
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

# --- REST API ------------------------------------------------------------------------------------
# For the pages of the schema, which are drf-spectacular's; our own views name what they need.
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "segments.api.parsers.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "segments.api.schema.SchemaWithRefusals",
    "EXCEPTION_HANDLER": "segments.api.errors.answer_error",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Segmill",
    "DESCRIPTION": "Imports files of text segments into a searchable knowledge base.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # What PATCH says is required, is.
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "ImportModeEnum": "segments.files.options.ImportMode.choices",
        "ImportStatusEnum": "segments.models.import_job.ImportStatus.values",
        "WebhookEventEnum": "segments.models.webhook.WebhookEvent.choices",
        "DeliveryStatusEnum": "segments.models.webhook.DeliveryStatus.choices",
    },
}

# --- Embedding -----------------------------------------------------------------------------------
# `segments.conf` says what each setting is for and why it has its default.
# Segmill embeds in threads and workers of its own. By default, Hugging Face's tokenizer starts a
# thread per core for each small batch, which costs 40 % more processor time than it saves.
env.tell_libraries("TOKENIZERS_PARALLELISM", "false")
SEGMILL_EMBEDDING_PROVIDER = env.text(
    "SEGMILL_EMBEDDING_PROVIDER", Defaults.SEGMILL_EMBEDDING_PROVIDER
)
SEGMILL_EMBEDDING_MODEL = env.text("SEGMILL_EMBEDDING_MODEL", Defaults.SEGMILL_EMBEDDING_MODEL)
SEGMILL_OPENAI_BASE_URL = env.text("SEGMILL_OPENAI_BASE_URL", Defaults.SEGMILL_OPENAI_BASE_URL)
SEGMILL_OPENAI_API_KEY = env.text("SEGMILL_OPENAI_API_KEY")
SEGMILL_MODELS_FOLDER = env.folder(
    "SEGMILL_MODELS_FOLDER", SEGMILL_HOME / Defaults.SEGMILL_MODELS_FOLDER
)
SEGMILL_MODEL_DOWNLOADS = env.switch(
    "SEGMILL_MODEL_DOWNLOADS", default=Defaults.SEGMILL_MODEL_DOWNLOADS
)
SEGMILL_EMBEDDING_DIMENSIONS = env.whole_number(
    "SEGMILL_EMBEDDING_DIMENSIONS", Defaults.SEGMILL_EMBEDDING_DIMENSIONS
)
SEGMILL_EMBEDDING_TOKEN_LIMIT = env.whole_number(
    "SEGMILL_EMBEDDING_TOKEN_LIMIT", Defaults.SEGMILL_EMBEDDING_TOKEN_LIMIT, minimum=1
)
SEGMILL_EMBEDDING_PASSAGE_PREFIX = env.verbatim("SEGMILL_EMBEDDING_PASSAGE_PREFIX")
SEGMILL_EMBEDDING_QUERY_PREFIX = env.verbatim("SEGMILL_EMBEDDING_QUERY_PREFIX")
SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE = env.text("SEGMILL_EMBEDDING_PASSAGE_INPUT_TYPE")
SEGMILL_EMBEDDING_QUERY_INPUT_TYPE = env.text("SEGMILL_EMBEDDING_QUERY_INPUT_TYPE")
SEGMILL_EMBEDDING_PRICE = env.amount("SEGMILL_EMBEDDING_PRICE", Defaults.SEGMILL_EMBEDDING_PRICE)
SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE = env.whole_number(
    "SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE", Defaults.SEGMILL_EMBEDDING_REQUESTS_PER_MINUTE
)
SEGMILL_EMBEDDING_TOKENS_PER_MINUTE = env.whole_number(
    "SEGMILL_EMBEDDING_TOKENS_PER_MINUTE", Defaults.SEGMILL_EMBEDDING_TOKENS_PER_MINUTE
)
SEGMILL_EMBEDDING_BATCH_TEXTS = env.whole_number(
    "SEGMILL_EMBEDDING_BATCH_TEXTS", Defaults.SEGMILL_EMBEDDING_BATCH_TEXTS, minimum=1
)
SEGMILL_EMBEDDING_CALLS = env.whole_number(
    "SEGMILL_EMBEDDING_CALLS", Defaults.SEGMILL_EMBEDDING_CALLS, minimum=1
)
SEGMILL_TENANT_CALLS = env.whole_number("SEGMILL_TENANT_CALLS", Defaults.SEGMILL_TENANT_CALLS)
SEGMILL_ENDPOINT_HOSTS = env.words("SEGMILL_ENDPOINT_HOSTS")
SEGMILL_ENDPOINT_PRIVATE_ADDRESSES = env.switch(
    "SEGMILL_ENDPOINT_PRIVATE_ADDRESSES", default=Defaults.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES
)
SEGMILL_RERANK_BASE_URL = env.text("SEGMILL_RERANK_BASE_URL", Defaults.SEGMILL_RERANK_BASE_URL)
SEGMILL_RERANK_API_KEY = env.text("SEGMILL_RERANK_API_KEY")
SEGMILL_CREDENTIALS_KEY = env.words("SEGMILL_CREDENTIALS_KEY")

# --- Imports -------------------------------------------------------------------------------------
SEGMILL_CHUNK_ROWS = env.whole_number("SEGMILL_CHUNK_ROWS", Defaults.SEGMILL_CHUNK_ROWS, minimum=1)
SEGMILL_TENANT_IMPORTS = env.whole_number("SEGMILL_TENANT_IMPORTS", Defaults.SEGMILL_TENANT_IMPORTS)
SEGMILL_LEASE_SECONDS = env.whole_number(
    "SEGMILL_LEASE_SECONDS", Defaults.SEGMILL_LEASE_SECONDS, minimum=3, maximum=86_400
)
SEGMILL_MAX_FILE_BYTES = env.whole_number(
    "SEGMILL_MAX_FILE_BYTES", Defaults.SEGMILL_MAX_FILE_BYTES, minimum=1
)
SEGMILL_KEEP_FILES_DAYS = env.whole_number(
    "SEGMILL_KEEP_FILES_DAYS", Defaults.SEGMILL_KEEP_FILES_DAYS
)
SEGMILL_KEEP_DETAILS_DAYS = env.whole_number(
    "SEGMILL_KEEP_DETAILS_DAYS", Defaults.SEGMILL_KEEP_DETAILS_DAYS, minimum=1
)
# No transaction of ours is idle for longer than a moment: one that is has lost its client.
for database in DATABASES.values():
    limit_transactions(database, SEGMILL_LEASE_SECONDS)

# --- Index ---------------------------------------------------------------------------------------
SEGMILL_INDEX_MEMORY_MIB = env.whole_number(
    "SEGMILL_INDEX_MEMORY_MIB", Defaults.SEGMILL_INDEX_MEMORY_MIB, minimum=16, maximum=1_048_576
)
SEGMILL_INDEX_WORKERS = env.whole_number(
    "SEGMILL_INDEX_WORKERS", Defaults.SEGMILL_INDEX_WORKERS, maximum=64
)

# An upload goes to disk as it comes, counted: it never fills the memory, and one that is too
# large is cut off. The folder is beside the files, for /tmp may be memory.
FILE_UPLOAD_HANDLERS = ["segments.uploads.LimitedUploadHandler"]
FILE_UPLOAD_TEMP_DIR: Path | None = folder_in(SEGMILL_HOME, "incoming")

# --- Queue and cache -----------------------------------------------------------------------------
# One Redis server serves both, in two of its databases: clearing a cache empties its database.
SEGMILL_CACHE_URL = env.redis_url("SEGMILL_CACHE_URL", neighbour(REDIS_URL) if REDIS_URL else "")
SEGMILL_WORKERS = env.whole_number("SEGMILL_WORKERS", multiprocessing.cpu_count(), minimum=1)
# A worker that has grown beyond this is renewed after its task.
WORKER_MAX_MIB = 2_048

Q_CLUSTER = cluster_from(
    REDIS_URL,
    workers=SEGMILL_WORKERS,
    timeout=TASK_TIMEOUT_SECONDS,
    max_rss_kib=WORKER_MAX_MIB * 1024,
)
CACHES: dict[str, dict[str, Any]] = {"default": cache_from(SEGMILL_CACHE_URL, SEGMILL_HOME)}

# Messages go to django-q2: for a queue of one's own the apps go into a project of one's own.
SEGMILL_QUEUE = Defaults.SEGMILL_QUEUE

# --- Operation -----------------------------------------------------------------------------------
SEGMILL_API_REQUESTS_PER_MINUTE = env.whole_number(
    "SEGMILL_API_REQUESTS_PER_MINUTE", Defaults.SEGMILL_API_REQUESTS_PER_MINUTE
)
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
        SEGMILL_RERANK_API_KEY,
        SEGMILL_METRICS_TOKEN,
        *map(password_of, (DATABASE_URL, *SEGMILL_REPLICA_URLS)),
        password_of(REDIS_URL),
        password_of(SEGMILL_CACHE_URL),
    ],
)
