"""The workbook: its sheets, shared strings and styles."""

import mmap
import re
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from segments.files.xlsx.package import WORKBOOK, Package, XMLRefused, blocks, parse, parser

GENERAL = "General"
# ECMA-376 part 1, 18.8.30. Formats that depend on the reader's locale (14, 22, 37–40) are shown in
# ISO 8601 and without a currency.
BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd hh:mm",
    37: "#,##0;-#,##0",
    38: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;-#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}


def read_formats(stream: IO[bytes] | None) -> Sequence[str]:
    """The format code of each cell style, by its number.

    Raises:
        XMLRefused: the part is not well-formed.
    """
    codes: dict[str, str] = {str(number): code for number, code in BUILT_IN.items()}
    styles: list[str] = []
    inside = ""

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal inside
        if name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            inside = name
        elif name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", GENERAL)
        elif name == "xf" and inside == "cellXfs":
            styles.append(attributes.get("numFmtId", "0"))

    if stream is not None:
        parse(stream, start)
    return [codes.get(number, GENERAL) for number in styles]


# Characters XML cannot hold are written as _xHHHH_ (ECMA-376 part 1, 22.9.2.19, ST_Xstring).
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """`text` with the characters that XML cannot hold."""
    if "_x" not in text:
        return text
    found = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class SharedStrings:
    """The shared texts by their number."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        """Read all texts of a part; none without a part.

        Raises:
            XMLRefused: it is not well-formed.
        """
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        self._ends = array("Q")
        self._text: list[str] = []
        self._is_text = self._is_phonetic = False
        self._prefix = ""
        self._map: mmap.mmap | bytes = b""
        try:
            if stream is not None:
                self._read(stream)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        start = self._ends[number - 1] if number else 0
        return self._map[start : self._ends[number]].decode("utf-8", "surrogatepass")

    def _read(self, stream: IO[bytes]) -> None:
        for _ in blocks(stream, parser(self._start, self._end, self._characters)):
            pass
        self._file.flush()
        if self._ends and self._ends[-1]:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Free the disk."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()
        self._file.close()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name.endswith("sst"):
            self._prefix = name[:-3]
        local = name.removeprefix(self._prefix)
        if local == "t":
            self._is_text = not self._is_phonetic
        elif local == "rPh":
            self._is_phonetic = True
        elif local == "si":
            self._text.clear()

    def _end(self, name: str) -> None:
        local = name.removeprefix(self._prefix)
        if local == "t":
            self._is_text = False
        elif local == "rPh":
            self._is_phonetic = False
        elif local == "si":
            self._keep(unescaped("".join(self._text)))

    def _characters(self, text: str) -> None:
        if self._is_text:
            self._text.append(text)

    def _keep(self, text: str) -> None:
        encoded = text.encode("utf-8", "surrogatepass")
        self._file.write(encoded)
        before = self._ends[-1] if self._ends else 0
        self._ends.append(before + len(encoded))


__all__ = ["SharedStrings", "XMLRefused", "unescaped"]


SHEET_RELATION = "/worksheet"
STRINGS_RELATION = "/sharedStrings"
STYLES_RELATION = "/styles"
OFFICE_DOCUMENT = "/officeDocument"


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A sheet as the workbook lists it, and the part it is in."""

    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """What must be known before a sheet is read."""

    sheets: Sequence[SheetEntry]
    strings: str | None
    styles: str | None
    is_1904: bool


def read_workbook(package: Package) -> Workbook:
    """The sheets of a package and the parts they need."""
    part = _workbook_part(package)
    relations = _relations(package, part)
    listed: list[Mapping[str, str]] = []
    properties: dict[str, str] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet":
            listed.append({key.rpartition(":")[2]: value for key, value in attributes.items()})
        elif name == "workbookPr":
            properties.update(attributes)

    with package.open(part) as stream:
        parse(stream, start)
    sheets = [
        SheetEntry(
            entry.get("name", ""),
            relations[entry["id"]][1],
            entry.get("state", "") not in ("", "visible"),
        )
        for entry in listed
        if entry.get("id") in relations and relations[entry["id"]][0].endswith(SHEET_RELATION)
    ]
    if not sheets:
        raise package.damaged("it has no sheet of cells")
    return Workbook(
        sheets,
        _target(package, relations, STRINGS_RELATION),
        _target(package, relations, STYLES_RELATION),
        properties.get("date1904", "").lower() in ("1", "true"),
    )


def _workbook_part(package: Package) -> str:
    for kind, part in _relations(package, "").values():
        if kind.endswith(OFFICE_DOCUMENT):
            return part
    return WORKBOOK


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to inside the package: id → (type, part)."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels".lstrip("/") if part else "_rels/.rels"
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = package.resolved(part, attributes.get("Target", ""))
            found[attributes.get("Id", "")] = (attributes.get("Type", ""), target)

    if package.has(path):
        with package.open(path) as stream:
            parse(stream, start)
    return found


def _target(package: Package, relations: Mapping[str, tuple[str, str]], kind: str) -> str | None:
    return next(
        (part for found, part in relations.values() if found.endswith(kind) and package.has(part)),
        None,
    )
