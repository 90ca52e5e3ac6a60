"""Over 200 hostile or odd files, made by number and rule: what each is, and what has to be said."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

from tests.workbooks import MAIN, Cell, packed, parts_of, sheet_xml, workbook

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


def hostile_files() -> Iterator[Hostile]:
    """All of them, each under a name of its own."""
    yield from _foreign()
    yield from _bombs()
    yield from _encodings()
    yield from _tables()
    yield from _json()
    yield from _archives()
    yield from _sheets()
    yield from _bad_cells()


# --- what is no table ---------------------------------------------------------------------------

STARTS = {
    "PDF": (b"%PDF-1.7\n", "a PDF"),
    "RTF": (b"{\\rtf1 x}", "an RTF"),
    "Parquet": (b"PAR1\x15\x04", "a Parquet"),
    "Arrow": (b"ARROW1\0\0", "an Arrow"),
    "SQLite": (b"SQLite format 3\0", "an SQLite"),
    "bzip2": (b"BZh91AY&SY", "bzip2"),
    "xz": (b"\xfd7zXZ\0\0", "xz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x24", "zstd"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0", "a 7z"),
    "RAR": (b"Rar!\x1a\x07\0", "a RAR"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0", "PNG"),
    "JPEG": (b"\xff\xd8\xff\xe0", "JPEG"),
    "GIF": (b"GIF89a", "GIF"),
    "ELF": (b"\x7fELF\x02", "a program"),
    "EXE": (b"MZ\x90\0\x03", "a program"),
    "HTML": (b"<!DOCTYPE html><table>", "an HTML"),
    "HTML table": (b"<table border=1><tr>", "an HTML"),
    "XML": (b'<?xml version="1.0"?><x/>', "an XML"),
    "OLE2": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(80), "an old Office"),
}


def _foreign() -> Iterator[Hostile]:
    for (kind, (start, says)), suffix in product(STARTS.items(), ("csv", "tsv", "json", "txt")):
        yield Hostile(f"{kind} named .{suffix}", start + bytes(40), says)
    encrypted = STARTS["OLE2"][0] + "EncryptedPackage".encode("utf-16-le")
    yield Hostile("encrypted.xlsx", lambda: encrypted, "password")
    for part, says in (
        ("word/document.xml", "a Word"),
        ("ppt/slide.xml", "a PowerPoint"),
        ("xl/workbook.bin", "XLSB"),
        ("META-INF/MANIFEST.MF", "a Java"),
        ("../../etc/passwd", "a ZIP"),
        ("a.csv", "a ZIP"),
    ):
        yield Hostile(f"archive of {part}", packed({part: "x"}), says)


# --- bombs --------------------------------------------------------------------------------------


def _zeros(size: int) -> bytes:
    """`size` NUL bytes, packed, made in no memory."""
    out, packer = io.BytesIO(), zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(size // MIB):
        out.write(packer.compress(bytes(MIB)))
    out.write(packer.flush())
    return out.getvalue()


def _bombs() -> Iterator[Hostile]:
    yield Hostile("gzip of 300 MB of zeros", lambda: _zeros(300 * MIB), "SEGMILL_MAX_UNPACKED")
    yield Hostile("gzip of 60 MB of rows", _packed_rows, "UNPACKED_RATIO")
    twice = gzip.compress(gzip.compress(GOOD.encode()))
    yield Hostile("gzip in gzip", twice, "packed twice")
    yield Hostile("zip in gzip", lambda: gzip.compress(packed({"a": "b"})), "a packed archive")
    for part in ("worksheets/sheet1", "styles", "sharedStrings", "extra"):
        yield Hostile(f"zip bomb in {part}", partial(_blank_part, part), "UNPACKED_RATIO")
    yield Hostile("a million texts of nothing", _many_strings, "UNPACKED_RATIO")
    yield Hostile("a million empty formatted rows", _formatted_rows, "has a header but no rows")
    yield Hostile("10,001 parts", _many_parts, "parts")
    for name, doctype in DOCTYPES.items():
        for part in ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
            yield Hostile(f"{name} in {part}", _with_doctype(doctype, part), "document type")


def _packed_rows() -> bytes:
    return gzip.compress(b"content\n" + b"a\n" * (30 * MIB))


def _blank_part(part: str) -> bytes:
    parts = parts_of({"A": sheet_xml([["content"], ["a"]])})
    return packed({**parts, f"xl/{part}.xml": " " * (60 * MIB)})


DOCTYPES = {
    "billion laughs": "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(
        f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>",
    "quadratic blow-up": f"<!DOCTYPE x [<!ENTITY a '{'a' * 90_000}'>]>",
    "external entity": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "external subset": '<!DOCTYPE x SYSTEM "http://169.254.169.254/latest/">',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1/"> %a;]>',
}


def _with_doctype(doctype: str, part: str) -> bytes:
    parts = parts_of({"A": sheet_xml([["content"], ["a"]])})
    parts[part] = doctype + parts[part]
    return packed(parts)


def _many_strings() -> bytes:
    strings = f'<sst xmlns="{MAIN}">' + "<si><t/></si>" * 3_000_000 + "</sst>"
    return packed(parts_of({"A": sheet_xml([["content"]])}, strings=strings))


def _formatted_rows() -> bytes:
    rows = "".join(f'<row r="{n}" s="1"><c r="A{n}" s="0"/></row>' for n in range(2, 1_048_577))
    head = sheet_xml([["content", "answer"]])
    return packed(parts_of({"A": head.replace("</sheetData>", rows + "</sheetData>")}))


def _many_parts() -> bytes:
    return packed(parts_of({"A": sheet_xml([["content"]])}) | {f"x/{n}": "" for n in range(10_001)})


# --- texts --------------------------------------------------------------------------------------


def _encodings() -> Iterator[Hostile]:
    umlauts = GOOD.replace("Ulm", "Zürich")
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield Hostile(f"{codec} without a mark", GOOD.encode(codec), "--encoding")
    for codec in ("cp1252", "cp1250", "cp1254", "iso-8859-15"):
        yield Hostile(f"{codec}", umlauts.encode(codec), "which is a guess")
    valid = "Wo – „hier“?,Für größere Städte.\n" * 5
    for bad in (b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88"):
        content = GOOD.encode() + valid.encode() + b"x" + bad + b"y,z\n"
        yield Hostile(f"UTF-8 with {bad.hex()}", content, "is not UTF-8")
    mixed = GOOD.encode() + valid.encode() + "Köln?,Ja.\n".encode("cp1252")
    yield Hostile("mixed encodings", lambda: mixed, "Line 8")
    odd = GOOD.encode("utf-16") + b"\x00"
    yield Hostile("UTF-16 with half a unit", lambda: odd, "UTF-16")
    yield Hostile(
        "UTF-16 with half a pair", lambda: GOOD.encode("utf-16") + b"\x00\xd8\x0a\x00", ""
    )
    yield Hostile("a mark alone", lambda: b"\xef\xbb\xbf", "is empty")
    yield Hostile("UTF-16's mark alone", lambda: b"\xff\xfe", "is empty")
    yield Hostile("nothing", lambda: b"", "is empty")
    yield Hostile("NULs alone", lambda: bytes(5_000), "is empty")
    yield Hostile("blank lines", lambda: b"\r\n" * 50_000, "is empty")
    yield Hostile("noise", lambda: bytes(range(256)) * 100, "")


def _tables() -> Iterator[Hostile]:
    yield from _long_texts()
    quotes = (
        ("an unclosed quote", GOOD + '"never,closed\n', "never closed"),
        ("text after a quote", GOOD + '"a"b,c\n', "Double every"),
        ("a quote in the header", '"content,answer\na,b\n', "never closed"),
    )
    shapes = (
        ("10,000 columns", ",".join(f"c{n}" for n in range(10_000)) + "\n", "SEGMILL_MAX_COLUMNS"),
        ("a row of 10,000 cells", GOOD + "x," * 10_000 + "\n", "10001 cells"),
        ("too few cells", GOOD + "a\n", "has 1 cell,"),
        ("the same column twice", "content,answer,Content\na,b,c\n", "stands 2 times"),
        ("two columns for one part", "content,question,answer\na,b,c\n", "both mean"),
        ("no header", "Where is it?,In Ulm.\n", "no content column"),
        ("a header alone", "content,answer\n", "has a header but no rows"),
        ("only an unknown column", "x\n1\n", "no content column"),
        ("an unknown column", "content,answer,x\na,b,c\n", "is not used"),
        ("a column without a name", "content,answer,\na,b,c\n", "without a name"),
        ("a NUL in the header", "con\0tent,answer\na,b\n", "NUL"),
    )
    for name, text, says in (*quotes, *shapes):
        yield Hostile(name, text.encode(), says)


def _long(before: str, repeated: str, times: int, after: str = "") -> bytes:
    return (before + repeated * times + after).encode()


def _long_texts() -> Iterator[Hostile]:
    made = partial(_long, GOOD + '"', "text\n", 4 * MIB)
    yield Hostile("an unclosed quote of 20 MB", made, "never closed")
    yield Hostile("a line of 40 MB", partial(_long, GOOD, "x", 40 * MIB), "longer than")
    limit = "SEGMILL_MAX_CELL_CHARS"
    yield Hostile("a cell of 10 MB", partial(_long, GOOD, "x", 10 * MIB, ",y\n"), limit)
    yield Hostile(
        "a quoted cell of 10 MB", partial(_long, GOOD + '"', "x", 10 * MIB, '",y\n'), limit
    )
    yield Hostile("a million commas", partial(_long, GOOD, ",", MIB, "\n"), "cells")
    array = '[{"content": "'
    yield Hostile("an array with a text of 20 MB", partial(_long, array, "x", 20 * MIB), "Line 1")


def _json() -> Iterator[Hostile]:
    lines = '{"content": "a", "answer": "b"}\n'
    bad_lines = {
        "a cut line": '{"content": "a"',
        "an array in lines": '["a"]',
        "NaN": '{"content": NaN, "answer": "b"}',
        "Infinity": '{"content": -Infinity, "answer": "b"}',
        "a key twice": '{"content": "a", "content": "b"}',
        "a number of 5,000 digits": '{"content": ' + "9" * 5_000 + "}",
        "100,000 brackets": '{"content": ' + "[" * 100_000,
        "100,000 braces": '{"a": ' * 100_000,
        "a bare word": "{content: 1}",
        "single quotes": "{'content': 'a'}",
        "a trailing comma": '{"content": "a",}',
        "a comment": '{"content": "a" /* b */}',
        "control characters": '{"content": "a\x01b"}',
        "two objects in a line": '{"content": "a"} {"content": "b"}',
    }
    for name, line in bad_lines.items():
        yield Hostile(f"JSON Lines with {name}", (lines + line).encode(), "no JSON object")
    arrays = {
        "that breaks off": '[{"content": "a"}',
        "with a trailing comma": '[{"content": "a"},]',
        "without commas": '[{"content": "a"} {"content": "b"}]',
        "that goes on": '[{"content": "a"}] x',
        "of 100,000 brackets": '[{"content": ' + "[" * 100_000,
    }
    for name, text in arrays.items():
        yield Hostile(f"an array {name}", text.encode(), "Line 1")
    values = {
        "a list for a text": ('{"content": ["a"], "answer": "b"}', "not a text"),
        "an object for a text": ('{"content": {"a": 1}, "answer": "b"}', "not a text"),
        "null for a text": ('{"content": null, "answer": "b"}', "is blank"),
        "half a character": ('{"content": "\\ud800", "answer": "b"}', "half a character"),
        "a NUL": ('{"content": "a\\u0000", "answer": "b"}', "NUL"),
        "a NUL in metadata": (
            '{"content": "a", "answer": "b", "metadata": {"a": "\\u0000"}}',
            "NUL",
        ),
        "half a character in metadata": (
            '{"content": "a", "answer": "b", "metadata": {"\\udfff": 1}}',
            "half a character",
        ),
        "a number too large": (
            '{"content": "a", "answer": "b", "metadata": {"a": 1e999}}',
            "large",
        ),
        "metadata too deep": (
            '{"content": "a", "answer": "b", "metadata": ' + '{"a":' * 99 + "1" + "}" * 100,
            "too deep",
        ),
        "metadata that is a list": (
            '{"content": "a", "answer": "b", "metadata": [1]}',
            "no JSON object",
        ),
        "keywords of numbers": ('{"content": "a", "answer": "b", "keywords": [1]}', "no keywords"),
        "a strange switch": ('{"content": "a", "answer": "b", "enabled": 7}', "Neither yes nor no"),
        "300 keys": ("{" + ",".join(f'"k{n}": 1' for n in range(300)) + "}", "SEGMILL_MAX_COLUMNS"),
    }
    for (name, (line, says)), wrap in product(values.items(), ("{}", "[{}]")):
        kind = "lines" if wrap == "{}" else "an array"
        yield Hostile(f"{name} in {kind}", wrap.replace("{}", line).encode(), says)
    yield Hostile("an object over many lines", lambda: b'{\n"content": "a"\n}', "one object a line")
    yield Hostile("an empty array", lambda: b"[ ]", "no objects")


# --- workbooks ----------------------------------------------------------------------------------


def _patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """The archive with a field of its last header of that kind overwritten."""
    data = bytearray(content)
    place = data.rindex(signature) + offset
    data[place : place + len(value)] = value
    return bytes(data)


def _archives() -> Iterator[Hostile]:
    good = workbook([["content", "answer"], *([f"q {n}", f"a {n}"] for n in range(200))])
    for cut in (5, 30, 100, 300, len(good) // 2, len(good) - 40, len(good) - 10):
        yield Hostile(f"a workbook cut at {cut}", good[:cut], "XLSX")
    directory, end = b"PK\x01\x02", b"PK\x05\x06"
    yield Hostile("an encrypted part", lambda: _patched(good, directory, 8, b"\1\0"), "password")
    yield Hostile("packed by LZMA", lambda: _patched(good, directory, 10, b"\x0e\0"), "packed by")
    far = struct.pack("<I", 0x7FFFFFFF)
    yield Hostile("a part beyond the end", lambda: _patched(good, directory, 42, far), "XLSX")
    yield Hostile("a wrong checksum", lambda: _patched(good, directory, 16, b"abcd"), "amaged")
    small = struct.pack("<I", 10)
    yield Hostile("a size that lies", lambda: _patched(good, directory, 24, small), "amaged")
    huge = struct.pack("<I", 0xFFFFFFF0)
    yield Hostile("a size of 4 GB", lambda: _patched(good, directory, 24, huge), "UNPACKED")
    yield Hostile("a directory elsewhere", lambda: _patched(good, end, 16, far), "XLSX")
    parts = parts_of({"A": sheet_xml([["content"], ["a"]])})
    for part in sorted(parts.keys() - {"_rels/.rels"}):
        lacking = {name: xml for name, xml in parts.items() if name != part}
        yield Hostile(f"no {part}", packed(lacking), "")
        for what, xml in (("empty", ""), ("cut", parts[part][:-9]), ("noise", "\x01\x02<")):
            if part != "[Content_Types].xml":
                yield Hostile(f"{what} {part}", packed({**parts, part: xml}), "")
    macros = {**parts, "xl/vbaProject.bin": "x"}
    yield Hostile("macros", lambda: packed(macros), "macros")
    yield Hostile("the same part twice", _part_twice, "twice")


def _part_twice() -> bytes:
    data = packed(parts_of({"A": sheet_xml([["content"]])}) | {"xl/workbook.xmk": "x"})
    return data.replace(b"xl/workbook.xmk", b"xl/workbook.xml")


def _sheet(xml: str) -> bytes:
    return packed(parts_of({"A": xml}))


def _sheets() -> Iterator[Hostile]:
    good = sheet_xml([["content", "answer"], ["a", "b"], ["c", "d"]])
    swaps = {
        "rows backwards": ('<row r="3">', '<row r="1">'),
        "row 0": ('<row r="2">', '<row r="0">'),
        "row 1,048,577": ('<row r="3">', '<row r="1048577">'),
        "a row of 5,000 digits": ('<row r="3">', f'<row r="{"9" * 5_000}">'),
        "a row that is no number": ('<row r="3">', '<row r="x">'),
        "cells backwards": ('r="B3"', 'r="A3"'),
        "column ZZZZ": ('r="B3"', 'r="ZZZZ3"'),
        "no column": ('r="B3"', 'r="33"'),
        "an unclosed tag": ("</sheetData>", ""),
        "a tag of 3 MB": ("<sheetData>", f'<sheetData x="{"y" * (3 * MIB)}">'),
        "a forbidden character": ("<t>c</t>", "<t>\x01</t>"),
        "a character that is none": ("<t>c</t>", "<t>&#0;</t>"),
        "an unknown entity": ("<t>c</t>", "<t>&lol;</t>"),
        "an unknown encoding": ("<worksheet", '<?xml version="1.0" encoding="x"?><worksheet'),
        "a missing shared text": ("<t>c</t>", '</is></c><c r="B3" t="s"><v>9</v></c><c><is>'),
        "a shared text before the first": (
            'r="A3" t="inlineStr"><is><t>c</t></is>',
            'r="A3" t="s"><v>-1</v>',
        ),
        "a style there is not": ('r="A3" t="inlineStr"><is><t>c</t></is>', 'r="A3" s="9"><v>1</v>'),
        "a number that is none": ('r="A3" t="inlineStr"><is><t>c</t></is>', 'r="A3"><v>1.2.3</v>'),
        "deep tags": ("<sheetData>", "<a>" * 100_000 + "<sheetData>"),
    }
    for name, (old, new) in swaps.items():
        yield Hostile(f"a sheet with {name}", _sheet(good.replace(old, new, 1)), "damaged")
    yield Hostile("an empty sheet", lambda: workbook([]), "is empty")
    yield Hostile("another sheet first", _two_sheets, "not read")
    merges = "<mergeCells>" + '<mergeCell ref="A2:B3"/>' * 100_001 + "</mergeCells>"
    yield Hostile(
        "100,001 merges",
        lambda: _sheet(good.replace("</worksheet>", f"{merges}</worksheet>")),
        "merged",
    )


def _two_sheets() -> bytes:
    one = sheet_xml([["content", "answer"], ["a", "b"]])
    return packed(parts_of({"Hidden": one, "Shown": one}, hidden=["Hidden"]))


def _bad_cells() -> Iterator[Hostile]:
    cells: dict[str, tuple[Cell, str]] = {
        "a formula never calculated": (("", "<f>A1</f>"), "never calculated"),
        **{
            f"the error {error}": (('t="e"', f"<v>{error}</v>"), error)
            for error in ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
        },
        "nothing": (None, "is blank"),
        "blanks": (" \u3000", "is blank"),
        "40,000 characters over": ("x" * 140_000, "SEGMILL_MAX_CELL_CHARS"),
        "half a character": (('t="inlineStr"', "<is><t>_xD800_</t></is>"), "half a character"),
        "a NUL by its number": (('t="inlineStr"', "<is><t>a_x0000_</t></is>"), "NUL"),
    }
    for (name, (cell, says)), place in product(cells.items(), (0, 1)):
        row: list[Cell] = ["a", "b"]
        row[place] = cell
        yield Hostile(
            f"{name} in column {place + 1}",
            workbook([["content", "answer"], ["x", "y"], row]),
            says,
        )
    merged = '<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'
    yield Hostile(
        "merged cells",
        lambda: workbook([["content", "answer"], ["a", "b"], ["c", None]], after=merged),
        "merged with B2",
    )
    far = sheet_xml([["content", "answer"], ["a", "b"]]).replace(
        "</row></sheetData>", '<c r="XFD2"><v>1</v></c></row></sheetData>'
    )
    yield Hostile("a cell in the last column", lambda: _sheet(far), "SEGMILL_MAX_COLUMNS")
