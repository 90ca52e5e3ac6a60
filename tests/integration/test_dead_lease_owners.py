"""What a killed process of this machine held is free at once; what anybody else holds is not."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from datasets.models import Document
from segments.embedding.base import ModelSettings
from segments.embedding.rate_limits import SharedBudget, Wait
from segments.imports import chunks, runner
from segments.imports.state import IMPORT_JOBS
from segments.jobs.leases import LeaseOwner
from segments.models import Chunk, EmbeddingCall, ImportJob, Reembedding
from segments.operations.reaper import is_gone, release_leases
from segments.reembedding.state import REEMBEDDINGS
from segments.services import reembeddings as reembedding

from .conftest import ImportText, Start

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(10))


@pytest.fixture
def zombie() -> Iterator[LeaseOwner]:
    """A process that has ended and that nobody has collected."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        holder = replace(LeaseOwner.here(), process=process.pid)
        assert not is_gone(holder)
        process.kill()
        while not is_gone(holder):
            pass
        yield holder


@pytest.fixture
def gone() -> LeaseOwner:
    """A process that was there."""
    with subprocess.Popen(["true"]) as process:
        pass
    return replace(LeaseOwner.here(), process=process.pid)


def test_a_job_of_a_killed_worker_can_be_taken_at_once(
    document: Document, start: Start, gone: LeaseOwner
) -> None:
    started = start(document, QA)
    claim = IMPORT_JOBS.claim_preparing(started.pk)
    assert claim
    assert release_leases() == 0, "its holder is alive: it is us"
    ImportJob.objects.update(lease_owner=gone.name)

    assert release_leases() == 1

    again = IMPORT_JOBS.claim_preparing(started.pk)
    assert again
    assert (again.epoch, again.attempts) == (claim.epoch + 1, claim.attempts + 1)


def test_a_chunk_of_a_killed_worker_can_be_taken_at_once(
    document: Document,
    start: Start,
    zombie: LeaseOwner,
    small_chunks: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = start(document, QA)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "embed", lambda *args: None)
        runner.run(started.pk)
    first, second = chunks.claim_next(started.pk), chunks.claim_next(started.pk)
    assert first
    assert second
    Chunk.objects.filter(ordinal=first.ordinal).update(lease_owner=zombie.name)

    assert release_leases() == 1

    again = chunks.claim_next(started.pk)
    assert again
    assert (again.ordinal, again.epoch) == (first.ordinal, first.epoch + 1)


def test_a_place_at_an_endpoint_that_a_killed_worker_had_is_free_at_once(gone: LeaseOwner) -> None:
    model = ModelSettings(provider="p", kind="openai", model="m", calls=1)
    budget = SharedBudget(model, uuid4())
    assert isinstance(budget.take(1), UUID)
    assert release_leases() == 0, "its holder is alive: it is us"
    assert isinstance(budget.take(1), Wait)
    EmbeddingCall.objects.update(holder=gone.name)

    assert release_leases() == 1

    assert isinstance(budget.take(1), UUID)


def test_a_dataset_that_a_killed_worker_embedded_anew_can_be_taken_at_once(
    document: Document, import_text: ImportText, gone: LeaseOwner
) -> None:
    import_text(document, QA)
    work = reembedding.change_model(document.dataset, "wordllama", "l2_supercat_256")
    assert REEMBEDDINGS.claim_work(work.pk)
    assert release_leases() == 0
    Reembedding.objects.update(lease_owner=gone.name)

    assert release_leases() == 1

    assert REEMBEDDINGS.claim_work(work.pk)


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda holder: replace(holder, host="another"),
        lambda holder: replace(holder, numbering="1"),
        lambda holder: replace(holder, numbering=""),
    ],
)
def test_processes_that_cannot_be_seen_from_here_are_left_alone(
    document: Document,
    start: Start,
    gone: LeaseOwner,
    elsewhere: Callable[[LeaseOwner], LeaseOwner],
) -> None:
    started = start(document, QA)
    assert IMPORT_JOBS.claim_preparing(started.pk)
    ImportJob.objects.update(lease_owner=elsewhere(gone).name)

    assert release_leases() == 0


@pytest.mark.parametrize("name", ["", "a", "host:1:2", "host:x:1:1", "host:1:2:3:4"])
def test_a_name_that_is_no_holders_is_nobodys(name: str) -> None:
    assert LeaseOwner.parse(name) is None
    assert not is_gone(LeaseOwner.parse(name))


def test_a_holder_is_known_by_its_name() -> None:
    assert LeaseOwner.parse(LeaseOwner.here().name) == LeaseOwner.here()
