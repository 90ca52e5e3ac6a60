"""HTTP to untrusted endpoints: pinned addresses, and bounds on every answer.

A host is resolved once per connection, its address is checked, and we connect to exactly that
address, so a name cannot point elsewhere between check and use. The certificate is still
checked against the name. Redirects are not followed. The whole answer is bounded in time and
size: a server that drips one byte a second fares no better than a silent one.

By hand: what guards against SSRF on the index (advocate) wraps requests, and the OpenAI client
speaks through httpx.
"""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Any

import httpcore2
import httpx2
from django.conf import settings

from segments.exceptions import EndpointRefused

SECONDS_TO_CONNECT = 10.0
# The well-known prefix (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
# All of the public internet by IPv6; what lies outside is local, or an IPv4 address in disguise.
GLOBAL_UNICAST = IPv6Network("2000::/3")
# An interface identifier that ends in an IPv4 address (ISATAP, RFC 5214).
ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
# The name server says for good that there is no such name.
NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Where requests may go: to `hosts` (empty means any), and whether to private addresses."""

    hosts: frozenset[str] = frozenset()
    private_addresses: bool = False

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be connected to.

        Where private addresses are not allowed, a name that does not exist is refused in the same
        words as one with a private address: a tenant learns nothing of the network inside.

        Raises:
            EndpointRefused: the host is not allowed, or has no address that is.
            OSError: the host is unknown, or nobody can say now.
        """
        if self.hosts and host.lower() not in self.hosts:
            raise EndpointRefused(
                f"Requests to {host} are not allowed here. "
                "Add it to SEGMILL_ENDPOINT_HOSTS, or use another endpoint."
            )
        allowed = [a for a in self._resolved(host, port) if self.private_addresses or is_public(a)]
        if not allowed:
            raise EndpointRefused(
                f"{host} is unknown or has a private address, which is not allowed. "
                "Check the name, or set SEGMILL_ENDPOINT_PRIVATE_ADDRESSES to allow it."
            )
        return allowed

    def _resolved(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as unknown:
            if self.private_addresses or unknown.errno not in NO_SUCH_NAME:
                raise
            return []
        return [str(entry[4][0]) for entry in found]


def egress_policy(*, is_trusted: bool) -> EgressPolicy:
    """Where an operator's own endpoints may be: anywhere; a tenant's: where the settings allow."""
    if is_trusted:
        return EgressPolicy(private_addresses=True)
    hosts = frozenset(host.lower() for host in settings.SEGMILL_ENDPOINT_HOSTS)
    return EgressPolicy(hosts, settings.SEGMILL_ENDPOINT_PRIVATE_ADDRESSES)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, even if wrapped in IPv6."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = _wrapped(ip)
    if inner is not None and not is_public(str(inner)):
        return False
    if ip.ipv4_mapped is not None or ip in NAT64:
        return True
    return ip in GLOBAL_UNICAST and (inner is not None or ip.is_global)


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to (mapped, 6to4, Teredo, NAT64, ISATAP)."""
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in NAT64 or (int(ip) >> 32) & 0xFFFF_FFFF in ISATAP:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


class _Allowance(threading.local):
    """The time and bytes that are left to the request of this thread."""

    ends = float("inf")
    bytes_left = 0

    def seconds(self, wanted: float | None) -> float:
        left = self.ends - monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the answer took too long")
        return left if wanted is None else min(wanted, left)

    def count(self, received: bytes) -> bytes:
        self.bytes_left -= len(received)
        if self.bytes_left < 0:
            raise httpcore2.ReadError("the answer is too large")
        return received


@dataclass(slots=True)
class BoundedStream(httpcore2.NetworkStream):
    """A connection whose reads and writes count against the request's time and bytes."""

    stream: httpcore2.NetworkStream
    allowance: _Allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The bytes that have arrived, at most `max_bytes`; they are counted."""
        return self.allowance.count(self.stream.read(max_bytes, self.allowance.seconds(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        self.stream.write(buffer, self.allowance.seconds(timeout))

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection, encrypted; the certificate must be for `server_hostname`."""
        seconds = self.allowance.seconds(timeout)
        inner = self.stream.start_tls(ssl_context, server_hostname, seconds)
        return BoundedStream(inner, self.allowance)

    def get_extra_info(self, info: str) -> Any:
        """Information about the connection."""
        return self.stream.get_extra_info(info)


@dataclass(slots=True)
class PinnedBackend(httpcore2.NetworkBackend):
    """Connects to checked addresses, never to names."""

    reach: EgressPolicy
    allowance: _Allowance
    backend: httpcore2.NetworkBackend = field(default_factory=httpcore2.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first allowed address of `host` that answers."""
        trouble: Exception = httpcore2.ConnectError(f"no address of {host} answers")
        for address in self._addresses(host, port):
            try:
                stream = self.backend.connect_tcp(
                    address, port, self.allowance.seconds(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                trouble = error
            else:
                return BoundedStream(stream, self.allowance)
        raise trouble

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            return self.reach.addresses(host, port)
        except OSError as unknown:
            raise httpcore2.ConnectError(f"the host {host} is unknown") from unknown


class BoundedTransport(httpx2.BaseTransport):
    """Sends requests where the policy allows; each answer is bounded by `seconds`, `max_bytes`."""

    def __init__(self, reach: EgressPolicy, seconds: float, max_bytes: int) -> None:
        self._seconds, self._max_bytes = seconds, max_bytes
        self._allowance = _Allowance()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=None,  # the dispatcher limits the requests in flight
            network_backend=PinnedBackend(reach, self._allowance),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer; the caller reads its body in this thread, under the same bounds."""
        self._allowance.ends = monotonic() + self._seconds
        self._allowance.bytes_left = self._max_bytes
        with _understandable():
            answer = self._pool.handle_request(
                httpcore2.Request(
                    method=request.method,
                    url=str(request.url),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        if any(name.lower() == b"content-encoding" for name, _ in answer.headers):
            answer.close()
            raise httpx2.ReadError("the answer is compressed, which was not asked for")
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _understandable():
            yield from self._stream

    def close(self) -> None:
        self._stream.close()


@contextmanager
def _understandable() -> Iterator[None]:
    """Turn errors of the connection into those that users of the client expect."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise httpx2.ReadError(str(error)) from error


def bounded_client(reach: EgressPolicy, seconds: float, max_bytes: int) -> httpx2.Client:
    """A client that follows no redirects and accepts no compressed answer (a possible bomb)."""
    return httpx2.Client(
        transport=BoundedTransport(reach, seconds, max_bytes),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(seconds, connect=SECONDS_TO_CONNECT),
        headers={"Accept-Encoding": "identity"},
    )
