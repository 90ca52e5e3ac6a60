"""Leases on work: who holds one, how long it lasts, and when work may be tried again."""

import os
import random
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """Who holds a claim, and the namespace in which its process number is valid.

    Containers that share a host name may number their processes separately; `numbering` tells
    them apart. It is empty where the system does not report one.
    """

    host: str
    process: int
    thread: int
    numbering: str

    @classmethod
    def here(cls) -> Self:
        """This thread."""
        return cls(socket.gethostname(), os.getpid(), threading.get_native_id(), _numbering())

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """The owner of that name; None if the name is not valid."""
        host, *numbers = name.split(":")
        if len(numbers) != 3 or not all(number.isdecimal() for number in numbers[:2]):
            return None
        return cls(host, int(numbers[0]), int(numbers[1]), numbers[2])

    @property
    def name(self) -> str:
        """The name in `lease_owner`, readable for people."""
        return f"{self.host}:{self.process}:{self.thread}:{self.numbering}"

    @property
    def is_neighbour(self) -> bool:
        """Whether its process, if it exists, is visible from here."""
        numbering = _numbering()
        return bool(numbering) and (self.host, self.numbering) == (socket.gethostname(), numbering)


def worker_name() -> str:
    """The name under which this thread claims work."""
    return LeaseOwner.here().name


def name_of_process(process: int) -> str:
    """The beginning of every name under which a process of this machine claims work."""
    return f"{socket.gethostname()}:{process}:"


def _numbering() -> str:
    """The namespace of process numbers (Linux): `4026531836`, from `pid:[4026531836]`."""
    try:
        return Path("/proc/self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
    except OSError:
        return ""


# How often each piece of work (preparing, a chunk, publishing) is tried before its job fails. A
# killed worker counts as a try; an error of the job itself fails it at once.
MAX_ATTEMPTS = 5
# The pause after the first error that the job did not cause (a lost database, a full disk), and
# the longest one, before jitter.
RETRY_SECONDS = 5
MAX_BACK_OFF_SECONDS = 300
# An interrupted job resumes automatically after this long: most outages last a while.
RESUME_SECONDS = 300
# Then a worker lets other jobs run, so a small import need not wait for a big one.
TURN_SECONDS = 60


def lease() -> Any:
    """When a lease taken now runs out, as an expression on the database's clock."""
    return Now() + timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)


def is_due() -> Q:
    """Whether work that was put back may be tried again now."""
    return Q(not_before__isnull=True) | Q(not_before__lte=Now())


def after_back_off(attempts: int) -> Any:
    """When to retry after that many tries, as an expression on the database's clock.

    The pause doubles with each try; jitter spreads out work that failed at the same time.
    """
    pause = min(RETRY_SECONDS * 2 ** (attempts - 1), MAX_BACK_OFF_SECONDS)
    return Now() + timedelta(seconds=pause * random.uniform(0.5, 1.5))  # noqa: S311
