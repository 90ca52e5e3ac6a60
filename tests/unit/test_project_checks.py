"""What a project lacks is said at its start, each with the line to add."""

from typing import Any

import pytest
from django.apps import apps
from django.urls import clear_url_caches
from pytest_django import Settings

from segments.checks.project import check_project


def found() -> dict[str, str]:
    """The hints of the problems that are found, by their ids."""
    return {str(problem.id): str(problem.hint) for problem in check_project(None)}


def without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the app were not installed."""
    is_installed = apps.is_installed
    monkeypatch.setattr(apps, "is_installed", lambda app: app != name and is_installed(app))


def test_our_own_project_lacks_nothing() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("app", "problem", "line"),
    [
        ("django.contrib.humanize", "segments.E012", '"django.contrib.humanize",'),
        ("drf_spectacular", "segments.W015", '"drf_spectacular",'),
        ("django_q", "segments.W016", '"django_q"'),
    ],
)
def test_an_app_that_is_missing(
    app: str, problem: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(app, monkeypatch)

    assert list(found()) == [problem]
    assert line in found()[problem]


@pytest.mark.parametrize(
    ("name", "value", "problem", "line"),
    [
        ("MEDIA_ROOT", "", "segments.E014", 'MEDIA_ROOT = BASE_DIR / "media"'),
        ("REST_FRAMEWORK", {}, "segments.W015", 'REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": '),
    ],
)
def test_a_setting_that_is_missing(
    name: str, value: Any, problem: str, line: str, settings: Settings
) -> None:
    setattr(settings, name, value)

    assert list(found()) == [problem]
    assert f"Add to your settings: {line}" in found()[problem]


def test_an_api_that_is_not_served_needs_no_description(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.foreign.no_urls"
    settings.REST_FRAMEWORK = {}
    clear_url_caches()
    try:
        assert found() == {}
    finally:
        clear_url_caches()


def test_a_project_with_a_queue_of_its_own_has_workers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEGMILL_QUEUE = "tests.foreign.no_urls.send"
    without("django_q", monkeypatch)

    assert found() == {}


def test_a_database_that_is_not_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segments.checks.project.connections", {"default": Elsewhere})

    assert "django.db.backends.postgresql" in found()["segments.E011"]


class Elsewhere:
    """Another database."""

    vendor = "sqlite"
    display_name = "SQLite"
