"""Reads on PostgreSQL's streaming replicas, for requests that only read.

A replica answers a request only if it has replayed every change that the asker may know of
(`segments.db.positions`). One that lags is passed over; one that is silent or gone is left alone
for `REST_SECONDS`. All that it costs is speed: the primary answers instead.

Which server a request reads from is decided at its first read of a table in `READ_HERE`, and
stays the same for the request, until it writes something: from then on it is the primary. So it is
in every transaction, in workers, commands and programs, and where `SEGMILL_REPLICAS` is empty.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from segments.db import positions

logger = logging.getLogger(__name__)

# A replica that failed is asked again after this time, by one request of each process.
REST_SECONDS = 10.0
# A connection that breaks at once was an old one, of a server that has been restarted since.
AT_ONCE_SECONDS = 1.0
# What people search, list, export and follow. Who may do what is read on the primary.
READ_HERE = frozenset(
    {
        "datasets.dataset",
        "datasets.document",
        "datasets.metadatafield",
        "datasets.tag",
        "segments.chunk",
        "segments.documentsegment",
        "segments.importjob",
        "segments.indexgeneration",
        "segments.parentsegment",
        "segments.progresssample",
        "segments.fulltextrebuild",
        "segments.reembedding",
        "segments.rowerror",
        "segments.searchjudgement",
        "segments.segmentchange",
    }
)


@dataclass(slots=True)
class Request:
    """What a request may read from, and for whom: all tenants unless it says which.

    `origin` names who asks in the positions of what it changes, such as `key ID`. A request that
    `changes` something says so by its method; one that has written something did so all the same.
    """

    may_use_replicas: bool = False
    tenant_id: UUID | None = None
    dataset_id: UUID | None = None
    origin: str = ""
    changes: bool = False
    has_written: bool = False
    alias: str = ""

    @property
    def is_on_replica(self) -> bool:
        """Whether it has read from a replica, and goes on doing so."""
        return self.alias not in ("", DEFAULT_DB_ALIAS)

    def use_primary(self) -> None:
        """Read from the primary from here on."""
        self.may_use_replicas, self.alias = False, DEFAULT_DB_ALIAS

    def give_up(self, trouble: Exception) -> None:
        """As `use_primary`, because the replica failed: others leave it alone for a while."""
        _resting.rest(self.alias, trouble)
        connections[self.alias].close()
        self.use_primary()

    def asks_for(self, tenant_id: UUID, dataset_id: UUID | None, origin: str) -> None:
        """Read, and change, only what belongs to the tenant, or to its dataset."""
        self.tenant_id, self.dataset_id, self.origin = tenant_id, dataset_id, origin


_current: ContextVar[Request | None] = ContextVar("segments_request", default=None)


@contextmanager
def request() -> Iterator[Request]:
    """The scope of a request: what it reads may come from a replica once it says so."""
    one = Request()
    token = _current.set(one)
    try:
        yield one
    finally:
        _current.reset(token)


def current() -> Request | None:
    """The request that is being answered here, if there are replicas."""
    return _current.get()


def reading_alias() -> str:
    """The alias of the server to read from now; chosen at the first call in a request."""
    one = _current.get()
    if one is None or connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return DEFAULT_DB_ALIAS
    if not one.alias:
        one.alias = _chosen(one) if one.may_use_replicas else ""
    return one.alias or DEFAULT_DB_ALIAS


class _ReadingConnection:
    """The connection to read by, as `django.db.connection` is the one to the primary."""

    def __getattr__(self, name: str) -> Any:
        return getattr(connections[reading_alias()], name)


connection = cast("BaseDatabaseWrapper", _ReadingConnection())


class ReplicaRouter:
    """Sends the reads of a request to its replica, and every write to the primary."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """The replica of the request; the primary for objects that came from one, else no word."""
        if model._meta.label_lower in READ_HERE:
            return reading_alias()
        return _primary_of(hints)

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        """The primary for objects that came from a replica, else no word."""
        one = _current.get()
        if one is not None and model._meta.label_lower in READ_HERE:
            one.has_written = True
            one.use_primary()
        return _primary_of(hints)

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        """Replicas and primary hold the same rows."""
        ours = {DEFAULT_DB_ALIAS, *settings.SEGMILL_REPLICAS}
        return True if {one._state.db, other._state.db} <= {*ours, None} else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """No migration on a replica: it follows the primary's."""
        return False if db in settings.SEGMILL_REPLICAS else None


def _primary_of(hints: dict[str, Any]) -> str | None:
    instance = hints.get("instance")
    is_from_replica = instance is not None and instance._state.db in settings.SEGMILL_REPLICAS
    return DEFAULT_DB_ALIAS if is_from_replica else None


class _Resting:
    """Which replicas are left alone, and until when."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def rest(self, alias: str, trouble: Exception) -> None:
        """Leave it alone for `REST_SECONDS`."""
        said = " ".join(str(trouble).split())
        logger.warning("%s does not answer, the primary does: %s", alias, said)
        with self._lock:
            self._until[alias] = monotonic() + REST_SECONDS

    def may_be_asked(self, alias: str) -> bool:
        """Whether to ask it; after a rest, true for one who tries it and for no other."""
        with self._lock:
            until = self._until.get(alias)
            if until is not None and monotonic() < until:
                return False
            if until is not None:
                self._until[alias] = monotonic() + REST_SECONDS
            return True

    def is_well(self, alias: str) -> None:
        """It has answered."""
        with self._lock:
            self._until.pop(alias, None)

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._until.clear()


_resting = _Resting()
_turns = count()


def forget_failures() -> None:
    """Ask every replica again at once."""
    _resting.clear()


def _chosen(one: Request) -> str:
    """A replica that has all the asker may know of, each in turn; else the primary."""
    aliases = settings.SEGMILL_REPLICAS
    turn = next(_turns)
    willing = [alias for alias in _rotated(aliases, turn) if _resting.may_be_asked(alias)]
    if not willing:
        return DEFAULT_DB_ALIAS
    needed = positions.needed(one.tenant_id, one.dataset_id)
    return next((each for each in willing if _has_replayed(each, needed)), DEFAULT_DB_ALIAS)


def _rotated(aliases: list[str], turn: int) -> list[str]:
    first = turn % len(aliases) if aliases else 0
    return [*aliases[first:], *aliases[:first]]


def _has_replayed(alias: str, needed: str) -> bool:
    replica, began = connections[alias], monotonic()
    was_open = replica.connection is not None
    try:
        has = positions.has_replayed(replica, needed)
    except Error as trouble:
        replica.close()
        if was_open and monotonic() - began < AT_ONCE_SECONDS:
            return _has_replayed(alias, needed)
        _resting.rest(alias, trouble)
        return False
    _resting.is_well(alias)
    return has


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How a replica is: what is wrong with it, or how many bytes and seconds it is behind."""

    alias: str
    trouble: str = ""
    bytes_behind: int = 0
    seconds_behind: float = 0.0


def states() -> list[ReplicaState]:
    """Every replica, asked now; the primary is asked once what they should have."""
    aliases = settings.SEGMILL_REPLICAS
    written = positions.written() if aliases else ""
    return [_state(alias, written) for alias in aliases]


def _state(alias: str, written: str) -> ReplicaState:
    try:
        behind = positions.behind(connections[alias], written)
    except Error as trouble:
        connections[alias].close()
        return ReplicaState(alias, f"It does not answer: {' '.join(str(trouble).split())}")
    if behind is None:
        return ReplicaState(alias, "It is not a replica: its server takes writes itself.")
    return ReplicaState(alias, "", *behind)
