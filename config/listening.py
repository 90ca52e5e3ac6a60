"""The address of a local installation's web server."""

import socket

PORTS_TRIED = 20


class PortTaken(Exception):
    """Somebody else listens there."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on exactly this port; 0 means any free one.

    Raises:
        PortTaken: somebody else does already, or `host` is no address of this machine.
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
