"""Bombs: small files that swell, nest or fetch."""

import gzip
import io
import zlib
from collections.abc import Iterator
from functools import partial

from tests.hostile.case import GOOD, MIB, Hostile
from tests.workbooks import MAIN, packed, parts_of, sheet_xml


def _zeros(size: int) -> bytes:
    """`size` NUL bytes, packed, made in no memory."""
    out, packer = io.BytesIO(), zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(size // MIB):
        out.write(packer.compress(bytes(MIB)))
    out.write(packer.flush())
    return out.getvalue()


def files() -> Iterator[Hostile]:
    yield Hostile("gzip of 300 MB of zeros", lambda: _zeros(300 * MIB), "Uncompressed, the file is")
    yield Hostile("gzip of 60 MB of rows", _packed_rows, "times as large")
    twice = gzip.compress(gzip.compress(GOOD.encode(), mtime=0), mtime=0)
    yield Hostile("gzip in gzip", twice, "compressed twice")
    yield Hostile(
        "zip in gzip", lambda: gzip.compress(packed({"a": "b"}), mtime=0), "a compressed archive"
    )
    for part in ("worksheets/sheet1", "styles", "sharedStrings", "extra"):
        yield Hostile(f"zip bomb in {part}", partial(_blank_part, part), "times as large")
    yield Hostile("a million texts of nothing", _many_strings, "times as large")
    yield Hostile("a million empty formatted rows", _formatted_rows, "has a header but no rows")
    yield Hostile("10,001 parts", _many_parts, "parts")
    for name, doctype in DOCTYPES.items():
        for part in ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
            yield Hostile(f"{name} in {part}", _with_doctype(doctype, part), "document type")


def _packed_rows() -> bytes:
    return gzip.compress(b"content\n" + b"a\n" * (30 * MIB), mtime=0)


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
