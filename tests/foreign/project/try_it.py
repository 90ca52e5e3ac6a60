"""Does in this project what docs/django.md promises, and prints what came of it as JSON."""

import io
import json
import os
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from config.work import clean_up  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402  (needs the apps)
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from datasets.models import DocForm, Document, Tenant  # noqa: E402
from segments.models import ImportJob  # noqa: E402
from segments.search import search  # noqa: E402
from segments.services.api_keys import create_api_key  # noqa: E402
from segments.services.imports import run_in_foreground, start_import  # noqa: E402
from segments.services.knowledge import NewDataset, create_dataset, create_document  # noqa: E402

ROWS = "question,answer\nHow do I reset the {0}?,Hold its red button.\nWho made the {0}?,Ann.\n"
THINGS = ("lamp", "fan", "pump")
PAGES = ("index", "datasets_dataset_changelist", "segments_importjob_changelist")


def by_admin(client: Client, document: Document) -> str:
    """The state of an import by the pages: choose a file, look at it, confirm."""
    posted = SimpleUploadedFile("lamp.csv", ROWS.format("lamp").encode())
    new = client.post(url("new", document), {"file": posted})
    preview = new.headers["Location"]
    assert client.get(preview).status_code == 200
    (reference,) = parse_qs(urlsplit(preview).query)["file"]
    confirmed = client.post(url("confirm", document), {"file": reference, "on_error": "abort"})
    assert client.get(confirmed.headers["Location"]).status_code == 200
    return ImportJob.objects.latest("created_at").status


def url(name: str, document: Document) -> str:
    """A page of the admin, wherever the project has it."""
    return reverse(f"admin:segments_importjob_{name}", args=[document.pk])


def by_rest(key: str, document: Document) -> str:
    """The state of an import by the API."""
    shows = {"Authorization": f"Bearer {key}"}
    base = f"/knowledge/v1/datasets/{document.dataset_id}"
    path = f"{base}/documents/{document.pk}/segments/batch_import"
    file = SimpleUploadedFile("fan.csv", ROWS.format("fan").encode())
    job = Client().post(path, {"file": file}, headers=shows).json()
    asked = {"query": "reset the fan"}
    found = Client().post(f"{base}/retrieve", asked, "application/json", headers=shows)
    assert "fan" in found.json()["records"][0]["segment"]["content"]
    state = Client().get(f"/knowledge/v1/imports/{job['job_id']}", headers=shows).json()
    return str(state["job_status"])


def by_python(document: Document) -> str:
    """The state of an import by the services, in this process."""
    file = io.BytesIO(ROWS.format("pump").encode())
    return run_in_foreground(start_import(document, file, "pump.csv", background=False)).status


def doctor() -> dict[str, Any]:
    """What is not well, by its name."""
    clean_up.delay()  # as Celery's beat would have done by now
    shown = io.StringIO()
    with suppress(SystemExit):
        call_command("doctor", json=True, stdout=shown)
    return json.loads(shown.getvalue())


def main() -> None:
    """Set up, import in three ways, search."""
    call_command("makemigrations", "people", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    call_command("check", fail_level="WARNING")
    person = get_user_model().objects.create_superuser("ann@example.org", "secret")
    tenant = Tenant.objects.create(name="ours")
    dataset = create_dataset(tenant, NewDataset(name="Handbook"), person)
    document = create_document(dataset, "FAQ", DocForm.QA, person)
    client = Client()
    client.force_login(person)
    pages = [client.get(reverse(f"admin:{name}")).status_code for name in PAGES]
    _, key = create_api_key(tenant, "a test", person)
    imports = [by_admin(client, document), by_rest(key, document), by_python(document)]
    print(  # noqa: T201  (its one answer)
        json.dumps(
            {
                "imports": imports,
                "pages": pages,
                "document": client.get(
                    reverse("admin:datasets_document_change", args=[document.pk])
                ).status_code,
                "other site": client.get("/backstage/").status_code,
                "schema": Client().get("/knowledge/v1/schema").status_code,
                "found": [search(dataset, f"reset the {it}")[0].content for it in THINGS],
                "doctor": doctor(),
            }
        )
    )


if __name__ == "__main__":
    main()
