"""The description of the API: complete, without warnings, readable without a network."""

import json
import re
from dataclasses import fields
from io import StringIO

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command

from segments.api.reference import operations_by_tag
from segments.api.serializers.imports import OptionsSerializer
from segments.api.urls import urlpatterns
from segments.files.options import ImportOptions

from ..api_client import Api

# Other names of what is described, and the description itself.
NOT_DESCRIBED = (None, "schema", "docs", "mcp", "hit_testing", "all_built_in_fields")


def test_the_schema_is_valid_and_made_without_warnings() -> None:
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

    described = set(yaml.safe_load(out.getvalue())["paths"])
    served = {
        "/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in urlpatterns
        if pattern.name not in NOT_DESCRIBED and not str(pattern.name).endswith("_older")
    }
    assert described == served


def test_every_option_is_described() -> None:
    assert set(OptionsSerializer().fields) == {option.name for option in fields(ImportOptions)}


@pytest.mark.django_db
def test_the_page_takes_all_it_needs_from_here() -> None:
    page = Api().get("docs").content.decode()

    sources = set(re.findall(r'(?:src|href)="([^#"]+)"', page)) - {"/v1/schema"}
    assert len(sources) == 3
    for source in sources:
        assert source.startswith("/static/"), source
        assert finders.find(source.removeprefix("/static/")), source
    assert Api().get("schema").status_code == 200


@pytest.mark.django_db
def test_the_page_has_every_request() -> None:
    told = [each for group in operations_by_tag().values() for each in group]

    paths = yaml.safe_load(Api().get("schema").content)["paths"]
    wanted = {(method, path) for path, methods in paths.items() for method in methods}
    assert {(each.method.lower(), each.path) for each in told} == wanted
    assert all(each.summary and each.answers for each in told)


def test_the_page_tells_a_request_in_words() -> None:
    groups = operations_by_tag()
    retrieve = next(each for each in groups["search"] if each.name == "retrieve")
    upload = next(each for each in groups["imports"] if each.name == "batch_import_segments")

    assert retrieve.body
    parts = {field.name: field for field in retrieve.body.fields}
    asked = parts["query"]
    assert (asked.kind, asked.is_required) == ("text, at most 250 characters", True)
    top = parts["retrieval_model.top_k"]
    assert (top.kind, top.is_required) == ("whole number, from 1, up to 100, default: 4", False)
    assert json.loads(retrieve.body.example) == {"query": ""}
    assert [field.place for field in retrieve.parameters] == ["path"]
    assert "records[].segment.content" in {field.name for field in retrieve.answers[0].fields}
    assert upload.body
    assert upload.body.is_form
    assert [field.name for field in upload.body.fields if field.is_file] == ["file"]
