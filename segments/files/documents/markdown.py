"""Markdown ─► blocks: the source text as it is, cut where CommonMark sees blocks.

markdown-it-py, because it is the CommonMark parser that is kept up and says for each block which
lines it stands on; the text stays Markdown, which people and language models read equally well.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from markdown_it import MarkdownIt
from markdown_it.token import Token

from segments.files.documents.blocks import Block, Blocks, heading

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
VERBATIM = frozenset(
    {"fence", "code_block", "bullet_list_open", "ordered_list_open", "table_open", "html_block"}
)


def blocks(source: BinaryIO, encoding: str) -> Blocks:
    """The blocks of a Markdown file in `encoding`; nothing of its text is left out."""
    text = source.read().decode(encoding or "utf-8", errors="replace")
    yield from blocks_of(text.replace("\r\n", "\n").replace("\r", "\n"))


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a text with Unix line ends."""
    if found := FRONT_MATTER.match(text):
        yield Block(found[0].strip(), is_verbatim=True)
        text = text[found.end() :]
    lines = text.split("\n")
    done = 0
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.level or token.nesting < 0 or not token.map:
            continue
        first, last = token.map
        yield from _between(lines, done, first)
        yield _block(token, lines, first, last, last / len(lines))
        done = max(done, last)
    yield from _between(lines, done, len(lines))


def _block(token: Token, lines: list[str], first: int, last: int, share: float) -> Block:
    text = "\n".join(lines[first:last]).rstrip()
    if token.type == "heading_open":
        level = int(token.tag[1:])
        if text.lstrip().startswith("#"):
            return Block(text.strip(), level, share=share)
        return heading(level, " ".join(text.split("\n")[:-1]).strip(), share=share)
    return Block(text.strip("\n"), is_verbatim=token.type in VERBATIM, share=share)


def _between(lines: list[str], first: int, last: int) -> Iterator[Block]:
    """What stands on lines that are no block: definitions of links."""
    text = "\n".join(lines[first:last]).strip()
    if text:
        yield Block(text)
