"""Django's cache in files, with JSON in them: whoever writes there makes no process run code."""

import json
import time
import zlib
from pathlib import Path
from typing import IO, Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

# A file is one line with the time it ends, in seconds since 1970, and the packed value.
LINE_END = b"\n"


class JSONFileCache(FileBasedCache):
    """Keeps what JSON can say, and refuses the rest with a TypeError; Django's own pickles it."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """The value, or `default` without one that can be read."""
        try:
            with Path(self._key_to_file(key, version)).open("rb") as file:  # type: ignore[attr-defined]
                return default if self._is_expired(file) else self._value(file)
        except (FileNotFoundError, ValueError, zlib.error):
            return default

    def touch(
        self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Let the value live for longer; False without one."""
        missing = object()
        value = self.get(key, missing, version)
        if value is missing:
            return False
        self.set(key, value, timeout, version)
        return True

    def _write_content(self, file: IO[bytes], timeout: float | None, value: Any) -> None:
        packed = zlib.compress(json.dumps(value).encode())
        file.write(json.dumps(self.get_backend_timeout(timeout)).encode() + LINE_END + packed)

    def _is_expired(self, file: IO[bytes]) -> bool:
        """Whether the value has had its time, or is of another kind; its file is gone then."""
        try:
            ends = json.loads(file.readline())
        except ValueError:
            ends = 0
        if ends is None or time.time() <= ends:
            return False
        file.close()
        self._delete(file.name)  # type: ignore[attr-defined]
        return True

    def _value(self, file: IO[bytes]) -> Any:
        return json.loads(zlib.decompress(file.read()))
