"""System checks of the project that the apps are in: what is missing, and the line to add."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.files.storage import FileSystemStorage
from django.db import connections
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from segments.checks.values import add_line
from segments.jobs.queue import has_workers
from segments.uploads import STORAGE_ALIAS, upload_storage

DATABASE_LINE = (
    'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "…", '
    '"USER": "…", "PASSWORD": "…", "HOST": "…"}}'
)
SCHEMA_CLASS = "drf_spectacular.openapi.AutoSchema"


@register()
def check_project(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`segments.E011` to `E014`, `W015` and `W016`: what the project does not have yet."""
    return [*_database(), *_apps(), *_storage(), *_schema(), *_queue()]


def _database() -> Iterator[CheckMessage]:
    database = connections["default"]  # not connected to before it is asked something
    if database.vendor != "postgresql":
        yield Error(
            f"The default database is {database.display_name}; Segmill needs PostgreSQL.",
            hint=add_line(DATABASE_LINE),
            id="segments.E011",
        )


def _apps() -> Iterator[CheckMessage]:
    if apps.is_installed("django.contrib.admin") and not apps.is_installed(
        "django.contrib.humanize"
    ):
        yield Error(
            "The admin pages of Segmill need django.contrib.humanize.",
            hint='Add to INSTALLED_APPS: "django.contrib.humanize",',
            id="segments.E012",
        )
    names = [config.name for config in apps.get_app_configs()]
    if "django_q" in names and names.index("django_q") < names.index("segments"):
        yield Error(
            "The app django_q comes before segments, which has a better command `qcluster`.",
            hint='Move "django_q" behind "segments" in INSTALLED_APPS.',
            id="segments.E013",
        )


def _storage() -> Iterator[CheckMessage]:
    storage = upload_storage()
    if isinstance(storage, FileSystemStorage) and not (
        str(settings.MEDIA_ROOT) or STORAGE_ALIAS in settings.STORAGES
    ):
        yield Error(
            "Uploaded files would be kept in whatever folder a process was started in.",
            hint=add_line('MEDIA_ROOT = BASE_DIR / "media"'),
            id="segments.E014",
        )


def _schema() -> Iterator[CheckMessage]:
    """Only of who serves the API: its description needs what its other pages do not."""
    try:
        reverse("segmill:schema")
    except NoReverseMatch:
        return
    if not apps.is_installed("drf_spectacular"):
        yield Warning(
            "The description of the REST API needs the app drf_spectacular.",
            hint='Add to INSTALLED_APPS: "drf_spectacular",',
            id="segments.W015",
        )
    elif not _describes_itself():
        yield Warning(
            "The description of the REST API cannot be made.",
            hint=add_line(f'REST_FRAMEWORK = {{"DEFAULT_SCHEMA_CLASS": "{SCHEMA_CLASS}"}}'),
            id="segments.W015",
        )


def _describes_itself() -> bool:
    """Whether views without a schema of their own get one that drf-spectacular can read."""
    name = getattr(settings, "REST_FRAMEWORK", {}).get("DEFAULT_SCHEMA_CLASS", "")
    return bool(name) and issubclass(import_string(str(name)), import_string(SCHEMA_CLASS))


def _queue() -> Iterator[CheckMessage]:
    if not has_workers():
        yield Warning(
            "Nobody takes imports in the background; only run_in_foreground imports.",
            hint='Add to INSTALLED_APPS, after "segments": "django_q", or hand messages to a task '
            "queue of your own by SEGMILL_QUEUE. If the foreground is all you need: "
            'SILENCED_SYSTEM_CHECKS = ["segments.W016"]',
            id="segments.W016",
        )
