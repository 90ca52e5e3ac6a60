"""What is no table: other formats, under the names of tables."""

from collections.abc import Iterator
from itertools import product

from tests.hostile.case import Hostile
from tests.workbooks import packed

STARTS = {
    "PDF": (b"%PDF-1.7\n", "is PDF, which becomes passages"),
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
    "HTML": (b"<!DOCTYPE html><table>", "HTML"),
    "HTML table": (b"<table border=1><tr>", "HTML"),
    "XML": (b'<?xml version="1.0"?><x/>', "an XML"),
    "OLE2": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(80), "an old Office"),
}


def files() -> Iterator[Hostile]:
    for (kind, (start, says)), suffix in product(STARTS.items(), ("csv", "tsv", "json", "txt")):
        yield Hostile(f"{kind} named .{suffix}", start + bytes(40), says)
    encrypted = STARTS["OLE2"][0] + "EncryptedPackage".encode("utf-16-le")
    yield Hostile("encrypted.xlsx", lambda: encrypted, "password")
    for part, says in (
        ("word/document.xml", "is DOCX, which becomes passages"),
        ("ppt/slide.xml", "a PowerPoint"),
        ("xl/workbook.bin", "a ZIP"),
        ("META-INF/MANIFEST.MF", "a Java"),
        ("../../etc/passwd", "a ZIP"),
        ("a.csv", "a ZIP"),
    ):
        yield Hostile(f"archive of {part}", packed({part: "x"}), says)
