"""XML from strangers: streamed through expat, with nothing in it that may expand.

No document type is accepted, so there are no entities to define, to nest (billion laughs), to
blow up (quadratic), or to fetch (external entities): what defusedxml forbids is forbidden here.
"""

from collections.abc import Callable, Iterator, Mapping
from pyexpat import ExpatError, ParserCreate, XMLParserType
from typing import IO, Any

BLOCK_BYTES = 64 * 1024
# Expat before 2.6 parses an unfinished tag again with every block (CVE-2023-52425). No tag of a
# workbook is a hundredth as long.
LONGEST_TAG_BYTES = 1024 * 1024

Start = Callable[[str, Mapping[str, str]], None]


class XMLRefused(Exception):
    """The XML is not well-formed, or tries something that no workbook needs."""


def parser(start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> XMLParserType:
    """A parser that calls these for tags and texts, and refuses document types."""
    made = ParserCreate()
    made.buffer_text = True
    made.buffer_size = BLOCK_BYTES
    made.StartElementHandler = start
    made.EndElementHandler = end
    made.CharacterDataHandler = text
    made.StartDoctypeDeclHandler = _refuse
    made.EntityDeclHandler = _refuse
    made.ExternalEntityRefHandler = _refuse
    return made


def blocks(stream: IO[bytes], made: XMLParserType) -> Iterator[int]:
    """Feed `stream` to the parser; after each block, the number of bytes fed so far.

    Raises:
        XMLRefused: the text names the line of the XML.
    """
    fed = 0
    try:
        while block := stream.read(BLOCK_BYTES):
            made.Parse(block, False)
            fed += len(block)
            if fed - made.CurrentByteIndex > LONGEST_TAG_BYTES:
                raise XMLRefused(f"a tag of over {LONGEST_TAG_BYTES:,} bytes")
            yield fed
        made.Parse(b"", True)
    except (ExpatError, ValueError, LookupError) as error:
        raise XMLRefused(str(error)) from error
    yield fed


def parse(stream: IO[bytes], start: Start) -> None:
    """Call `start` for every tag of a small part, names without their prefixes.

    Raises:
        XMLRefused: see `blocks`.
    """

    def local(name: str, attributes: Mapping[str, str]) -> None:
        start(name.rpartition(":")[2], attributes)

    def ignore(text: str) -> None:
        """Only tags matter."""

    for _ in blocks(stream, parser(local, ignore, ignore)):
        pass


def _refuse(*declared: Any) -> int:
    raise XMLRefused("it declares a document type or an entity")
