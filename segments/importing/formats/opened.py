"""A file as readers get it: its name, its first bytes, and all that was said about reading it."""

import codecs
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import IO

from segments.importing.formats import encodings
from segments.importing.formats.encodings import Encoding
from segments.importing.formats.metered import Deadline
from segments.importing.options import ImportOptions

# Enough to tell every format, and to see some rows of a table whose delimiter is to be found.
START_BYTES = 64 * 1024


@dataclass(frozen=True)
class OpenedFile:
    """A file that stands at its beginning.

    `source` is the file itself, `content` the same through a meter and, if it was packed, unpacked.
    `position()` is the number of bytes of the file read so far, as its owner counts them.
    """

    name: str
    source: IO[bytes]
    content: io.BufferedReader
    start: bytes
    options: ImportOptions
    deadline: Deadline
    position: Callable[[], int]
    is_packed: bool = False

    @cached_property
    def encoding(self) -> Encoding:
        """The encoding of a text: the one chosen, or the one detected."""
        if self.options.encoding:
            return encodings.chosen(self.options.encoding)
        return encodings.detect(self.content)

    @cached_property
    def text_start(self) -> str:
        """The first characters of a text, as far as they can be decoded."""
        decoder = codecs.getincrementaldecoder(self.encoding.codec)(errors="replace")
        return decoder.decode(self.start)

    def text(self, errors: str = "strict") -> io.TextIOWrapper:
        """The text from its beginning, with its line ends as they are."""
        self.content.seek(0)
        return io.TextIOWrapper(
            self.content, encoding=self.encoding.codec, errors=errors, newline=""
        )
