"""Block: a paragraph, heading, list, table or code of a document, as the converter sends it.

Nothing here or in the converters imports Django: the process that converts starts in a moment.
"""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import IO, Any, NamedTuple

# A sentence, table or code longer than this is sent in parts.
MAX_BLOCK_CHARS = 1_000_000


class Block(NamedTuple):
    """A part of a document that is not cut without need.

    * `level` is 1 to 6 for a heading, whose text begins with as many `#`, else 0.
    * `is_verbatim` says that its white space means something: code, lists, tables.
    * `page` counts from 1; 0 where a document has no pages.
    * `share` says how much of the file has been read so far, from 0 to 1.
    """

    text: str
    level: int = 0
    is_verbatim: bool = False
    page: int = 0
    share: float = 0.0


class Line(StrEnum):
    """What a line of the converter's output is."""

    BLOCK = "block"
    NOTICE = "notice"
    REFUSED = "refused"
    END = "end"


class Unreadable(Exception):
    """The document cannot be converted; `code` is that of a FileRefused, `reason` for people.

    In the reason `{name}` stands for the file's name.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def heading(level: int, text: str, page: int = 0, share: float = 0.0) -> Block:
    """The block of a heading; a level beyond 6 counts as 6."""
    level = min(max(level, 1), 6)
    return Block(f"{'#' * level} {text}", level, page=page, share=share)


def send(out: IO[bytes], kind: Line, *values: Any) -> None:
    """Write one line of output."""
    out.write(json.dumps([kind, *values]).encode() + b"\n")


def send_block(out: IO[bytes], block: Block) -> None:
    """Write a block, in parts if it is too long for a line."""
    for start in range(0, len(block.text), MAX_BLOCK_CHARS):
        part = block.text[start : start + MAX_BLOCK_CHARS]
        send(out, Line.BLOCK, part, block.level, block.is_verbatim, block.page, block.share)


Blocks = Iterator[Block | str]
"""What converters yield: blocks, and notices as text."""
