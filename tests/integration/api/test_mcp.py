"""Language models: the tools they are offered, and what they reach, over HTTP and by stdio."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from mcp.server.mcpserver import MCPServer

from datasets.models import Document, Tenant
from segments.models import DocumentSegment
from segments.services.api_keys import create_api_key

from ..api_client import QA, Api
from ..conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

READING = {"search", "list_datasets", "get_segment"}


def ask(api: Api, method: str, **params: Any) -> Any:
    """The result of one message."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = api.post("mcp", message, Accept="application/json, text/event-stream")
    assert answer.status_code == 200, answer.content
    return answer.json()["result"]


def call(api: Api, tool: str, **arguments: Any) -> Any:
    """What a tool has answered; the text if it refused."""
    result = ask(api, "tools/call", name=tool, arguments=arguments)
    if result.get("isError"):
        return result["content"][0]["text"]
    structured = result["structuredContent"]
    return structured.get("result", structured)


def test_a_model_finds_reads_and_adds(
    api: Api, document: Document, import_text: ImportText
) -> None:
    import_text(document, QA)

    (dataset,) = call(api, "list_datasets")
    assert dataset["documents"][0]["id"] == str(document.pk)
    hits = call(api, "search", dataset_id=dataset["id"], query="How can I reset it?", top_k=1)
    assert [hit["answer"] for hit in hits] == ["Hold the button."]
    assert call(api, "get_segment", segment_id=hits[0]["segment_id"])["content"].startswith("How")

    new = {"content": "Is it red?", "answer": "It is blue."}
    added = call(api, "add_segments", document_id=str(document.pk), segments=[new])
    assert [segment["position"] for segment in added] == [3]
    again = call(api, "search", dataset_id=dataset["id"], query="Which colour, red?", top_k=1)
    assert again[0]["answer"] == "It is blue."


def test_it_says_what_it_is(api: Api) -> None:
    started = ask(
        api,
        "initialize",
        protocolVersion="2025-06-18",
        capabilities={},
        clientInfo={"name": "test", "version": "1"},
    )
    assert started["serverInfo"]["name"] == "Segmill"


def test_keys_for_reading_are_offered_no_tool_that_changes(
    document: Document, tenant: Tenant, api: Api
) -> None:
    reads = Api(create_api_key(tenant, "reads", scope="read")[1])

    assert {tool["name"] for tool in ask(reads, "tools/list")["tools"]} == READING
    offered = {tool["name"] for tool in ask(api, "tools/list")["tools"]}
    assert offered == READING | {"add_segments"}
    refused = call(reads, "add_segments", document_id=str(document.pk), segments=[{"content": "x"}])
    assert "add_segments" in refused
    assert not DocumentSegment.objects.exists()


def test_what_is_anothers_does_not_exist(
    api: Api, stranger: Api, document: Document, import_text: ImportText
) -> None:
    import_text(document, QA)
    segment = DocumentSegment.objects.first()
    assert segment is not None

    assert [dataset["name"] for dataset in call(stranger, "list_datasets")] == ["theirs"]
    no = "There is no"
    assert no in call(stranger, "search", dataset_id=str(document.dataset_id), query="reset")
    assert no in call(stranger, "get_segment", segment_id=str(segment.pk))
    new = [{"content": "x", "answer": "y"}]
    assert no in call(stranger, "add_segments", document_id=str(document.pk), segments=new)
    assert DocumentSegment.objects.count() == 2


def test_refusals_are_words_for_the_model(api: Api, document: Document) -> None:
    assert "is not an id" in call(api, "get_segment", segment_id="x")
    wrong = call(api, "add_segments", document_id=str(document.pk), segments=[{"text": "x"}])
    assert "content" in wrong
    assert "top_k" in call(
        api, "search", dataset_id=str(document.dataset_id), query="x", top_k=10_000
    )


@pytest.mark.parametrize("method", ["get", "delete"])
def test_there_are_no_sessions(api: Api, method: str) -> None:
    assert getattr(api.client, method)("/v1/mcp", headers=api.headers).status_code == 405


def test_without_a_key_there_is_no_tool() -> None:
    assert Api().post("mcp", {}).status_code == 401


def test_the_command_wants_a_file_with_a_key(tmp_path: Path, transactional_db: None) -> None:
    file = tmp_path / "key"
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("mcp", key_file=file)
    file.write_text("dataset-none")
    with pytest.raises(CommandError, match="no API key that can be used"):
        call_command("mcp", key_file=file)


def test_by_standard_input_and_output_it_serves_with_the_files_key(
    tmp_path: Path, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(create_api_key(tenant, "local")[1] + "\n")
    served: list[Any] = []
    monkeypatch.setattr(MCPServer, "run", lambda server, transport: served.append(transport))

    call_command("mcp", key_file=file)

    assert served == ["stdio"]
