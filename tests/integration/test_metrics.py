"""/metrics: every number as the tables say, none that falls, and only for who may see them."""

import platform
import re
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, Tenant
from segments.embedding import catalog
from segments.files.types import Progress
from segments.imports.state import IMPORT_JOBS
from segments.jobs import heartbeats
from segments.models import Chunk, Heartbeat, ImportJob, Reembedding
from segments.models.embedding import ReembeddingPurpose
from segments.models.import_job import OPEN_STATUSES, ImportStatus
from segments.operations import retention
from tests.servers.embeddings import EmbeddingsServer

from .conftest import ImportText, MakeDocument, Start

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 10
QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(ROWS))
DOCUMENTATION = Path(__file__).parents[2] / "docs/operations.md"

Numbers = dict[str, float]


def scrape(**headers: str) -> Numbers:
    """Every sample by its name and its labels, as Prometheus would read them."""
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    return {
        " ".join([sample.name, *_values(sample.labels)]): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def _values(labels: dict[str, str]) -> list[str]:
    """The bound of a bucket last."""
    return [labels[name] for name in sorted(labels, key=lambda name: name == "le")]


def counters(numbers: Numbers) -> Numbers:
    ends = ("_total", "_bucket", "_count", "_sum")
    return {name: value for name, value in numbers.items() if name.split()[0].endswith(ends)}


def test_an_installation_that_has_done_nothing_counts_nothing() -> None:
    numbers = scrape()

    assert set(counters(numbers).values()) == {0}
    assert [numbers[f"segmill_imports {status}"] for status in OPEN_STATUSES] == [0] * 5
    assert numbers["segmill_queue_jobs import"] == 0
    assert numbers["segmill_queue_age_seconds re-embedding"] == 0
    (versions,) = [name for name in numbers if name.startswith("segmill_versions")]
    assert platform.python_version() in versions


def test_a_completed_import_is_counted_once_and_for_good(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    import_text(document, QA)
    again = import_text(document, QA)
    numbers = scrape()

    assert numbers["segmill_imports_ended_total completed"] == 2
    assert numbers["segmill_rows_total created"] == 2 * ROWS
    assert numbers["segmill_rows_total embedded"] == numbers["segmill_rows_total reused"] == ROWS
    for phase in ("prepare", "embed", "publish"):
        assert numbers[f"segmill_phase_seconds_count {phase}"] == 2
        assert numbers[f"segmill_phase_seconds_bucket {phase} +Inf"] == 2
    jobs = ImportJob.objects.all()
    spent = sum(job.seconds.prepare for job in jobs)
    assert numbers["segmill_phase_seconds_sum prepare"] == pytest.approx(spent, abs=0.01)
    assert numbers["segmill_retries embed"] == numbers["segmill_chunk_seconds"] == 0

    Document.objects.filter(pk=again.document_id).delete()
    assert counters(scrape()) == counters(numbers)


def test_no_counter_falls_while_imports_go_on(
    document: Document, import_text: ImportText, small_chunks: int
) -> None:
    seen: list[Numbers] = []

    def look(progress: Progress) -> None:
        seen.append(counters(scrape()))

    import_text(document, QA, listener=look)
    seen.append(counters(scrape()))

    assert len(seen) > 3
    assert max(each["segmill_rows_total embedded"] for each in seen[:-1]) > 0
    for before, after in pairwise(seen):
        assert [name for name in before if after[name] < before[name]] == []


def test_bad_rows_and_failed_imports(document: Document, import_text: ImportText) -> None:
    import_text(document, QA + ",without a question\n")

    numbers = scrape()
    assert numbers["segmill_imports_ended_total failed"] == 1
    assert numbers["segmill_rows_total failed"] == 1
    assert numbers["segmill_rows_total created"] == 0


def test_what_waits_and_what_is_taken(document: Document, start: Start) -> None:
    waiting = start(document, QA)
    heartbeats.beat(heartbeats.REAPER)
    numbers = scrape()

    assert numbers["segmill_imports waiting"] == numbers["segmill_queue_jobs import"] == 1
    assert 0 < numbers["segmill_queue_age_seconds import"] < 600
    assert numbers["segmill_broker_messages"] == 1
    assert 0 <= numbers["segmill_heartbeat_age_seconds reaper"] < 600

    assert IMPORT_JOBS.claim_preparing(waiting.pk)
    numbers = scrape()
    assert numbers["segmill_imports preparing"] == 1
    assert numbers["segmill_queue_jobs import"] == 0
    assert numbers["segmill_queue_age_seconds import"] == 0


def test_machines_that_are_gone_are_not_named_for_ever() -> None:
    for name, days in (("worker:old", 2), ("worker:new", 0), (heartbeats.REAPER, 2)):
        Heartbeat.objects.create(name=name, at=Now() - timedelta(days=days))

    assert retention.clean_up().machines == 1
    found = {name for name in scrape() if name.startswith("segmill_heartbeat")}
    assert found == {f"segmill_heartbeat_age_seconds {n}" for n in ("worker:new", "reaper")}


def test_tries_after_the_first_are_counted(document: Document, start: Start) -> None:
    waiting = start(document, QA)
    for _ in range(3):
        claim = IMPORT_JOBS.claim_preparing(waiting.pk)
        ImportJob.objects.update(lease_until=Now())
    assert scrape()["segmill_retries prepare"] == 2

    assert claim
    IMPORT_JOBS.start_embedding(claim, rows_embedded=0)
    for ordinal, attempts in enumerate((0, 1, 2, 4), start=1):
        make_chunk(waiting, ordinal, attempts=attempts)
    numbers = scrape()
    assert numbers["segmill_retries prepare"] == numbers["segmill_retries publish"] == 0
    assert numbers["segmill_retries embed"] == 1 + 3


def test_how_long_chunks_take_is_averaged(document: Document, start: Start) -> None:
    waiting = start(document, QA)
    for ordinal, seconds in enumerate((0.2, 0.4), start=1):
        make_chunk(waiting, ordinal, status="done", seconds=seconds)
    make_chunk(waiting, 3)

    assert scrape()["segmill_chunk_seconds"] == pytest.approx(0.3)


def make_chunk(job: ImportJob, ordinal: int, **about: Any) -> None:
    Chunk.objects.create(
        job_id=job.pk, ordinal=ordinal, first_row=ordinal, last_row=ordinal, **about
    )


def test_an_import_deleted_at_work_is_counted_as_such(document: Document, start: Start) -> None:
    waiting = start(document, QA)
    claim = IMPORT_JOBS.claim_preparing(waiting.pk)
    assert claim
    IMPORT_JOBS.start_embedding(claim, rows_embedded=7)
    before = scrape()
    document.delete()
    after = scrape()

    assert after["segmill_imports_ended_total deleted"] == 1
    assert after["segmill_rows_total embedded"] == before["segmill_rows_total embedded"] == 7
    assert after["segmill_phase_seconds_count prepare"] == 1


def test_a_phase_is_counted_in_every_bucket_that_it_fits_into(
    document: Document, start: Start
) -> None:
    job = start(document, QA)
    took = timedelta(seconds=0.3)
    ImportJob.objects.update(started_at=job.created_at, prepared_at=job.created_at + took)
    numbers = scrape()

    bucket = "segmill_phase_seconds_bucket prepare "
    assert [numbers[bucket + bound] for bound in ("0.25", "0.5", "3600", "+Inf")] == [0, 1, 1, 1]
    assert numbers["segmill_phase_seconds_sum prepare"] == pytest.approx(0.3)
    assert numbers["segmill_phase_seconds_count embed"] == 0


@pytest.fixture
def remote(
    tenant: Tenant, server: EmbeddingsServer, settings: Settings, make_document: MakeDocument
) -> Document:
    """A document whose vectors come from an endpoint that bills them."""
    catalog.load.cache_clear()
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    settings.SEGMILL_EMBEDDING_BATCH_TEXTS = 5
    settings.SEGMILL_EMBEDDING_PRICE = Decimal(1_000_000)
    dataset = Dataset.objects.create(
        tenant=tenant, name="remote", embedding_model_provider="openai", embedding_model="m"
    )
    return make_document(dataset, "passages", DocForm.TEXT)


def test_what_an_endpoint_is_asked_and_bills(remote: Document, import_text: ImportText) -> None:
    texts = "".join(f"two words{number}\n" for number in range(ROWS))
    job = import_text(remote, "content\n" + texts)
    numbers = scrape()

    assert job.status == ImportStatus.COMPLETED, job.error
    assert numbers["segmill_embedding_requests_total"] == job.embedding_requests == 2
    assert numbers["segmill_embedding_tokens_total"] == job.embedding_tokens == 2 * ROWS
    assert numbers["segmill_embedding_cost_total"] == float(job.embedding_cost) == 2 * ROWS

    late = {"embedding_requests": F("embedding_requests") + 1}
    ImportJob.objects.update(**late, embedding_tokens=F("embedding_tokens") + 30)
    numbers = scrape()
    assert numbers["segmill_embedding_requests_total"] == 3
    assert numbers["segmill_embedding_tokens_total"] == 2 * ROWS + 30


def test_a_deleted_reembedding_stays_counted(dataset: Dataset) -> None:
    Reembedding.objects.create(
        tenant=dataset.tenant,
        dataset=dataset,
        purpose=ReembeddingPurpose.CHANGE,
        embedding_requests=3,
        embedding_tokens=40,
        embedding_cost=Decimal("0.5"),
    )
    before = counters(scrape())
    dataset.delete()

    assert not Reembedding.objects.exists()
    assert counters(scrape()) == before
    assert before["segmill_embedding_cost_total"] == 0.5


def test_looking_for_work_passes_over_imports_that_have_ended() -> None:
    """Even a planner that hates to scan tables would have to, were there no index for it."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            plan = IMPORT_JOBS.claimable().order_by().explain()
        finally:
            cursor.execute("RESET enable_seqscan")

    assert "import_open_by_lease" in plan
    assert "Seq Scan on segments_importjob" not in plan


def test_a_token_opens_the_numbers_to_who_shows_it(settings: Settings) -> None:
    word = settings.SEGMILL_METRICS_TOKEN = "open sesame"  # noqa: S105

    assert scrape(authorization=f"Bearer {word}")
    for wrong in ({}, {"authorization": "Bearer open"}, {"authorization": "open sesame"}):
        answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics", headers=wrong)
        assert answer.status_code == 403
        assert "sesame" not in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 403),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, 403),
        ("127.0.0.1", {"x-real-ip": "127.0.0.1"}, 403),
    ],
)
def test_without_a_token_only_this_machine_sees_them(
    address: str, headers: dict[str, str], status: int
) -> None:
    assert Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code == status


def test_prometheus_may_ask_for_its_newer_format() -> None:
    answer = Client().get("/metrics", headers={"accept": "application/openmetrics-text"})

    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_every_metric_is_documented_and_no_other() -> None:
    answer = Client().get("/metrics").content.decode()
    told = {family.name for family in text_string_to_metric_families(answer)}
    documented = re.findall(
        r"^\| `(segmill_\w+?)(?:_total)?(?:\{.*?\})?` \|", DOCUMENTATION.read_text(), re.M
    )

    assert set(documented) == told


def test_without_a_database_it_says_so_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    def lost(*statement: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(lost):
        answer = Client().get("/metrics")

    assert answer.status_code == 503
    assert answer["Content-Type"].startswith("text/plain")
    assert answer.content.decode().startswith("The connection to the database was lost.")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
