"""Clients on a running server: one of Dify's, unchanged; curl as documented; agents by stdio."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx2
import pytest
from asgiref.sync import async_to_sync
from dify_dataset_sdk import DifyDatasetClient
from dify_dataset_sdk._exceptions import (
    DifyConflictError,
    DifyNotFoundError,
    DifyValidationError,
)
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from .site import PROJECT, Site, own_home

WAIT_SECONDS = 30
# What the documentation says is in an answer, and the variable that its other lines have for it.
BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TAKEN = {
    "document.id": ("DOCUMENT", ("document", "id")),
    "job_id": ("JOB", ("job_id",)),
    "data[0].id": ("SEGMENT", ("data", 0, "id")),
    "batch": ("BATCH", ("batch",)),
    "id": ("DATASET", ("id",)),
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server that has just been started; it may not know the names of the network."""
    private = {"SEGMILL_ENDPOINT_PRIVATE_ADDRESSES": "true"}
    with own_home() as home, Site(home, **private) as running:
        yield running


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    """A key of a tenant of its own."""
    return site.manage("create_api_key", "--tenant", "clients", "--create-tenant").split()[-1]


@pytest.fixture(scope="module")
def client(site: Site, key: str) -> Iterator[DifyDatasetClient]:
    """A client of Dify's."""
    with DifyDatasetClient(key, site.address) as ready:
        yield ready


@pytest.fixture
def dataset(client: DifyDatasetClient) -> Iterator[Any]:
    made = client.datasets.create(name=f"dataset {monotonic()}")
    yield made
    client.datasets.delete(made.id)


@pytest.fixture
def document(client: DifyDatasetClient, dataset: Any) -> Any:
    made = client.documents.create_by_text(dataset.id, "manual", "The lamp is green.")
    wait_for(client, dataset.id, made.batch)
    return made.document


def wait_for(client: DifyDatasetClient, dataset_id: str, batch: str) -> Any:
    """The status of a batch once it is completed."""
    deadline = monotonic() + WAIT_SECONDS
    while True:
        (status,) = client.documents.get_indexing_status(dataset_id, batch).data
        if status.indexing_status == "completed":
            return status
        assert status.indexing_status != "error", status.error
        assert monotonic() < deadline, status
        sleep(0.1)


def test_datasets(client: DifyDatasetClient, dataset: Any) -> None:
    changed = client.datasets.update(dataset.id, name=f"changed {monotonic()}", description="why")

    assert client.datasets.get(dataset.id).name == changed.name
    assert changed.description == "why"
    with pytest.raises(DifyConflictError):
        client.datasets.create(name=changed.name)
    listed = client.datasets.list(keyword="CHANGED", include_all=True)
    assert dataset.id in {entry["id"] for entry in listed.data}
    gone = client.datasets.create(name=f"gone {monotonic()}")
    client.datasets.delete(gone.id)
    with pytest.raises(DifyNotFoundError):
        client.datasets.get(gone.id)
    with pytest.raises(DifyValidationError):
        client.datasets.create(name="shared", permission="partial_members")


def test_documents(client: DifyDatasetClient, dataset: Any, tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("# Lamp\n\nIt is reset with the button.\n")

    by_text = client.documents.create_by_text(dataset.id, "manual", "The lamp is green.")
    by_file = client.documents.create_by_file(dataset.id, file)

    for made in (by_text, by_file):
        status = wait_for(client, dataset.id, made.batch)
        assert status.completed_segments == status.total_segments == 1
    listed = client.documents.list(dataset.id, keyword="notes")
    assert [entry["id"] for entry in listed.data] == [by_file.document.id]
    again = client.documents.update_by_text(dataset.id, by_text.document.id, "manual", "It is red.")
    wait_for(client, dataset.id, again.batch)
    (segment,) = client.segments.list(dataset.id, by_text.document.id).data
    assert segment.content == "It is red."
    file.write_text("It is blue.")
    again = client.documents.update_by_file(dataset.id, by_text.document.id, file)
    wait_for(client, dataset.id, again.batch)
    assert client.documents.get(dataset.id, by_text.document.id).indexing_status == "completed"
    assert client.documents.get_upload_file(dataset.id, by_text.document.id)["url"]
    switches: list[tuple[Any, str, bool]] = [
        ("disable", "enabled", False),
        ("enable", "enabled", True),
        ("archive", "archived", True),
        ("un_archive", "archived", False),
    ]
    for action, name, value in switches:
        done = client.documents.batch_update_status(dataset.id, action, [by_text.document.id])
        assert done == {"result": "success"}
        assert getattr(client.documents.get(dataset.id, by_text.document.id), name) is value
    assert client.documents.delete(dataset.id, by_text.document.id) == {"result": "success"}
    with pytest.raises(DifyNotFoundError):
        client.documents.get(dataset.id, by_text.document.id)


def test_segments(client: DifyDatasetClient, dataset: Any, document: Any) -> None:
    place = (dataset.id, document.id)
    wanted: list[dict[str, Any]] = [
        {"content": "A button.", "keywords": ["button"]},
        {"content": "A lamp."},
    ]

    added = client.segments.create(*place, wanted)

    assert [segment.content for segment in added.data] == ["A button.", "A lamp."]
    listed = client.segments.list(*place, keyword="button", status="completed")
    assert [segment.id for segment in listed.data] == [added.data[0].id]
    changed = client.segments.update(*place, added.data[0].id, {"content": "Two buttons."})
    assert changed["data"]["content"] == "Two buttons."
    assert client.segments.get(*place, added.data[0].id)["data"] == changed["data"]
    assert client.segments.delete(*place, added.data[0].id) == {"result": "success"}
    with pytest.raises(DifyNotFoundError):
        client.segments.get(*place, added.data[0].id)
    (record, *_) = client.datasets.retrieve(dataset.id, "A lamp.").records
    assert record.segment.content == "A lamp."


def test_metadata(client: DifyDatasetClient, dataset: Any, document: Any) -> None:
    field = client.metadata.create(dataset.id, "string", "author")
    field = client.metadata.update(dataset.id, field.id, "writer")
    value = {"id": field.id, "name": "writer", "value": "Ada"}

    client.metadata.update_document_metadata(
        dataset.id, [{"document_id": document.id, "metadata_list": [value]}]
    )
    client.metadata.toggle_built_in(dataset.id, "enable")

    listed = client.metadata.list(dataset.id)
    assert listed.built_in_field_enabled
    assert [(entry.name, entry.use_count) for entry in listed.doc_metadata] == [("writer", 1)]
    client.metadata.toggle_built_in(dataset.id, "disable")
    client.metadata.delete(dataset.id, field.id)
    assert client.metadata.list(dataset.id).doc_metadata == []


def test_tags(client: DifyDatasetClient, dataset: Any) -> None:
    tag = client.tags.create(f"tag {monotonic()}")

    client.tags.bind_to_dataset(dataset.id, [tag.id])

    (counted,) = [entry for entry in client.tags.list() if entry.id == tag.id]
    assert counted.binding_count == 1
    bound: Any = client.tags.get_dataset_tags(dataset.id)
    assert [entry.id for entry in bound] == [tag.id]
    assert client.datasets.list(tag_ids=[tag.id]).total == 1
    assert client.tags.update(tag.id, f"new {tag.name}").name == f"new {tag.name}"
    client.tags.unbind_from_dataset(dataset.id, tag.id)
    left: Any = client.tags.get_dataset_tags(dataset.id, return_detail=True)
    assert left.total == 0
    client.tags.delete(tag.id)
    assert tag.id not in {entry.id for entry in client.tags.list()}


def test_models(client: DifyDatasetClient) -> None:
    providers = client.models.list_embedding_models().data
    names = {model["model"] for provider in providers for model in provider["models"]}
    assert "l2_supercat_256" in names


def test_the_documented_lines_of_curl(site: Site, key: str, tmp_path: Path) -> None:
    """Every block of docs/api.md, in its order; what an answer has goes on to the next lines."""
    (tmp_path / "faq.csv").write_text("question,answer\nHow do I reset it?,Hold the button.\n")
    known = {"KEY": key}
    lines = 0
    for block in BLOCKS.findall((PROJECT / "docs/api.md").read_text()):
        if "create_api_key" in block:
            continue
        for command in commands_of(block.replace("http://127.0.0.1:8000", site.address)):
            shown = typed(command, known, tmp_path)
            lines += command.count("curl")
            learn(known, command, shown)
            if "JOB" in known and "job_id" in command:
                wait_for_job(site, known, tmp_path)
    assert lines > 15


def commands_of(block: str) -> list[str]:
    """The commands of a block, each with the lines that go on with it."""
    joined = re.sub(r"\\\n\s*", " ", block)
    return re.sub(r"\|\n\s*", "| ", joined).strip().splitlines()


def typed(command: str, known: dict[str, str], folder: Path) -> str:
    """What a shell shows, which knows the variables; one that is set is known from then on."""
    script = command.replace("curl ", "curl -sS --fail-with-body --max-time 30 ")
    if assigned := re.match(r"(\w+)=", command):
        script += f'\nprintf %s "${assigned.group(1)}"'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": "/usr/bin:/bin", **known},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    if assigned:
        known[assigned.group(1)] = done.stdout
    return done.stdout


def learn(known: dict[str, str], command: str, shown: str) -> None:
    """Keep what the comment of a line says is in its answer."""
    if found := re.search(r"# → (\S+)$", command.strip()):
        if found.group(1) == "ETag":
            known["ETAG"] = re.search(r"(?im)^etag: (.+?)\r?$", shown).group(1)  # type: ignore[union-attr]
            return
        name, path = TAKEN[found.group(1)]
        value = json.loads(shown)
        for step in path:
            value = value[step]
        known[name] = value


def wait_for_job(site: Site, known: dict[str, str], folder: Path) -> None:
    deadline = monotonic() + WAIT_SECONDS
    address = f"{site.address}/v1/datasets/batch_import_status/{known['JOB']}"
    while "completed" not in typed(f'curl -H "$AUTH" {address}', known, folder):
        assert monotonic() < deadline
        sleep(0.2)


def test_an_agent_by_standard_input_and_output(site: Site, key: str, tmp_path: Path) -> None:
    """With the client of the package that the protocol's makers keep."""
    file = tmp_path / "key"
    file.write_text(key)
    command = StdioServerParameters(
        command=sys.executable,
        args=["manage.py", "mcp", "--key-file", str(file)],
        cwd=str(PROJECT),
        env=dict(site.environment),
    )

    async def talk() -> tuple[set[str], Any]:
        async with stdio_client(command) as streams, ClientSession(*streams) as session:
            await session.initialize()
            offered = await session.list_tools()
            listed = await session.call_tool("list_datasets", {})
            return {tool.name for tool in offered.tools}, listed

    names, listed = async_to_sync(talk)()

    assert names == {"search", "list_datasets", "get_segment", "add_segments"}
    assert not listed.is_error


def test_previews_of_one_tenant_keep_no_other_waiting(site: Site, key: str) -> None:
    """Eight at once of 4 MiB: one is made, beside the web server; the others come again."""
    other = site.manage("create_api_key", "--tenant", "others", "--create-tenant").split()[-1]
    with Asking(site, key) as busy, Asking(site, other) as quick:
        dataset = busy.post("datasets", json={"name": "previews"}).json()["id"]
        made = busy.post(f"datasets/{dataset}/documents", json={"name": "rows"}).json()
        path = f"datasets/{dataset}/documents/{made['document']['id']}/segments/preview"
        file = b"content\n" + b"The lamp is green, and the button is at its back.\n" * 80_000
        idle = median(quick.seconds("datasets") for _ in range(9))
        statuses: list[int] = []

        def preview() -> None:
            statuses.append(busy.post(path, files={"file": ("rows.csv", file)}).status_code)

        threads = [Thread(target=preview) for _ in range(8)]
        for thread in threads:
            thread.start()
        taken = []
        while any(thread.is_alive() for thread in threads):
            taken.append(quick.seconds("datasets"))
        for thread in threads:
            thread.join()

    assert 200 in statuses
    assert set(statuses) <= {200, 429}
    assert median(taken) <= max(0.1, 3 * idle), (idle, taken)


class Asking(httpx2.Client):
    """A client of the API with a key."""

    def __init__(self, site: Site, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        super().__init__(base_url=f"{site.address}/v1/", headers=headers, timeout=120)

    def seconds(self, path: str) -> float:
        """How long a GET takes."""
        began = monotonic()
        assert self.get(path).status_code == 200
        return monotonic() - began
