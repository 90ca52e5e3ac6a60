"""Clients that import through the REST API and never give up before they have an answer."""

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from typing import Any
from uuid import uuid4

ANSWER_SECONDS = 20.0
PAUSE_SECONDS = 0.2
ROWS = (40, 120)
# Then comes a new document: an ever-growing one would slow the reader down.
IMPORTS_PER_DOCUMENT = 6
CANCELLED, UNDONE, SENT_TWICE = 0.12, 0.1, 0.3
LONGEST_BEFORE_CANCEL = 6.0
FINAL = ("completed", "error", "cancelled")
OK, CONFLICT = 200, 409


class Fate(StrEnum):
    """The outcome of an import, as its client knows it."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNDONE = "undone"
    FAILED = "failed"


@dataclass(slots=True)
class Accepted:
    """An import that the web server has accepted, and what its client knows about it."""

    job_id: str
    document_id: str
    contents: list[str]
    fate: Fate = Fate.OPEN
    told: str = ""


@dataclass(slots=True)
class Ledger:
    """Everything that was accepted, from all clients."""

    imports: list[Accepted] = field(default_factory=list)
    extra_jobs: int = 0
    """How many requests, sent twice, were answered with two different imports."""

    @property
    def document_ids(self) -> list[str]:
        """All documents that have imports."""
        return list(dict.fromkeys(each.document_id for each in self.imports))

    @property
    def recent_documents(self) -> list[str]:
        """The documents of the latest imports."""
        return list(
            dict.fromkeys(each.document_id for each in self.imports[-IMPORTS_PER_DOCUMENT:])
        )


class Api:
    """The REST API of an installation that may be down at any time."""

    def __init__(self, address: str, key: str, ended: threading.Event) -> None:
        self._address, self._key, self._ended = address, key, ended

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Status and JSON of the answer; repeats the request until it gets a usable one.

        Raises:
            TimeoutError: the run has ended meanwhile.
        """
        while not self._ended.is_set():
            try:
                status, answer = self._once(method, path, body, headers)
            except (OSError, HTTPException, ValueError):
                status, answer = 0, None
            if 0 < status < 500:
                return status, answer
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError(path)

    def _once(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        given = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        with closing(HTTPConnection(self._address, timeout=ANSWER_SECONDS)) as connection:
            connection.request(method, f"/v1/{path}", body, given | headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())


class Client(threading.Thread):
    """Imports one file after another until told to stop, and then finishes the last one."""

    def __init__(
        self, api: Api, dataset_id: str, ledger: Ledger, seed: str, stopping: threading.Event
    ) -> None:
        super().__init__(name=f"client {seed}")
        self._api, self._dataset, self._ledger = api, dataset_id, ledger
        self._chance, self._stopping = random.Random(seed), stopping
        self._name, self._number = seed, 0
        self.trouble: BaseException | None = None

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._stopping.is_set():
                document = self._new_document()
                for _ in range(IMPORTS_PER_DOCUMENT):
                    if not self._stopping.is_set():
                        self._import_one(document)
        except BaseException as trouble:  # noqa: BLE001  (the run reports it)
            self.trouble = trouble

    def _new_document(self) -> str:
        body = json.dumps({"name": str(uuid4()), "doc_form": "text_model"}).encode()
        status, answer = self._api.ask("POST", f"datasets/{self._dataset}/documents", body)
        assert status == OK, answer
        return str(answer["document"]["id"])

    def _import_one(self, document: str) -> None:
        self._number += 1
        count = self._chance.randint(*ROWS)
        about = f"{self._name}.{self._number}"
        contents = [f"Passage {row} of {about} is about {row}." for row in range(count)]
        accepted = Accepted(self._submit(document, contents), document, contents)
        self._ledger.imports.append(accepted)
        if self._chance.random() < CANCELLED:
            time.sleep(self._chance.uniform(0, LONGEST_BEFORE_CANCEL))
            self._cancel(accepted)
        if accepted.fate == Fate.OPEN:
            self._see_to_the_end(accepted)
        if accepted.fate == Fate.COMPLETED and self._chance.random() < UNDONE:
            self._undo(accepted)

    def _submit(self, document: str, contents: list[str]) -> str:
        path = f"datasets/{self._dataset}/documents/{document}/segments/batch_import"
        body, kind = _form("\n".join(["content", *contents]) + "\n")
        headers = {"Idempotency-Key": str(uuid4()), "Content-Type": kind}
        status, answer = self._api.ask("POST", path, body, **headers)
        assert status == OK, answer
        if self._chance.random() < SENT_TWICE:
            _, again = self._api.ask("POST", path, body, **headers)
            self._ledger.extra_jobs += again["job_id"] != answer["job_id"]
        return str(answer["job_id"])

    def _cancel(self, accepted: Accepted) -> None:
        """Cancel it, unless it has ended or is being published."""
        status, answer = self._api.ask("POST", f"imports/{accepted.job_id}/cancel")
        if status == OK:
            accepted.fate = Fate.CANCELLED
        assert status in (OK, CONFLICT), answer

    def _see_to_the_end(self, accepted: Accepted) -> None:
        answer = {"status": ""}
        while answer["status"] not in ("completed", "failed", "cancelled"):
            time.sleep(PAUSE_SECONDS)
            status, answer = self._api.ask("GET", f"imports/{accepted.job_id}")
            assert status == OK, answer
        accepted.fate, accepted.told = Fate(answer["status"]), str(answer)

    def _undo(self, accepted: Accepted) -> None:
        status, answer = self._api.ask("POST", f"imports/{accepted.job_id}/undo")
        if status == CONFLICT:  # an earlier request did it, but its answer was lost
            _, answer = self._api.ask("GET", f"imports/{accepted.job_id}")
        assert answer["undone_at"], answer
        accepted.fate = Fate.UNDONE


def _form(content: str) -> tuple[bytes, str]:
    """The body of a form with a file, and its content type."""
    boundary = uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\n{content}\r\n--{boundary}--\r\n"
    )
    return body.encode(), f"multipart/form-data; boundary={boundary}"


Told = Callable[[str], None]
