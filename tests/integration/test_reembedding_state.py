"""The state machine of re-embeddings: its arrows in the database, unexpected errors, last tries."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from datasets.models import Document
from segments.jobs import leases
from segments.models import Reembedding
from segments.models.embedding import ReembeddingStatus
from segments.models.job import FINAL_STATUSES, open_statuses
from segments.operations import reaper
from segments.operations.claimable import KINDS, find_claimable
from segments.reembedding import run, vectors
from segments.reembedding.state import REEMBEDDINGS
from segments.services import reembeddings

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

ARROWS = {
    ("waiting", "embedding"),
    ("embedding", "completed"),
    ("embedding", "interrupted"),
    ("interrupted", "embedding"),
    *((status, end) for status in open_statuses(Reembedding) for end in ("failed", "cancelled")),
}
WAY_TO = {
    "waiting": [],
    "embedding": ["embedding"],
    "interrupted": ["embedding", "interrupted"],
    "completed": ["embedding", "completed"],
    "failed": ["failed"],
    "cancelled": ["cancelled"],
}


@pytest.fixture
def waiting(document: Document, import_text: ImportText) -> Reembedding:
    """A change of model that no worker has looked at."""
    import_text(document, "question,answer\nHow do I reset it?,Hold the button.\n")
    return reembeddings.change_model(document.dataset, "wordllama", "l2_supercat_256")


@pytest.mark.parametrize("before", ReembeddingStatus.values)
def test_the_database_knows_the_arrows_that_are_drawn_and_no_others(
    waiting: Reembedding, before: str
) -> None:
    row = Reembedding.objects.filter(pk=waiting.pk)
    reasons = {"error": "why", "error_code": "why", "lease_until": Now()}

    def move(status: str) -> None:
        ended = Now() if status in FINAL_STATUSES else None
        row.update(status=status, finished_at=ended, **reasons)

    for status in WAY_TO[before]:
        move(status)
    for after in set(ReembeddingStatus.values) - {before}:
        with transaction.atomic():
            if (before, after) in ARROWS:
                move(after)
            else:
                with pytest.raises(IntegrityError, match="cannot go from"), transaction.atomic():
                    move(after)
            transaction.set_rollback(True)


def test_the_database_lets_no_epoch_fall(waiting: Reembedding) -> None:
    assert REEMBEDDINGS.claim_work(waiting.pk)
    with pytest.raises(IntegrityError, match="cannot fall"):
        Reembedding.objects.update(epoch=0)


def test_an_unexpected_error_puts_it_back_and_it_is_tried_again_after_a_pause(
    waiting: Reembedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(vectors, "count_missing", lambda work: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.run(waiting.pk)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempts) == (ReembeddingStatus.EMBEDDING, 1)
    assert "ZeroDivisionError" in waiting.last_error
    assert waiting.not_before is not None
    assert find_claimable() == []
    assert run.run(waiting.pk).status == ReembeddingStatus.EMBEDDING, "its pause is not over"

    Reembedding.objects.update(not_before=None)
    (found,) = find_claimable()
    assert (found.kind, found.job_id) == (REEMBEDDINGS, waiting.pk)
    assert run.run(waiting.pk).status == ReembeddingStatus.COMPLETED


def test_it_fails_with_the_last_error_when_its_tries_are_spent(
    waiting: Reembedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "count_missing", lambda work: 1 / 0)
    for _ in range(leases.MAX_ATTEMPTS):
        with pytest.raises(ZeroDivisionError):
            run.run(waiting.pk)
        Reembedding.objects.update(not_before=None)

    swept = reaper.sweep()

    assert swept is not None
    assert swept.failed == 1
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == (ReembeddingStatus.FAILED, "attempts_spent")
    assert f"tried {leases.MAX_ATTEMPTS} times" in waiting.error
    assert "ZeroDivisionError" in waiting.error


def test_every_kind_expires(waiting: Reembedding) -> None:
    assert REEMBEDDINGS in KINDS
    long_ago = Now() - timedelta(hours=reaper.EXPIRE_HOURS + 1)
    Reembedding.objects.update(created_at=long_ago)

    reaper.sweep()

    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == (ReembeddingStatus.FAILED, "expired")
    assert "Check that workers are running" in waiting.error
