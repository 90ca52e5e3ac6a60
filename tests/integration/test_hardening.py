"""What is kept away from users, and from whoever gets at a part of the installation."""

import json
import re
import stat
from io import BytesIO
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings

from datasets.models import Document
from segments import progress
from segments.uploads import store_file

from .conftest import ImportText
from .roles import LogIn

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_pages_of_the_queue_are_nobodys(log_in: LogIn) -> None:
    """They run any function of any module by its name."""
    models = list(apps.get_app_config("django_q").get_models())
    client = log_in("superuser")

    assert models
    for model in models:
        assert not admin.site.is_registered(model)
        address = f"/admin/django_q/{model._meta.model_name}/"
        assert client.get(address).status_code == client.get(f"{address}add/").status_code == 404
    assert "django_q" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a\\..\\b.csv",
        "nul\0byte.csv",
        "",
        ".",
        "x" * 999,
        "\ud800",
    ],
)
def test_files_are_kept_under_names_of_our_making(
    name: str, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    stored = store_file(BytesIO(b"content\nx\n"), name)

    assert re.fullmatch(r"imports/[0-9a-f]{32}", stored.key)
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path == tmp_path / stored.key
    assert Path(default_storage.path(stored.key)) == path
    assert "/" not in stored.name


def test_an_import_leaves_nothing_but_text_in_a_cache_closed_to_others(
    document: Document, import_text: ImportText
) -> None:
    """As whoever wrote a pickle there would have it run in our processes."""
    job = import_text(document, "question,answer\nx,y\n")

    assert json.loads(cache.get(progress.key(job.pk)))
    folder = Path(settings.CACHES["default"]["LOCATION"])
    assert list(folder.glob("*.djcache"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("path", ["/admin/login/", "/v1/docs", "/v1/datasets", "/healthz", "/nope"])
def test_every_answer_has_the_policies(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize("app", ["datasets", "segments", "templates"])
def test_no_page_of_ours_has_code_or_styles_within_it(app: str) -> None:
    inline = re.compile(r"<style|\sstyle=|\son\w+=\"|javascript:|<script>")
    pages = list((Path(settings.BASE_DIR) / app).rglob("*.html"))
    assert pages
    for page in pages:
        assert not inline.search(page.read_text()), page
