"""A chaos run: a working installation, one fault after another, and a check of the result."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import Error, connections
from redis.exceptions import RedisError

from datasets.models import Dataset, Document, Tenant
from segments.models import Chunk, DocumentSegment, ImportJob, StagedRow, StagedVector
from segments.operations import reaper
from segments.services.api_keys import create_api_key
from tests.chaos.clients import Accepted, Api, Client, Fate, Ledger
from tests.chaos.faults import NoEffect, Scene, faults_for
from tests.chaos.installation import Installation, wait_until
from tests.chaos.reader import Reader
from tests.chaos.results import ChaosResult, Done, recoveries
from tests.chaos.valkey import Valkey
from tests.servers.embeddings import EmbeddingsServer

# After this share of faults we wait for the recovery, to measure it; the others follow at random,
# sometimes at once, so that faults overlap.
PAUSE_SECONDS = (0.0, 4.0)
RECOVERY_SHARE = 0.5
LONGEST_RECOVERY_SECONDS = 40.0
CLIENTS = 2
# How long a request to the endpoint takes, so that faults hit chunks half done.
ANSWER_SECONDS = 0.25
START_SECONDS = 120.0
# How long open imports may take to end after the last fault: many leases.
END_SECONDS = 240.0
TIDY_SECONDS = 60.0
RETRY_SECONDS = 0.3

Tell = Callable[[int, str], None]


class ChaosRun:
    """A run with one broker."""

    def __init__(
        self, home: Path, broker: str, seed: int, server: EmbeddingsServer, valkey: Valkey | None
    ) -> None:
        self._installation = Installation(home, valkey)
        self._scene = Scene(self._installation, random.Random(seed))
        self._home, self._server = home, server
        self._ledger, self._ended, self._stopping = Ledger(), threading.Event(), threading.Event()
        self._faults: list[Done] = []
        limit = settings.SEGMILL_LEASE_SECONDS + reaper.LOOK_SECONDS
        self.result = ChaosResult(broker, seed, limit)
        server.seconds = ANSWER_SECONDS

    def run(self, faults: int, tell: Tell) -> ChaosResult:
        """Inject that many faults and wait until all imports have ended."""
        began = time.monotonic()
        call_command("migrate", verbosity=0)
        clients = self._make_clients()
        reader = Reader(lambda: self._ledger.recent_documents)
        with ExitStack() as stack:
            stack.callback(self._installation.stop)
            self._installation.start()
            reader.start()
            stack.callback(reader.stop)
            for client in clients:
                client.start()
            stack.callback(self._ended.set)
            wait_until(self._is_at_work, START_SECONDS, "the first import has ended")
            self._do_faults(faults, reader, tell)
            tell(faults, "waiting for all imports to end")
            self._finish(clients)
        self.result.seconds = time.monotonic() - began
        self.result.wrong += self._installation.survivors()
        self._judge(reader)
        return self.result

    def _make_clients(self) -> list[Client]:
        tenant = Tenant.objects.create(name="chaos")
        dataset = Dataset.objects.create(
            tenant=tenant, name="chaos", embedding_model_provider="openai", embedding_model="m"
        )
        api = Api(self._installation.address, create_api_key(tenant, "chaos")[1], self._ended)
        return [
            Client(api, str(dataset.pk), self._ledger, f"{self.result.seed}.{n}", self._stopping)
            for n in range(CLIENTS)
        ]

    def _is_at_work(self) -> bool:
        return any(each.fate == Fate.COMPLETED for each in self._ledger.imports)

    def _do_faults(self, wanted: int, reader: Reader, tell: Tell) -> None:
        """Inject every kind about equally often, in random order."""
        kinds = faults_for(self.result.broker)
        order: list[str] = []
        while len(self._faults) < wanted:
            if not order:
                order = list(kinds)
                self._scene.chance.shuffle(order)
            kind = order.pop()
            began = time.monotonic()
            try:
                kinds[kind](self._scene)
            except (NoEffect, Error, RedisError):
                connections.close_all()
                self.result.without_effect += 1
                order.insert(0, kind)
                time.sleep(RETRY_SECONDS)
                continue
            self._faults.append(Done(kind, began, time.monotonic()))
            tell(len(self._faults), kind)
            if self._scene.chance.random() < RECOVERY_SHARE:
                _wait_for_a_move(reader)
            time.sleep(self._scene.chance.uniform(*PAUSE_SECONDS))

    def _finish(self, clients: list[Client]) -> None:
        """Let every import end without more faults."""
        self._stopping.set()
        deadline = time.monotonic() + END_SECONDS
        for client in clients:
            client.join(max(0.0, deadline - time.monotonic()))
        if any(client.is_alive() for client in clients):
            self.result.wrong.append(f"stuck: {_open_imports()}")
            self._ended.set()
        self.result.wrong += [f"{c.name}: {c.trouble!r}" for c in clients if c.trouble]
        try:
            wait_until(lambda: not _left_over(), TIDY_SECONDS, "staged rows are gone")
        except TimeoutError as untidy:
            self.result.wrong.append(f"{untidy}: {_left_over()}")

    def _judge(self, reader: Reader) -> None:
        result, sightings = self.result, reader.sightings
        result.faults = Counter(fault.kind for fault in self._faults)
        result.looks, result.half_visible = sightings.looks, sightings.half_visible
        result.recoveries = recoveries(self._faults, sightings.gaps)
        result.imports = Counter(each.fate.value for each in self._ledger.imports)
        result.extra_imports = self._ledger.extra_jobs
        result.texts_embedded = len(self._server.texts)
        log = (self._home / "workers.log").read_text(errors="replace")
        result.watchdog_restarts = log.count("The worker cluster hangs")
        for accepted in self._ledger.imports:
            if accepted.fate in (Fate.FAILED, Fate.OPEN):
                result.wrong.append(f"import {accepted.job_id} {accepted.fate}: {accepted.told}")
        for document_id in self._ledger.document_ids:
            self._judge_document(document_id)

    def _judge_document(self, document_id: str) -> None:
        imports = [each for each in self._ledger.imports if each.document_id == document_id]
        expected = Counter(_visible(imports))
        segments = DocumentSegment.objects.filter(document_id=document_id)
        found = Counter(segments.values_list("content", flat=True))
        self.result.rows_expected += expected.total()
        self.result.rows_found += found.total()
        self.result.rows_lost += (expected - found).total()
        self.result.rows_doubled += (found - expected).total()
        total = Document.objects.get(pk=document_id).segment_count
        positions = segments.order_by("position").values_list("position", flat=True)
        if total != len(positions) or len(set(positions)) != total:
            self.result.wrong.append(f"document {document_id}: its totals say {total}")


def _wait_for_a_move(reader: Reader) -> None:
    now = time.monotonic()
    with suppress(TimeoutError):
        wait_until(lambda: reader.last_move > now, LONGEST_RECOVERY_SECONDS, "an import moved")


def _visible(imports: list[Accepted]) -> list[str]:
    completed = [each for each in imports if each.fate == Fate.COMPLETED]
    return [content for each in completed for content in each.contents]


def _open_imports() -> str:
    jobs = ImportJob.objects.open().values_list("pk", "status", "attempts", "last_error")
    return "; ".join(map(str, jobs))


def _left_over() -> dict[str, int]:
    """How much is still staged, by table."""
    models = (Chunk, StagedRow, StagedVector)
    counts = {model.__name__: model._default_manager.count() for model in models}
    return {name: count for name, count in counts.items() if count}
