"""/v1/mcp: the Model Context Protocol over HTTP, behind the API key.

Each request stands for itself (no session, an answer in JSON), so it needs no event loop that
lives on between them and any web process can take it. The library is loaded by the first request:
it takes longer to load than all the rest of Segmill, and most processes never need it.
"""

from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpResponse
from rest_framework.request import Request

from segments.api.parsers import MAX_BODY_BYTES, LinesParser
from segments.api.views import ApiView

PATH = "/mcp"


class AgentsView(ApiView):
    """The tools for language models; those that change something only for keys that may."""

    only_reads = True
    reads_replicas = False  # some of its tools write
    parser_classes = (LinesParser,)
    schema = None

    def post(self, request: Request) -> HttpResponse:
        """The answer to one message of the protocol."""
        return async_to_sync(self._answer)(request)

    async def _answer(self, request: Request) -> HttpResponse:
        from mcp.server.transport_security import TransportSecuritySettings

        from segments.agents import server_for

        # The key guards it, whatever host a browser may have been led to believe in.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = server_for(self.key).streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            transport_security=security,
        )
        body = request._request.read(MAX_BODY_BYTES)
        sent = _Sent()
        async with app.router.lifespan_context(app):
            await app(_scope(request), _receiver(body), sent.take)
        return sent.response()


def _scope(request: Request) -> dict[str, Any]:
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request._request.scheme,
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
    }


def _receiver(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class _Sent:
    """The answer as it comes."""

    def __init__(self) -> None:
        self.status, self.body = 500, b""
        self.headers: dict[str, str] = {}

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")

    def response(self) -> HttpResponse:
        self.headers.pop("content-length", None)
        return HttpResponse(self.body, status=self.status, headers=self.headers)
