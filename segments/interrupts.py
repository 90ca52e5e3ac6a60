"""Being asked to stop: Ctrl-C, and the polite signals that mean the same."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from weakref import WeakSet

import psycopg2
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# SIGHUP: the terminal was closed.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Python hears a signal between two of its own steps. Not having heard it for as long, the main
# thread waits inside the database driver, and its statement has to be ended first.
UNHEARD_SECONDS = 0.5


@contextmanager
def raised_as_keyboard_interrupt() -> Iterator[None]:
    """Within, the first stop signal raises KeyboardInterrupt, and no further one does.

    So what is done about the first is not cut short by an impatient second. A signal that was
    ignored before (`nohup`) stays ignored. In another than the main thread this does nothing,
    as signals do not arrive there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if not heard.is_set():
            heard.set()
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    taken = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    with _statements_ended_if_need_be(heard):
        for number in taken:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, old in taken.items():
                signal.signal(number, old)


@contextmanager
def _statements_ended_if_need_be(heard: threading.Event) -> Iterator[None]:
    """End statements that keep us from stopping.

    That of the main thread, when it does not hear the first signal; those of other threads,
    which the main thread waits for, when an impatient user sends a second one.
    """
    ours, others = connections[DEFAULT_DB_ALIAS], WeakSet[BaseDatabaseWrapper]()
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        reader.recv(1)
        if not heard.wait(UNHEARD_SECONDS):
            _end_statement(ours)
        while reader.recv(1):
            for other in others:
                _end_statement(other)

    def remember(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
        if connection is not ours:
            others.add(connection)

    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    connection_created.connect(remember)
    old = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(old)
        connection_created.disconnect(remember)
        writer.close()
        watcher.join()
        reader.close()


def _end_statement(connection: BaseDatabaseWrapper) -> None:
    if connection.connection is not None:
        with suppress(psycopg2.Error):  # it was closed in this moment
            connection.connection.cancel()
