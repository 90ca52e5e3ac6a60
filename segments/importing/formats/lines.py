"""The lines of a text, read within bounds, and what is said of one that cannot be."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from segments.exceptions import FileMalformed, FormatUnknown
from segments.importing.formats.encodings import undecodable
from segments.importing.formats.opened import OpenedFile


@contextmanager
def text_of(opened: OpenedFile, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
    """The text from its beginning, line ends as they are; the file stays open afterwards.

    Raises:
        FileMalformed: bytes that are not of the file's encoding; the text names the line.
        FormatUnknown: a text that is UTF-16 or UTF-32 by name, but has no mark.
    """
    text = opened.text(errors)
    try:
        yield text
    except UnicodeDecodeError as error:
        raise undecodable(opened.content, opened.encoding) from error
    except UnicodeError as error:
        raise FormatUnknown(
            f"{opened.name} is not {opened.encoding.name} ({error}). "
            "Name its encoding (option encoding)."
        ) from error
    finally:
        text.detach()


def bounded_lines(text: io.TextIOWrapper, longest: int) -> Iterator[str]:
    """Lines ended by LF, CRLF or CR, none of them taken into memory if it is absurdly long."""
    for number in count(1):
        line = text.readline(longest)
        if not line:
            return
        if len(line) == longest and line[-1] not in "\r\n":
            raise FileMalformed(
                number,
                f"the line is longer than {longest:,} characters.",
                "Is this a text file? Put each row on a line of its own.",
            )
        yield line


def numbered_lines(opened: OpenedFile, longest: int) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers."""
    with text_of(opened) as text:
        yield from enumerate(bounded_lines(text, longest), 1)
