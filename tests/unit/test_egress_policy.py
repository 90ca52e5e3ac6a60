"""Where requests may go: no private address, whatever it is called or wrapped in."""

import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from segments.embedding.http import EgressPolicy, bounded_client, is_public
from segments.exceptions import EndpointRefused, OptionRefused
from segments.services.webhooks import refuse_url
from tests.servers.embeddings import EmbeddingsServer, redirect

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",  # where clouds keep the credentials of the machine
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",  # 10.0.0.1 by NAT64
    "2002:7f00:1::",  # 127.0.0.1 by 6to4
    "::127.0.0.1",  # IPv4-compatible, out of use but still understood
    "::10.1.2.3",
    "::ffff:0:127.0.0.1",  # translated (SIIT)
    "64:ff9b:1::7f00:1",  # NAT64 of a site's own
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # 127.0.0.1 by Teredo
    "2606:4700::5efe:10.0.0.1",  # ISATAP
    "fec0::1",
    "100::1",
]
PUBLIC = ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets every name stand for the addresses given, one list a look-up."""

    def stand_for(*answers: list[str]) -> None:
        left = list(answers)

        real = socket.getaddrinfo

        def look_up(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
            if host[0].isdigit():
                return list(real(host, port, *more, **options))
            chosen = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in chosen]

        monkeypatch.setattr("segments.embedding.http.socket.getaddrinfo", look_up)

    return stand_for


def test_a_name_of_a_private_address_is_refused(names: Callable[..., None]) -> None:
    names(["10.1.2.3"])
    with pytest.raises(EndpointRefused, match="private address"):
        EgressPolicy().addresses("innocent.example", 443)
    assert EgressPolicy(private_addresses=True).addresses("innocent.example", 443) == ["10.1.2.3"]


def test_a_refusal_tells_no_address_nor_whether_the_name_exists(
    names: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    names(["10.1.2.3"])
    with pytest.raises(EndpointRefused) as private:
        EgressPolicy().addresses("db.internal.example", 443)
    assert "10.1" not in str(private.value)

    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("segments.embedding.http.socket.getaddrinfo", unknown)
    with pytest.raises(EndpointRefused) as nowhere:
        EgressPolicy().addresses("db.internal.example", 443)
    assert str(nowhere.value) == str(private.value)


def test_of_several_addresses_the_public_ones_are_used(names: Callable[..., None]) -> None:
    names(["10.1.2.3", "8.8.8.8"])
    assert EgressPolicy().addresses("both.example", 443) == ["8.8.8.8"]


def test_only_named_hosts_if_hosts_are_named(names: Callable[..., None]) -> None:
    names(["8.8.8.8"])
    reach = EgressPolicy(frozenset({"api.openai.com"}))
    assert reach.addresses("API.openai.com", 443)
    with pytest.raises(EndpointRefused, match="SEGMILL_ENDPOINT_HOSTS"):
        reach.addresses("elsewhere.example", 443)


def test_the_address_that_was_checked_is_the_one_connected_to(
    server: EmbeddingsServer, names: Callable[..., None]
) -> None:
    """DNS rebinding: the second answer of the name server is never asked for."""
    names(["127.0.0.1"], ["127.0.0.99"])
    port = server.server_address[1]
    with bounded_client(EgressPolicy(private_addresses=True), 5, 10_000) as client:
        answer = client.post(f"http://rebound.example:{port}/v1", json={"input": [], "model": "m"})
    assert answer.status_code == 200
    assert server.requests[0].headers["host"] == f"rebound.example:{port}"


def test_a_request_to_a_private_address_is_never_sent(server: EmbeddingsServer) -> None:
    with bounded_client(EgressPolicy(), 5, 10_000) as client, pytest.raises(EndpointRefused):
        client.post(f"{server.url}/embeddings", json={})
    assert not server.requests


def test_redirects_are_not_followed(server: EmbeddingsServer) -> None:
    server.misdeeds.append(redirect(f"{server.url}/elsewhere"))
    with bounded_client(EgressPolicy(private_addresses=True), 5, 10_000) as client:
        answer = client.post(f"{server.url}/embeddings", json={"input": [], "model": "m"})
    assert answer.status_code == 307
    assert len(server.requests) == 1


def test_a_closed_port_is_an_error_of_the_connection() -> None:
    with (
        bounded_client(EgressPolicy(private_addresses=True), 5, 10_000) as client,
        pytest.raises(httpx2.TransportError),
    ):
        client.get("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost:8000/",
        "http://[::1]/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0/",
        "https://user:word@example.com/",
        "ftp://example.com/",
        "example.com",
        "",
    ],
)
def test_a_webhook_goes_to_no_such_address(url: str) -> None:
    with pytest.raises(OptionRefused, match="url"):
        refuse_url(url)
