"""The whole way of a file by HTTP: real web server, real queue, real workers, on both brokers."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import redis

from config.queue import neighbour
from datasets.models import Tenant
from segments.models import Chunk, DocumentSegment, ImportJob
from segments.services.api_keys import create_api_key
from tests.constants import with_constants

from .processes import Remote, cluster, valkey, wait_until, web_server

pytestmark = pytest.mark.django_db(transaction=True)

QA = b"question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


@dataclass(frozen=True, slots=True)
class Machines:
    """Where a web server listens that hands over to two workers, by Valkey or by PostgreSQL."""

    address: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Installation:
    """Machines, and a client with a key."""

    api: Remote
    redis_url: str

    def document(self, doc_form: str = "qa_model") -> str:
        """The path of a new document."""
        dataset = self.api.post("datasets", {"name": doc_form})["id"]
        body = {"name": "imported", "doc_form": doc_form}
        document = self.api.post(f"datasets/{dataset}/documents", body)["document"]["id"]
        return f"datasets/{dataset}/documents/{document}"

    def start(self, document: str, content: bytes, **fields: str) -> str:
        """The id of a new import."""
        path = f"{document}/segments/batch_import"
        return str(self.api.upload(path, content, **fields)["job_id"])


@pytest.fixture(scope="module", params=["orm", "redis"])
def machines(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Machines]:
    """Started once a broker: they stay up while the database is emptied between tests."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        redis_url = stack.enter_context(valkey(folder)) if request.param == "redis" else ""
        environment = {
            "REDIS_URL": redis_url,
            "SEGMILL_WORKERS": "2",
            "SEGMILL_CHUNK_ROWS": "250",
            **with_constants({"segments.imports.embed_pool.THREADS": 1}),
        }
        address = stack.enter_context(web_server(folder, environment))
        stack.enter_context(cluster(folder, environment))
        yield Machines(address, redis_url)


@pytest.fixture
def installation(machines: Machines, transactional_db: None) -> Installation:
    key = create_api_key(Tenant.objects.create(name="acme"), "tests")[1]
    return Installation(Remote(machines.address, key), machines.redis_url)


def test_from_an_upload_to_an_answer(installation: Installation) -> None:
    api = installation.api
    document = installation.document()

    job_id = installation.start(document, QA)
    end = api.end_of(job_id)

    assert (end["job_status"], end["rows_published"]) == ("completed", 2), end
    dataset = document.partition("/documents")[0]
    found = api.post(f"{dataset}/retrieve", {"query": "How can I reset it?"})
    assert found["records"][0]["segment"]["answer"] == "Hold the button."

    bad = api.end_of(installation.start(document, QA + b"And this?,\n"))
    assert (bad["job_status"], bad["error_code"]) == ("error", "rows_refused")
    assert "line 4" in bad["error"]
    assert api.get(f"imports/{bad['job_id']}/errors")["data"][0]["line"] == 4

    if installation.redis_url:
        _assert_queue_and_cache_are_apart(installation.redis_url, job_id)


def _assert_queue_and_cache_are_apart(redis_url: str, job_id: str) -> None:
    """The copies of states are in the second database; the first one has the queue alone."""
    with redis.from_url(neighbour(redis_url)) as cache:
        assert cache.keys(f"*segment_batch_import_{job_id}")
    with redis.from_url(redis_url) as queue:
        assert not queue.keys("*segment_batch_import*")
        assert queue.keys("django_q:*")


def test_two_workers_share_the_chunks_of_one_import(installation: Installation) -> None:
    rows = 20_000
    content = "".join(f"Passage number {n} is about the number {n}.\n" for n in range(rows))
    document = installation.document("text_model")
    workers: set[str] = set()

    job_id = installation.start(document, b"content\n" + content.encode())

    def has_ended() -> bool:
        owners = Chunk.objects.filter(job__pk=job_id).exclude(lease_owner="")
        workers.update(
            owner.split(":")[1] for owner in owners.values_list("lease_owner", flat=True)
        )
        return ImportJob.objects.get(pk=job_id).is_final

    wait_until(has_ended)

    job = ImportJob.objects.get(pk=job_id)
    assert (job.status, job.rows_created) == ("completed", rows), job.error
    assert len(workers) == 2
    positions = DocumentSegment.objects.filter(document=job.document_id).order_by("position")
    assert list(positions.values_list("position", flat=True)) == list(range(1, rows + 1))
