"""`manage.py imports`: list, show, undo, retry and cancel, and refusals in one sentence."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from datasets.models import Document
from segments.models import DocumentSegment

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)


def said(*arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("imports", *arguments, stdout=out)
    return out.getvalue()


def test_imports_are_listed_shown_undone_and_retried(
    document: Document, import_text: ImportText
) -> None:
    assert "There are no such imports." in said("list")
    good = import_text(document, "question,answer\nA?,b\n")
    bad = import_text(document, "question,answer\nA?,\n")

    listed = json.loads(said("list", "--json"))
    assert [job["id"] for job in listed] == [str(bad.pk), str(good.pk)]
    assert str(good.pk) in said("list", "--status", "completed")
    assert "Completed" in said("show", str(good.pk))
    assert "Undone" in said("undo", str(good.pk))
    assert not DocumentSegment.objects.exists()
    with pytest.raises(CommandError, match="already undone"):
        said("undo", str(good.pk))
    with pytest.raises(CommandError, match="no longer stored"):
        said("retry", str(bad.pk))
    with pytest.raises(CommandError):
        said("cancel", str(bad.pk))
    with pytest.raises(CommandError):
        said("show", "nothing")
