"""The encoding of a text file: by its byte order mark, as UTF-8, or by an educated guess.

Guessing is done by chardetng, the detector of Firefox. On 23 short files in 20 encodings it was
right about 20; charset-normalizer about 15, or 19 when only common encodings are allowed; chardet
15; cChardet 18. It cannot recognise a single Chinese word, or the encodings of DOS and old Macs.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from segments.exceptions import FileMalformed

BLOCK_BYTES = 128 * 1024
# Lines with characters beyond ASCII that the guess is based on; more would not change it.
SAMPLE_BYTES = 64 * 1024
LINE_BYTES = 8 * 1024
UTF8_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
LINE_END = re.compile(r"\r\n|\r|\n")

MARKS = (  # the longer ones first: UTF-32's little-endian mark begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Read from the beginning to tell UTF-16 and UTF-32 without a mark; a multiple of four.
UNMARKED_BYTES = 16 * 1024
UNMARKED = (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2))
# Of a text in UTF-16 at least so much is NUL; of another at most a cell by mistake.
NUL_SHARE = 25
# Of a text that was decoded rightly at most so much is odd: a NUL by mistake.
ODD_SHARE = 50
# Names of the Encoding Standard whose Python codec of that name knows fewer characters.
WIDER_CODECS = {
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "gbk": "gb18030",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
}
NAMES = {
    "utf-8-sig": "UTF-8",
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "gb18030": "GB18030",
    "cp932": "Shift-JIS",
    "cp949": "EUC-KR",
    "big5hkscs": "Big5",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name, and whether it was only guessed."""

    codec: str
    is_guess: bool = False

    @property
    def name(self) -> str:
        """The name people know it by."""
        if self.codec in NAMES:
            return NAMES[self.codec]
        return re.sub(r"^cp(?=125)", "Windows-", self.codec).upper().replace("WINDOWS", "Windows")


def chosen(codec: str) -> Encoding:
    """The encoding a user has chosen; UTF-8 may still begin with its mark."""
    return Encoding("utf-8-sig" if codec == "utf-8" else codec)


def detect(file: BinaryIO) -> Encoding:
    """The encoding of `file`, which is read to its end if necessary and rewound to 0."""
    start = file.read(4)
    file.seek(0)
    for mark, codec in MARKS:
        if start.startswith(mark):
            return Encoding(codec)
    if codec := _unmarked(file.read(UNMARKED_BYTES)):
        file.seek(0)
        return Encoding(codec)
    file.seek(0)
    is_utf8 = _is_utf8(file)
    file.seek(0)
    if is_utf8:
        return Encoding("utf-8-sig")
    lines = list(_telling_lines(file))
    file.seek(0)
    sample = b"".join(lines)
    if _is_damaged_utf8(sample):
        return Encoding("utf-8-sig")  # the reader names the line
    return Encoding(_guess(sample), is_guess=True)


def undecodable(file: BinaryIO, encoding: Encoding) -> FileMalformed:
    """The refusal that names the line of the first bytes that are not in `encoding`."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    lines = LineCounter()
    while True:
        block = file.read(BLOCK_BYTES)
        try:
            lines.add(decoder.decode(block, final=not block))
        except UnicodeDecodeError as error:
            lines.add(error.object[: error.start].decode(encoding.codec, errors="ignore"))
            byte = error.object[error.start]
            return FileMalformed(
                lines.line,
                f"the byte 0x{byte:02X} at character {lines.column} is not {encoding.name}.",
                "Save the file as “CSV UTF-8”, or set its encoding (option encoding).",
            )
        if not block:
            return FileMalformed(lines.line, f"this is not {encoding.name}.", "Save it as UTF-8.")


class LineCounter:
    """Counts lines and characters of a text that arrives in blocks."""

    def __init__(self) -> None:
        self.line, self.column, self._ended_in_cr = 1, 1, False

    def add(self, text: str) -> None:
        """Count `text` too."""
        if not text:
            return
        ends = LINE_END.findall(text)
        self.line += len(ends) - (self._ended_in_cr and text[0] == "\n")
        last = max(text.rfind("\n"), text.rfind("\r"))
        self.column = len(text) - last if last >= 0 else self.column + len(text)
        self._ended_in_cr = text[-1] == "\r"


def _unmarked(start: bytes) -> str:
    """Which UTF-32 or UTF-16 a file without a mark begins with; empty if it is neither.

    Both write the characters of ASCII with NULs, always on the same side; text has line ends,
    blanks and separators of ASCII in every language, and no control characters.
    """
    if start.count(0) * NUL_SHARE < len(start):
        return ""
    is_all = len(start) < UNMARKED_BYTES
    for codec, unit in UNMARKED:
        if is_all and len(start) % unit:
            continue
        whole = start[: len(start) - len(start) % unit]
        try:
            text = codecs.getincrementaldecoder(codec)().decode(whole)
        except UnicodeDecodeError:
            continue
        if text and _is_plausible(text):
            return codec
    return ""


def _is_plausible(text: str) -> bool:
    """Whether a text has been decoded rightly: separators, and nothing that no table has."""
    if not any(mark in text for mark in "\n\r,;\t|"):
        return False
    odd = sum(unicodedata.category(char) in ("Cc", "Cn", "Co") for char in text)
    ends = sum(text.count(mark) for mark in "\n\r\t")
    return (odd - ends) * ODD_SHARE <= len(text)


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(BLOCK_BYTES):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _telling_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with bytes beyond ASCII, up to `SAMPLE_BYTES` of them."""
    size = 0
    while size < SAMPLE_BYTES and (line := file.readline(LINE_BYTES)):
        if not line.isascii():
            size += len(line)
            yield line


def _is_damaged_utf8(sample: bytes) -> bool:
    """Whether most bytes beyond ASCII are UTF-8: other encodings do not look so by chance."""
    whole = UTF8_CHARACTER.findall(sample)
    beyond_ascii = sum(byte > 0x7F for byte in sample)
    return len(whole) >= beyond_ascii - sum(map(len, whole))


def _guess(sample: bytes) -> str:
    from chardetng_py import EncodingDetector  # slow to load, and rarely asked

    detector = EncodingDetector()
    detector.feed(sample, last=True)
    name = detector.guess(tld=None, allow_utf8=False).lower()
    return codecs.lookup(WIDER_CODECS.get(name, name)).name
