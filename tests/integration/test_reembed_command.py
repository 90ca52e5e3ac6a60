"""`manage.py reembed`: in this process or by workers, watched, stopped, gone on with."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from datasets.models import Dataset, Document
from segments.models import DocumentSegment, Reembedding
from segments.models.embedding import ReembeddingStatus
from segments.models.import_job import ImportStatus
from segments.reembedding import run
from segments.services import reembeddings
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import EmbeddingsServer

from .conftest import ImportText

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_pauses", "endpoint"),
]

FILE = "content\n" + "".join(f"passage number {number}\n" for number in range(6))
PLACE = ("handbook", "--tenant", "acme")
NEW = ("--provider", "openai", "--model", "m")


@pytest.fixture(autouse=True)
def filled(passages: Document, import_text: ImportText) -> Document:
    assert import_text(passages, FILE).status == ImportStatus.COMPLETED
    return passages


def reembed(*options: str) -> dict[str, Any]:
    """The command's answer."""
    out = StringIO()
    call_command("reembed", *PLACE, *options, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def model_of(document: Document) -> str:
    return Dataset.objects.get(pk=document.dataset_id).embedding_model


def test_it_changes_the_model_and_says_so(
    filled: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    out = StringIO()
    call_command("reembed", *PLACE, *NEW, stdout=out)

    assert model_of(filled) == "m"
    assert "l2_supercat_256 → m" in out.getvalue()
    assert "6 of 6" in out.getvalue()
    assert "Embedding" in capsys.readouterr().err


def test_machines_get_one_object(filled: Document) -> None:
    answer = reembed(*NEW)
    assert (answer["status"], answer["texts_embedded"], answer["segments_changed"]) == (
        "completed",
        6,
        6,
    )
    assert (answer["provider"], answer["model"], answer["old_model"]) == (
        "openai",
        "m",
        "l2_supercat_256",
    )
    assert (answer["fraction"], answer["tokens"]) == (1.0, 18)


def test_an_outage_interrupts_it_and_the_same_command_goes_on(
    filled: Document, server: EmbeddingsServer
) -> None:
    server.requests.clear()
    server.misdeeds.extend([lambda handler, body: handler.reply(handler.answer(body))] * 2)
    server.always = misbehaving.status(503)
    with pytest.raises(CommandError, match="503"):
        call_command("reembed", *PLACE, *NEW, stdout=StringIO())
    assert model_of(filled) == "l2_supercat_256"
    assert reembed("--status")["status"] == "interrupted"

    server.always = None
    answer = reembed()
    assert (answer["status"], answer["tokens"]) == ("completed", 18)
    assert model_of(filled) == "m"


def test_ctrl_c_leaves_it_resumable(filled: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(held: object, *rest: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "embed_portion", stopped)
        with pytest.raises(CommandError, match="Finished embeddings are kept"):
            call_command("reembed", *PLACE, *NEW, stdout=StringIO())
    assert Reembedding.objects.get().status == ReembeddingStatus.EMBEDDING
    assert reembed(*NEW)["status"] == "completed"


def test_background_leaves_it_to_workers(filled: Document) -> None:
    assert reembed(*NEW, "--background")["status"] == "waiting"
    assert model_of(filled) == "l2_supercat_256"
    run.take_turn(Reembedding.objects.get().pk)
    assert reembed("--follow")["status"] == "completed"
    assert model_of(filled) == "m"


def test_cancel_ends_it(filled: Document) -> None:
    reembed(*NEW, "--background")
    assert reembed("--cancel")["status"] == "cancelled"
    assert model_of(filled) == "l2_supercat_256"
    with pytest.raises(CommandError, match="not being embedded"):
        call_command("reembed", *PLACE, "--cancel")


def test_without_a_model_it_fills_what_is_missing(filled: Document) -> None:
    DocumentSegment.objects.filter(position__lte=2).update(embedding=None)
    answer = reembed()
    assert (answer["purpose"], answer["texts_embedded"], answer["segments_changed"]) == (
        "fill",
        2,
        2,
    )
    assert not DocumentSegment.objects.filter(embedding=None).exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--provider", "openai"), "--provider needs --model"),
        (("--provider", "nobody", "--model", "m"), "no embedding provider “nobody”"),
        (("--status",), "never re-embedded"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(options: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("reembed", *PLACE, *options)


def test_another_model_has_to_wait(filled: Document) -> None:
    reembeddings.change_model(filled.dataset, "openai", "m")
    with pytest.raises(CommandError, match="already being embedded with m"):
        call_command("reembed", *PLACE, "--provider", "openai", "--model", "other")
