"""Segmill's web server: `python -m config.web HOST:PORT`, or `DESCRIPTOR` of a socket.

A descriptor is a socket that already listens (`manage.py run`, systemd): the server can be
restarted without losing the address, and requests that arrive before it is up wait instead of
failing. The script `waitress-serve` takes no such socket, so this calls waitress's own API.
"""

import os
import signal
import socket
import sys
import tempfile
from types import FrameType
from typing import Any

import waitress
from waitress.server import BaseWSGIServer

# Concurrent requests: pages, and one poll a second from each browser that watches an import.
THREADS = 8
# Of a body without a length, only this tells that it is too long; the server then answers 413
# in its own words.
ROOM_BYTES = 64 * 1024 * 1024
PORTS_TRIED = 20
USAGE = "Give HOST:PORT, or the descriptor of a listening socket."


def main(where: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    from config.wsgi import application

    signal.signal(signal.SIGTERM, _leave)
    # What waitress receives waits beside the files too, for /tmp may be memory.
    tempfile.tempdir = str(settings.FILE_UPLOAD_TEMP_DIR)
    server_for(application, [socket_at(where)]).run()


def server_for(application: Any, sockets: list[socket.socket], threads: int = THREADS) -> Any:
    """A server of waitress that asks who sends before it receives much, ready to `run`."""
    from django.conf import settings

    from config.admission import AdmittingChannel, RoomForStreams

    roomy = RoomForStreams(application, threads)
    BaseWSGIServer.channel_class = AdmittingChannel
    server = waitress.create_server(
        roomy,
        sockets=sockets,
        threads=threads,
        ident="segmill",
        max_request_body_size=settings.SEGMILL_MAX_FILE_BYTES + ROOM_BYTES,
        **proxy_options(settings.SEGMILL_TRUSTED_PROXY),
    )
    roomy.set_thread_count = server.task_dispatcher.set_thread_count
    return server


def proxy_options(trusted: str) -> dict[str, Any]:
    """Which proxy's headers on client and scheme are trusted; those of others are ignored."""
    if not trusted:
        return {"clear_untrusted_proxy_headers": False}
    return {
        "trusted_proxy": trusted,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        "clear_untrusted_proxy_headers": True,
    }


class PortTaken(Exception):
    """Another program is using the port."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on exactly this port; 0 means any free one.

    Raises:
        PortTaken: the port is in use, or `host` is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as trouble:
        listener.close()
        raise PortTaken(f"{host}:{port}: {trouble.strerror}") from trouble
    return listener


def listen_near(host: str, port: int) -> socket.socket:
    """A socket that listens on `port`, or on the first free one after it.

    Raises:
        PortTaken: on none of the next `PORTS_TRIED` ports.
    """
    for candidate in range(port, port + PORTS_TRIED):
        try:
            return listen(host, candidate)
        except PortTaken as taken:
            last = taken
    raise last


def port_of(listener: socket.socket) -> int:
    """The port that `listener` has."""
    port: int = listener.getsockname()[1]
    return port


def socket_at(where: str) -> socket.socket:
    """A socket that listens there.

    Raises:
        SystemExit: in a sentence, what is wrong with the place.
    """
    if where.isdigit():
        return socket.socket(fileno=int(where))
    host, _, port = where.rpartition(":")
    if not port.isdigit():
        sys.exit(USAGE)
    try:
        return listen(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104  (as the caller says)
    except PortTaken as taken:
        sys.exit(f"Error: cannot listen on {taken}.")


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(USAGE)
