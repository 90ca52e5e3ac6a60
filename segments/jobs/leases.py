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
    """Who holds a claim, and where the number of its process means something.

    Containers that share a host's name may still number their processes each for itself;
    `numbering` tells them apart. It is empty where the system does not say.
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
        """The holder of that name; None if it is nobody's."""
        host, *numbers = name.split(":")
        if len(numbers) != 3 or not all(number.isdecimal() for number in numbers[:2]):
            return None
        return cls(host, int(numbers[0]), int(numbers[1]), numbers[2])

    @property
    def name(self) -> str:
        """As it stands in `lease_owner`, for people who look for it."""
        return f"{self.host}:{self.process}:{self.thread}:{self.numbering}"

    @property
    def is_neighbour(self) -> bool:
        """Whether its process, if there is one, can be seen from here."""
        numbering = _numbering()
        return bool(numbering) and (self.host, self.numbering) == (socket.gethostname(), numbering)


def worker_name() -> str:
    """The name of whoever claims work in this thread."""
    return LeaseOwner.here().name


def name_of_process(process: int) -> str:
    """How the names of all who claim work in a process of this machine begin."""
    return f"{socket.gethostname()}:{process}:"


def _numbering() -> str:
    """The namespace of process numbers (Linux): `pid:[4026531836]`, without what is always so."""
    try:
        return Path("/proc/self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
    except OSError:
        return ""


# How often each piece of work (preparing, a chunk, publishing) is tried before its job fails: a
# killed worker counts; an error that is the job's own ends it at once.
MAX_ATTEMPTS = 5
# The pause after the first error that is not the job's own (a lost database, a full disk), and
# the longest one, before jitter.
RETRY_SECONDS = 5
MAX_BACK_OFF_SECONDS = 300
# An interrupted job goes on by itself after this long: an outage is longer than a hiccup.
RESUME_SECONDS = 300
# Then a worker lets others have their turn, so that a small import need not wait for a big one.
TURN_SECONDS = 60


def lease() -> Any:
    """When a lease taken now runs out, as an expression on the database's clock."""
    return Now() + timedelta(seconds=settings.SEGMILL_LEASE_SECONDS)


def is_due() -> Q:
    """Whether work that was put back may be tried again by now."""
    return Q(not_before__isnull=True) | Q(not_before__lte=Now())


def after_back_off(attempts: int) -> Any:
    """When to try again after so many tries, as an expression on the database's clock.

    The pause doubles with each try; jitter keeps what failed together from returning together.
    """
    pause = min(RETRY_SECONDS * 2 ** (attempts - 1), MAX_BACK_OFF_SECONDS)
    return Now() + timedelta(seconds=pause * random.uniform(0.5, 1.5))  # noqa: S311
