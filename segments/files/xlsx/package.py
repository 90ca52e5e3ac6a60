"""The ZIP package of a workbook and the XML in it, read within limits."""

import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from posixpath import dirname, join, normpath
from pyexpat import ExpatError, ParserCreate, XMLParserType
from typing import IO, Any, cast

from segments.exceptions import FileProtected, FormatUnknown
from segments.files.detect import ZIP_CONTENTS, ZIP_MIMETYPES, foreign
from segments.files.opened import Deadline, check_unpacked, metered
from segments.files.types import FileFormat

BLOCK_BYTES = 64 * 1024
# Expat before 2.6 parses an unfinished tag again with every block (CVE-2023-52425). Tags of real
# workbooks are not a hundredth as long.
LONGEST_TAG_BYTES = 1024 * 1024

Start = Callable[[str, Mapping[str, str]], None]


class XMLRefused(Exception):
    """The XML is not well-formed, or uses something that no workbook needs."""


def parser(start: Start, end: Callable[[str], None], text: Callable[[str], None]) -> XMLParserType:
    """A parser that calls these for tags and texts, and refuses document type declarations."""
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
    """Call `start` for every tag of a small part, with names without prefixes.

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


MAX_PARTS = 10_000
# What zipfile raises for archives whose directory is wrong: it seeks where that points.
ZIP_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, NotImplementedError),
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED_FLAG = 0x1
CONTENT_TYPES = "[Content_Types].xml"
WORKBOOK = "xl/workbook.xml"
BINARY_WORKBOOK = "xl/workbook.bin"
ODS_MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"
DAMAGED = "Open it in a spreadsheet program and save it as XLSX again."


def _key(part: str) -> str:
    """A part's name as it is compared: some programs write backslashes, or another case."""
    return part.replace("\\", "/").lstrip("/").casefold()


class Package:
    """An archive whose directory has been checked; its parts are read through a meter.

    Raises:
        FormatUnknown: it is not XLSX; the text says what it is, if that can be determined.
        FileProtected: it is encrypted.
        FileTooLarge: it would unpack to more than is allowed.
    """

    def __init__(self, file: IO[bytes], name: str, deadline: Deadline) -> None:
        self.name, self._deadline = name, deadline
        self.bytes = file.seek(0, io.SEEK_END)
        try:
            self._zip = zipfile.ZipFile(file)
        except ZIP_FAULTS as error:
            raise self.damaged("it is cut off, or its directory is damaged") from error
        self._parts = {_key(info.filename): info for info in self._zip.infolist()}
        self._refuse_bombs()
        self._refuse_other_kinds()

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return _key(part) in self._parts

    def size(self, part: str) -> int:
        """How large a part is unpacked, as the directory says."""
        return self._parts[_key(part)].file_size

    def open(self, part: str) -> io.BufferedReader:
        """The bytes of a part.

        Raises:
            FormatUnknown: here or while it is read: it is missing or damaged.
        """
        info = self._parts.get(_key(part))
        if info is None:
            raise self.damaged(f"its part {part} is missing")
        stream = _Part(self, self._zip, info)
        packed = info.compress_size
        return metered(cast("IO[bytes]", stream), self._deadline, packed=lambda: packed)

    def damaged(self, what: str) -> FormatUnknown:
        """The refusal of a file that is not a complete XLSX."""
        return FormatUnknown(f"{self.name} cannot be read as XLSX: {what}. {DAMAGED}")

    def resolved(self, base: str, target: str) -> str:
        """The name of the part that `target` means in the part `base`."""
        target = target.replace("\\", "/")
        if target.startswith("/"):
            return target.lstrip("/")
        return normpath(join(dirname(base), target))

    def _refuse_bombs(self) -> None:
        infos = self._zip.infolist()
        if len(infos) > MAX_PARTS:
            raise self.damaged(f"it has {len(infos):,} parts, more than any workbook")
        unpacked = sum(info.file_size for info in infos)
        check_unpacked(unpacked, sum(info.compress_size for info in infos))
        if any(info.flag_bits & ENCRYPTED_FLAG for info in infos):
            raise FileProtected(
                f"{self.name} is protected by a password. Save it without one and import it again."
            )
        if any(info.compress_type not in METHODS for info in infos):
            raise self.damaged("it is compressed by a method that workbooks do not use")
        twice = [
            name for name, count in Counter(_key(i.filename) for i in infos).items() if count > 1
        ]
        if twice:
            raise self.damaged(f"it contains the part {twice[0]} twice")

    @cached_property
    def format(self) -> FileFormat:
        """Which workbook it is; the macros of an XLSM are a part that nobody opens."""
        if self._mimetype == ODS_MIMETYPE:
            return FileFormat.ODS
        if self.has(BINARY_WORKBOOK):
            return FileFormat.XLSB
        if any(part.endswith("vbaproject.bin") for part in self._parts):
            return FileFormat.XLSM
        with self.open(CONTENT_TYPES) as part:
            types = part.read(io.DEFAULT_BUFFER_SIZE * 128)
        return FileFormat.XLSM if b"macroEnabled" in types else FileFormat.XLSX

    @cached_property
    def _mimetype(self) -> bytes:
        if not self.has("mimetype"):
            return b""
        with self.open("mimetype") as part:
            return part.read(100).strip()

    def _refuse_other_kinds(self) -> None:
        if self._mimetype == ODS_MIMETYPE:
            return
        if kind := ZIP_MIMETYPES.get(self._mimetype):
            raise foreign(self.name, kind, "Save it as XLSX or “CSV UTF-8” and import it again.")
        for start, what, remedy in ZIP_CONTENTS:
            if any(part.startswith(_key(start)) for part in self._parts):
                raise foreign(self.name, what, remedy)
        if not self.has(CONTENT_TYPES):
            raise foreign(self.name, "a ZIP archive", "Unpack it and import the file inside.")


class _Part:
    """A part of an archive, whose errors are refusals."""

    def __init__(self, package: Package, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._package, self._info = package, info
        try:
            self._stream = archive.open(info)
        except ZIP_FAULTS as error:
            raise self._damaged() from error

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except ZIP_FAULTS as error:
            raise self._damaged() from error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def _damaged(self) -> FormatUnknown:
        return self._package.damaged(f"its part {self._info.filename} is damaged")
