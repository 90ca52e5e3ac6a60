"""Workbooks that are damaged as archives."""

import struct
from collections.abc import Iterator

from tests.hostile.case import Hostile
from tests.workbooks import packed, parts_of, sheet_xml, workbook


def _patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """The archive with a field of its last header of that kind overwritten."""
    data = bytearray(content)
    place = data.rindex(signature) + offset
    data[place : place + len(value)] = value
    return bytes(data)


def files() -> Iterator[Hostile]:
    good = workbook([["content", "answer"], *([f"q {n}", f"a {n}"] for n in range(200))])
    for cut in (5, 30, 100, 300, len(good) // 2, len(good) - 40, len(good) - 10):
        yield Hostile(f"a workbook cut at {cut}", good[:cut], "XLSX")
    directory, end = b"PK\x01\x02", b"PK\x05\x06"
    yield Hostile("an encrypted part", lambda: _patched(good, directory, 8, b"\1\0"), "password")
    yield Hostile(
        "packed by LZMA", lambda: _patched(good, directory, 10, b"\x0e\0"), "compressed by"
    )
    far = struct.pack("<I", 0x7FFFFFFF)
    yield Hostile("a part beyond the end", lambda: _patched(good, directory, 42, far), "XLSX")
    yield Hostile("a wrong checksum", lambda: _patched(good, directory, 16, b"abcd"), "amaged")
    small = struct.pack("<I", 10)
    yield Hostile("a size that lies", lambda: _patched(good, directory, 24, small), "amaged")
    huge = struct.pack("<I", 0xFFFFFFF0)
    yield Hostile(
        "a size of 4 GB", lambda: _patched(good, directory, 24, huge), "Uncompressed, the file is"
    )
    yield Hostile("a directory elsewhere", lambda: _patched(good, end, 16, far), "XLSX")
    parts = parts_of({"A": sheet_xml([["content"], ["a"]])})
    for part in sorted(parts.keys() - {"_rels/.rels"}):
        lacking = {name: xml for name, xml in parts.items() if name != part}
        yield Hostile(f"no {part}", packed(lacking), "")
        for what, xml in (("empty", ""), ("cut", parts[part][:-9]), ("noise", "\x01\x02<")):
            if part != "[Content_Types].xml":
                yield Hostile(f"{what} {part}", packed({**parts, part: xml}), "")
    yield Hostile("the same part twice", _part_twice, "twice")


def _part_twice() -> bytes:
    data = packed(parts_of({"A": sheet_xml([["content"]])}) | {"xl/workbook.xmk": "x"})
    return data.replace(b"xl/workbook.xmk", b"xl/workbook.xml")
