"""A hostile file, and what has to be said of it."""

from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024
GOOD = "content,answer\nWhere is it?,In Ulm.\n"


@dataclass(frozen=True)
class Hostile:
    """A file, made when it is asked for, and a part of what is said of it.

    `says` stands in the refusal, in a problem of a row, or in a notice: nothing of this passes in
    silence.
    """

    name: str
    content: bytes | Callable[[], bytes]
    says: str

    def make(self) -> bytes:
        """The bytes of the file."""
        return self.content if isinstance(self.content, bytes) else self.content()

    def __str__(self) -> str:
        return self.name
