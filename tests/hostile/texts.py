"""Texts in encodings without a mark, in several at once, or in none."""

from collections.abc import Iterator

from tests.hostile.case import GOOD, Hostile


def files() -> Iterator[Hostile]:
    umlauts = GOOD.replace("Ulm", "Zürich")
    for codec in ("cp1252", "cp1250", "cp1254", "iso-8859-15"):
        yield Hostile(f"{codec}", umlauts.encode(codec), "encoding was guessed")
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
