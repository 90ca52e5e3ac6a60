"""Tables with the wrong shape, quotes that never end, and texts without an end."""

from collections.abc import Iterator
from functools import partial

from tests.hostile.case import GOOD, MIB, Hostile


def files() -> Iterator[Hostile]:
    yield from _long_texts()
    quotes = (
        ("an unclosed quote", GOOD + '"never,closed\n', "never closed"),
        ("text after a quote", GOOD + '"a"b,c\n', "Double every"),
        ("a quote in the header", '"content,answer\na,b\n', "never closed"),
    )
    shapes = (
        ("10,000 columns", ",".join(f"c{n}" for n in range(10_000)) + "\n", "columns are allowed"),
        ("a row of 10,000 cells", GOOD + "x," * 10_000 + "\n", "10001 cells"),
        ("too few cells", GOOD + "a\n", "has 1 cell,"),
        ("the same column twice", "content,answer,Content\na,b,c\n", "appears 2 times"),
        ("two columns for one part", "content,question,answer\na,b,c\n", "both mean"),
        ("no header", "Where is it?,In Ulm.\n", "option no_header"),
        ("a title above the header", "Handbook\n\n" + GOOD, "header was found in row 3"),
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
    limit = "100,000 are allowed"
    yield Hostile("a cell of 10 MB", partial(_long, GOOD, "x", 10 * MIB, ",y\n"), limit)
    yield Hostile(
        "a quoted cell of 10 MB", partial(_long, GOOD + '"', "x", 10 * MIB, '",y\n'), limit
    )
    yield Hostile("a million commas", partial(_long, GOOD, ",", MIB, "\n"), "without a text")
    array = '[{"content": "'
    yield Hostile("an array with a text of 20 MB", partial(_long, array, "x", 20 * MIB), "Line 1")
