"""Imports of several tenants through REST, and whether every promise was kept in the end."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from urllib.request import urlopen

from django.db import Error, connection
from django.db.models import Max, Min

from datasets.models import Dataset, DocForm, Document, Tenant
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportStatus
from segments.services.api_keys import create_api_key
from tests.acceptance.processes import Remote

# No run waits longer than this for its imports to end.
END_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Sent:
    """An import that a web server has accepted: where it goes, and its rows."""

    job_id: str
    document_id: str
    rows: int


class Client:
    """A tenant with a key, a dataset with a model (so a budget) of its own or a shared one."""

    def __init__(self, address: str, name: str, model: str) -> None:
        self.tenant = Tenant.objects.create(name=name)
        self.dataset = Dataset.objects.create(
            tenant=self.tenant,
            name="handbook",
            embedding_model_provider="openai",
            embedding_model=model,
        )
        self.remote = Remote(address, create_api_key(self.tenant, "hosts")[1])
        self._imports = 0

    def send(self, rows: int) -> Sent:
        """Upload a file of so many rows, none of which has been embedded before."""
        self._imports += 1
        name = f"{self.tenant.name} {self._imports}"
        document = Document.objects.create(
            tenant=self.tenant, dataset=self.dataset, name=name, doc_form=DocForm.TEXT
        )
        text = "content\n" + "".join(f"row {each} of {name}\n" for each in range(rows))
        path = f"datasets/{self.dataset.pk}/documents/{document.pk}/segments/batch_import"
        answer = self.remote.upload(path, text.encode())
        assert "job_id" in answer, answer
        return Sent(answer["job_id"], str(document.pk), rows)


def wait_for(sent: Iterable[Sent], seconds: float = END_SECONDS) -> None:
    """Wait until all have ended.

    Raises:
        AssertionError: one is stuck.
    """
    ids, deadline = [each.job_id for each in sent], time.monotonic() + seconds
    while True:
        with suppress(Error):
            left = ImportJob.objects.open().filter(pk__in=ids).values_list("status", flat=True)
            if not (states := list(left)):
                return
            assert time.monotonic() < deadline, f"stuck: {states}"
        assert time.monotonic() < deadline, "the database does not answer"
        connection.close_if_unusable_or_obsolete()
        time.sleep(0.2)


def broken_promises(sent: Sequence[Sent]) -> list[str]:
    """What is lost, doubled, half visible or not completed, in words."""
    found = []
    for each in sent:
        job = ImportJob.objects.get(pk=each.job_id)
        contents = DocumentSegment.objects.filter(document_id=each.document_id)
        counts = Counter(contents.values_list("content", flat=True))
        positions = sorted(contents.values_list("position", flat=True))
        if job.status != ImportStatus.COMPLETED:
            found.append(f"{each.job_id} is {job.status}: {job.error}")
        elif len(counts) != each.rows:
            found.append(f"{each.job_id} has {len(counts)} of {each.rows} rows")
        elif contents.filter(embedding=None).exists():
            found.append(f"{each.job_id} has rows without a vector")
        if doubled := sum(number - 1 for number in counts.values()):
            found.append(f"{each.job_id} has {doubled} rows twice")
        if positions != list(range(1, len(positions) + 1)):
            found.append(f"{each.job_id} has gaps in its positions")
    return found


def rows_per_second(sent: Sequence[Sent]) -> float:
    """Over the time from the first claim to the last publish."""
    jobs = ImportJob.objects.filter(pk__in=[each.job_id for each in sent])
    times = jobs.aggregate(begun=Min("started_at"), ended=Max("finished_at"))
    seconds: float = (times["ended"] - times["begun"]).total_seconds()
    return sum(each.rows for each in sent) / seconds


Span = tuple[str, float, float]


def spans_of(endpoint: str) -> list[Span]:
    """Model, beginning and end of every request that the endpoint got."""
    with urlopen(f"{endpoint}/spans", timeout=30) as answer:  # noqa: S310  (our own endpoint)
        return [tuple(span) for span in json.load(answer)]


def most_at_once(spans: Iterable[Span], model: str) -> int:
    """The most requests with a model that were under way at the same time."""
    steps = [(came, 1) for name, came, _ in spans if name == model]
    steps += [(went, -1) for name, _, went in spans if name == model]
    now = most = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most


def longest_pause(spans: Sequence[Span], since: float) -> float:
    """The longest time without a new request, from the moment `since`."""
    moments = sorted([since, *(came for _, came, _ in spans if came > since)])
    return max((after - before for before, after in pairwise(moments)), default=0.0)
