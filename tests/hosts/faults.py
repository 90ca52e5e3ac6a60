"""What a network does, one fault at a time, and whether the promises hold after it.

Each fault hits a worker host, or the database, while it works on an import; the outcome says after
how long another host went on with the import, and what was broken.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import Error, connection
from django.db.models import Q

from segments.models import Chunk, ImportJob
from segments.models.import_job import ChunkStatus
from tests.acceptance.processes import wait_until
from tests.hosts.installation import LEASE_SECONDS, TICK_SECONDS, Installation
from tests.hosts.trial import Client, Sent, broken_promises, wait_for
from tests.servers.network import Host

ROWS = 2_400
WAIT_SECONDS = 90.0
# Later than a lease, when whoever was cut off comes back to work that others have done.
CUT_SECONDS = LEASE_SECONDS + 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault did: after how many seconds work went on, and what was broken or not run."""

    name: str
    seconds: float | None = None
    broken: tuple[str, ...] = ()
    not_run: str = ""

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken

    @property
    def text(self) -> str:
        """The outcome in words."""
        if self.not_run:
            return f"not run: {self.not_run}"
        return "; ".join(self.broken) or "nothing lost, doubled, half visible or stuck"


def worker_host_cut_off(hosts: Installation, client: Client) -> Outcome:
    """A worker host is cut off, and back after its lease."""
    return _hit(hosts, client, "worker host cut off, and back", Host.cut_off, Host.reconnect)


def database_unreachable(hosts: Installation, client: Client) -> Outcome:
    """One worker host cannot reach the database."""
    return _hit(
        hosts,
        client,
        "database unreachable from one host",
        lambda host: host.silence_towards(hosts.database),
        lambda host: host.speak_towards(hosts.database),
    )


def one_way_cut(hosts: Installation, client: Client) -> Outcome:
    """The database's answers to one worker host vanish."""
    return _hit(
        hosts,
        client,
        "one-way cut: answers of the database vanish",
        lambda host: hosts.database.silence_towards(host),
        lambda host: hosts.database.speak_towards(host),
    )


def host_killed(hosts: Installation, client: Client) -> Outcome:
    """A worker host is killed as a whole, and started again."""
    return _hit(hosts, client, "worker host killed as a whole", hosts.kill, hosts.start_worker)


def replica_lags(hosts: Installation, client: Client) -> Outcome:
    """The replica does not replay what is published."""
    hosts.replica.sql("SELECT pg_wal_replay_pause()")
    try:
        sent = client.send(50)
        wait_for([sent])
        found = _first_found(client, "row")
        stale = () if found else ("a search did not find what was published",)
    finally:
        hosts.replica.sql("SELECT pg_wal_replay_resume()")
    return Outcome("the replica lags", None, (*stale, *broken_promises([sent])))


def packets_lost(hosts: Installation, client: Client) -> Outcome:
    """Packets of a worker host are lost and delayed."""
    how = ["netem", "delay", "50ms", "20ms", "loss", "5%"]

    def begin(host: Host) -> None:
        subprocess.run(
            host.command("tc", "qdisc", "add", "dev", "eth0", "root", *how),
            check=True,
            capture_output=True,
        )

    def end(host: Host) -> None:
        command = host.command("tc", "qdisc", "del", "dev", "eth0", "root")
        subprocess.run(command, check=False, capture_output=True)

    name = "5 % of the packets lost, the others 50 ms late"
    try:
        begin(hosts.workers[0])
    except (subprocess.CalledProcessError, FileNotFoundError):
        return Outcome(name, not_run="this kernel has no netem")
    end(hosts.workers[0])
    return _hit(hosts, client, name, begin, end, moves_on=False)


def failover(hosts: Installation, client: Client) -> Outcome:
    """The database host is fenced, and its replica promoted."""
    hosts.replicate_synchronously()
    before = client.send(ROWS)
    wait_until(lambda: _holder(hosts, before) is not None, WAIT_SECONDS)
    began = time.monotonic()
    hosts.fail_over()
    connection.close()
    wait_until(_answers, WAIT_SECONDS)
    wait_until(lambda: _has_moved(before, "", _done(before)), WAIT_SECONDS)
    seconds = time.monotonic() - began
    wait_for([before])
    after = client.send(50)
    wait_for([after])
    return Outcome(
        "failover to the replica, old primary fenced",
        seconds,
        tuple(broken_promises([before, after])),
    )


Fault = Callable[[Installation, Client], Outcome]
FAULTS: tuple[Fault, ...] = (
    worker_host_cut_off,
    database_unreachable,
    one_way_cut,
    host_killed,
    packets_lost,
    replica_lags,
    failover,
)


def _hit(
    hosts: Installation,
    client: Client,
    name: str,
    begin: Callable[[Host], None],
    end: Callable[[Host], None],
    *,
    moves_on: bool = True,
) -> Outcome:
    """Hit the host that holds a part of an import, until after its lease."""
    sent = client.send(ROWS)
    wait_until(lambda: _holder(hosts, sent) is not None, WAIT_SECONDS)
    victim = _holder(hosts, sent) or hosts.workers[0]
    seconds, began = None, time.monotonic()
    begin(victim)
    try:
        if moves_on:
            held = _done(sent)
            wait_until(lambda: _has_moved(sent, victim.name, held), WAIT_SECONDS)
            seconds = time.monotonic() - began
        time.sleep(max(CUT_SECONDS - (time.monotonic() - began), 0))
    finally:
        end(victim)
    wait_for([sent])
    first = broken_promises([sent])
    time.sleep(3 * TICK_SECONDS)  # whoever was cut off looks at what it had
    late = () if broken_promises([sent]) == first else ("something was published late",)
    return Outcome(name, seconds, (*first, *late))


def _holder(hosts: Installation, sent: Sent) -> Host | None:
    """The worker host that holds a part of the import now."""
    running = Q(job_id=UUID(sent.job_id), status=ChunkStatus.RUNNING)
    owners = list(Chunk.objects.filter(running).values_list("lease_owner", flat=True))
    names = {owner.partition(":")[0] for owner in owners}
    return next((host for host in hosts.workers if host.name in names), None)


def _done(sent: Sent) -> int:
    """How many chunks of the import are done."""
    return Chunk.objects.filter(job_id=UUID(sent.job_id), status=ChunkStatus.DONE).count()


def _has_moved(sent: Sent, victim: str, done_before: int) -> bool:
    """Whether all is done, or another host than the victim has finished what was held."""
    with suppress(Error):
        if not ImportJob.objects.open().filter(pk=sent.job_id).exists():
            return True
        running = Chunk.objects.filter(job_id=UUID(sent.job_id), status=ChunkStatus.RUNNING)
        others = running.exclude(lease_owner__startswith=f"{victim}:") if victim else running
        held = running.filter(lease_owner__startswith=f"{victim}:") if victim else running.none()
        return not held.exists() and others.exists() and _done(sent) > done_before
    connection.close_if_unusable_or_obsolete()
    return False


def _answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT NOT pg_is_in_recovery()")
            return bool(cursor.fetchone()[0])
    except Error:
        connection.close()
        return False


def _first_found(client: Client, question: str) -> bool:
    path = f"datasets/{client.dataset.pk}/retrieve"
    answer = client.remote.post(path, {"query": question})
    return bool(answer.get("records"))
