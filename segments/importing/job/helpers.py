"""Processes that embed beside that of a foreground import, to which no worker comes.

A model that computes in Python keeps one core busy a process, however many threads it has.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from django.db import connections

logger = logging.getLogger(__name__)

# How often a helper is looked after.
TICK_SECONDS = 0.2

Stop = Callable[[], bool]


def can_help() -> bool:
    """Whether this system copies a process with all that is loaded in it, and safely."""
    return sys.platform == "linux" and "fork" in get_all_start_methods()


def start_helpers(count: int, work: Callable[[Stop], None]) -> list[BaseProcess]:
    """Copies of this process that do `work` and end; with this process they end as well.

    As many as the system grants: what there is to do does not depend on them.
    """
    target = partial(_help, work, os.getpid())
    helpers = [get_context("fork").Process(target=target, daemon=True) for _ in range(count)]
    for started, helper in enumerate(helpers):
        try:
            helper.start()
        except OSError as trouble:
            logger.warning("only %d of %d helpers could be started: %s", started, count, trouble)
            return list(helpers[:started])
    return list(helpers)


def follow(helper: BaseProcess, is_enough: Stop) -> bool:
    """Wait for a helper to end, or end it once it `is_enough`; whether it got through by itself."""
    while not wait([helper.sentinel], timeout=TICK_SECONDS):
        if is_enough():
            helper.kill()  # what it has open is rolled back; one that was stopped ends as well
    helper.join()
    return helper.exitcode == 0


def _help(work: Callable[[Stop], None], parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C: our parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A progress bar has its own, with a lock that its thread may have held when we were copied.
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    for connection in connections.all(initialized_only=True):
        connection.connection = None  # our parent's: to close it would end it for both
    work(lambda: os.getppid() != parent)
