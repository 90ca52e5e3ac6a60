"""The web server of a local installation: `python -m config.web DESCRIPTOR`.

It is handed a socket that listens already, so that it can be started again without losing the
address, and requests that come before it is up wait instead of failing.
"""

import os
import signal
import socket
import sys
from types import FrameType

import waitress

# Requests at a time: pages, and one poll a second from each browser that watches an import.
THREADS = 8
# A file that is too large by less than this comes through and is refused in words; one that is
# larger is cut off by the server itself, which says 413 and no more.
ROOM_BYTES = 64 * 1024 * 1024


def main(descriptor: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    from config.wsgi import application

    signal.signal(signal.SIGTERM, _leave)
    waitress.serve(
        application,
        sockets=[socket.socket(fileno=descriptor)],
        threads=THREADS,
        ident="segmill",
        max_request_body_size=settings.SEGMILL_MAX_FILE_BYTES + ROOM_BYTES,
    )


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
