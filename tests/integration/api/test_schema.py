"""The description of the API: complete, without warnings, readable without a network."""

import re
from dataclasses import fields
from io import StringIO

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command

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


# Apart from the page, which may have no code in it.
OWN_SCRIPT = "/v1/docs?script="


@pytest.mark.django_db
def test_the_page_takes_its_scripts_from_here() -> None:
    page = Api().get("docs").content.decode()

    sources = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert OWN_SCRIPT in sources
    script = Api().get(OWN_SCRIPT.removeprefix("/v1/"))
    assert script.headers["Content-Type"] == "application/javascript"
    assert b"SwaggerUIBundle(" in script.content
    for source in sources - {OWN_SCRIPT}:
        assert source.startswith("/static/"), source
        assert finders.find(source.removeprefix("/static/")), source
    assert Api().get("schema").status_code == 200
