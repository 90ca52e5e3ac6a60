"""The run of `make hosts`: how rows a second grow with the hosts, and every fault in turn."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from typing import Any

from django.core.management import call_command
from rich.console import Console
from rich.table import Table

from tests.acceptance.processes import wait_until
from tests.benchmark.simulated import SECONDS_A_REQUEST
from tests.chaos.display import ChaosDisplay
from tests.hosts.faults import FAULTS, Fault, Outcome
from tests.hosts.installation import CALLS, TEXTS, Installation
from tests.hosts.trial import (
    Client,
    broken_promises,
    most_at_once,
    rows_per_second,
    spans_of,
    wait_for,
)

TENANTS = 6
SHARED_MODEL = "shared"
READY_SECONDS = 90.0
LEAST_SHARE_OF_LINEAR = 0.9


@dataclass(slots=True)
class HostsResult:
    """What was measured: rows a second by the number of worker hosts, budgets, faults."""

    speeds: dict[int, float] = field(default_factory=dict)
    capacity: float = CALLS * TEXTS / SECONDS_A_REQUEST
    most_at_once: int = 0
    shared_most_at_once: int = 0
    shared_speed: float = 0.0
    broken: list[str] = field(default_factory=list)
    faults: list[Outcome] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept, and speed grows with the hosts."""
        is_linear = all(share >= LEAST_SHARE_OF_LINEAR for share in self.shares().values())
        kept = max(self.most_at_once, self.shared_most_at_once) <= CALLS
        return is_linear and kept and not self.broken and all(each.is_good for each in self.faults)

    def shares(self) -> dict[int, float]:
        """What part of so many times the speed of one host is reached."""
        one = self.speeds.get(1, 0.0)
        return {hosts: speed / (hosts * one) for hosts, speed in self.speeds.items() if one}

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        return asdict(self) | {"share_of_linear": self.shares(), "is_good": self.is_good}

    def print(self) -> None:
        """Two tables, and what was broken."""
        console = Console(file=sys.stdout, width=110)
        if self.speeds:
            console.print(self._speed_table())
        if self.faults:
            console.print(self._fault_table())
        for line in self.broken:
            console.print(f"Broken: {line}")

    def _speed_table(self) -> Table:
        table = Table("worker hosts", "rows/s", "of linear", "of the endpoint's limit")
        for hosts, share in self.shares().items():
            speed = self.speeds[hosts]
            limit = f"{speed / hosts / self.capacity:.2f}"
            table.add_row(str(hosts), f"{speed:,.0f}", f"{share:.2f}", limit)
        one = f"{self.shared_speed / self.capacity:.2f}"
        table.add_row("all, one shared model", f"{self.shared_speed:,.0f}", "", one)
        most = f"{self.most_at_once} and {self.shared_most_at_once}"
        table.caption = f"at most {CALLS} requests of a model at once: {most} were"
        return table

    def _fault_table(self) -> Table:
        table = Table("fault", "goes on after", "result")
        for each in self.faults:
            after = "" if each.seconds is None else f"{each.seconds:.1f} s"
            table.add_row(each.name, after, each.text)
        return table


class HostsRun:
    """Starts what runs, and measures."""

    def __init__(self, installation: Installation, rows: int, *, quiet: bool = False) -> None:
        self._hosts, self._rows, self._quiet = installation, rows, quiet
        self._result = HostsResult()

    def run(self, parts: list[str]) -> HostsResult:
        """Run the parts."""
        call_command("migrate", verbosity=0)
        self._hosts.start_webs()
        wait_until(self._is_up, READY_SECONDS)
        steps = (len(self._hosts.workers) + 1) * ("speed" in parts)
        faults = FAULTS[: len(FAULTS) if "faults" in parts else "short" in parts]
        faults += tuple(each for each in FAULTS if each.__name__ in parts)
        steps += len(faults)
        with ChaosDisplay(sys.stderr, "hosts", steps) as display:
            if "speed" in parts:
                self._speed(display)
            if faults:
                self._faults(faults, display)
        return self._result

    def _speed(self, display: ChaosDisplay) -> None:
        address = self._hosts.address
        own = [Client(address, f"tenant {each}", f"m{each}") for each in range(TENANTS)]
        for number, host in enumerate(self._hosts.workers, start=1):
            display(number - 1, f"{number} worker hosts")
            self._start(host.name)
            self._result.speeds[number] = self._measure(own)
        display(len(self._hosts.workers), "one shared model")
        shared = [Client(address, f"sharer {each}", SHARED_MODEL) for each in range(3)]
        self._result.shared_speed = self._measure(shared)
        spans = spans_of(self._hosts.endpoint)
        models = {model for model, _, _ in spans} - {SHARED_MODEL}
        self._result.most_at_once = max(most_at_once(spans, model) for model in models)
        self._result.shared_most_at_once = most_at_once(spans, SHARED_MODEL)

    def _measure(self, clients: list[Client]) -> float:
        sent = [client.send(self._rows) for client in clients]
        wait_for(sent)
        self._result.broken += broken_promises(sent)
        return rows_per_second(sent)

    def _faults(self, faults: Sequence[Fault], display: ChaosDisplay) -> None:
        for host in self._hosts.workers:
            if not self._hosts.is_running(host):
                self._start(host.name)
        client = Client(self._hosts.address, "victim", "victim")
        for number, fault in enumerate(faults):
            display(self._steps_before + number, fault.__doc__ or "")
            outcome = fault(self._hosts, client)
            self._result.faults.append(outcome)
            after = "" if outcome.seconds is None else f" after {outcome.seconds:.1f} s"
            display.tell(f"{outcome.name}:{after} {outcome.text}")

    @property
    def _steps_before(self) -> int:
        return len(self._hosts.workers) + 1 if self._result.speeds else 0

    def _start(self, name: str) -> None:
        host = next(each for each in self._hosts.workers if each.name == name)
        self._hosts.start_worker(host)
        wait_until(lambda: "ready for work" in self._hosts.log_of(host), READY_SECONDS)
        time.sleep(1)

    def _is_up(self) -> bool:
        try:
            asked = HTTPConnection(self._hosts.address, timeout=5)
            asked.request("GET", "/healthz", headers={"Host": self._hosts.address})
            return asked.getresponse().status == 200
        except OSError:
            return False
