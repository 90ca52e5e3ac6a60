"""Damaged files by the thousand: each parser gives rows or refuses, and never anything else.

`make fuzz` runs 50,000 inputs for each parser; `tests/unit/test_fuzz.py` a few hundred. An input
is made by its number alone, so a failure names all that is needed to see it again:

    python -m tests.fuzz PARSER --first NUMBER --count 1
"""

import argparse
import gzip
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from random import Random
from time import monotonic, process_time

LONGEST_SECONDS = 10.0
ROWS_READ = 2_000

TEXT = (
    'content,answer,keywords,metadata\n"a ""b"",\n c",d,"x, y","{""n"": [1, null]}"\n'
    "é – 日本,2,,\n00123,=1+1,;,\n"
)
OBJECTS = [
    {"content": "a", "answer": "b", "keywords": ["x"], "metadata": {"n": [1.5, None, {}]}},
    {"content": "é – 日本 😀", "answer": '\\ " \n', "enabled": False},
]
PIECES = (
    *(b"\0", b"\xff", b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"{", b"}", b"[", b"]", b":"),
    *(b"<", b">", b"&", b"/", b"\\", b"\\ud800", b"1e999", b"NaN", b"null", b"\xef\xbb\xbf"),
    *(b"<!DOCTYPE x>", b"&#0;", b"]]>", b't="s"', b'r="A1"', b"99999999999999999999", b"-1"),
    *(b"\xff\xfe", b"\xfe\xff", b"\x81", b"\xd8\x00", b"<c>", b"</row>", b"<row>", b"A" * 5_000),
)


def mutated(content: bytes, random: Random) -> bytes:
    """The content with a few places cut, doubled, overwritten or filled in."""
    data = bytearray(content)
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(data) + 1)
        end = min(len(data), place + random.choice((1, 1, 2, 5, 40)))
        what = random.randrange(5)
        if what == 0:
            del data[place:end]
        elif what == 1:
            data[place:place] = data[place:end]
        elif what == 2:
            data[place:place] = random.choice(PIECES)
        elif what == 3:
            data[place:end] = random.randbytes(end - place)
        elif random.random() < 0.2:
            del data[place:]
    return bytes(data)


def _delimited(random: Random) -> bytes:
    codec = random.choice(("utf-8", "utf-8-sig", "utf-16", "gb18030", "utf-32"))
    delimiter = random.choice(",;\t|")
    return mutated(TEXT.replace(",", delimiter).encode(codec), random)


def _json_lines(random: Random) -> bytes:
    lines = "\n".join(json.dumps(each, ensure_ascii=random.random() < 0.5) for each in OBJECTS)
    return mutated(lines.encode(), random)


def _json_array(random: Random) -> bytes:
    return mutated(json.dumps(OBJECTS, indent=random.choice((None, 1))).encode(), random)


def _gzip(random: Random) -> bytes:
    if random.random() < 0.5:
        return gzip.compress(_delimited(random))
    return mutated(gzip.compress(TEXT.encode(), mtime=0), random)


def _xlsx(random: Random) -> bytes:
    """A workbook one part of which is damaged, or that is damaged as a whole."""
    from tests.workbooks import packed

    parts = _workbook_parts()
    if random.random() < 0.3:
        return mutated(packed(parts), random)
    name = random.choice(sorted(parts))
    return packed({**parts, name: mutated(parts[name].encode(), random)})


def _workbook_parts() -> dict[str, str]:
    from tests.workbooks import MAIN, parts_of, sheet_xml, styles_xml

    cells = [('t="s"', "<v>0</v>"), ('s="1"', "<v>45657.5</v>"), ("", "<f>A1</f><v>2</v>")]
    after = '<mergeCells><mergeCell ref="A3:B4"/></mergeCells>'
    sheet = sheet_xml(
        [["content", "answer", "n"], cells, ["x", True, None], ["y", 0.5, "z"]], after
    )
    strings = f'<sst xmlns="{MAIN}"><si><t>one</t></si><si><r><t>two</t></r></si></sst>'
    styles = styles_xml(["General", "yyyy-mm-dd hh:mm", "#,##0.00;[Red]-0"])
    return parts_of({"A": sheet}, styles=styles, strings=strings)


PARSERS: Mapping[str, Callable[[Random], bytes]] = {
    "delimited": _delimited,
    "json_lines": _json_lines,
    "json_array": _json_array,
    "gzip": _gzip,
    "xlsx": _xlsx,
}


def try_one(parser: str, number: int) -> bool:
    """Whether input `number` gave rows; False if it was refused. Anything else is a fault."""
    from datasets.models import DocForm
    from segments.exceptions import FileRefused, OptionRefused
    from segments.files.columns import map_columns
    from segments.files.sheets import open_sheet
    from segments.files.validation import Rules, validate

    content = PARSERS[parser](Random(f"{parser} {number}"))
    began = process_time()
    try:
        sheet = open_sheet(io.BytesIO(content), "file")
        columns = map_columns(sheet.header, sheet.header_line, DocForm.QA)
        for count, raw in enumerate(sheet.rows):
            validate(raw, Rules(columns, 100_000))
            if count > ROWS_READ:
                break
        sheet.rows.close()
        is_read = True
    except (FileRefused, OptionRefused):
        is_read = False
    seconds = process_time() - began
    assert seconds < LONGEST_SECONDS, f"it took {seconds:.0f} s"
    return is_read


def run(parser: str, first: int, count: int) -> int:
    """Try so many inputs; how many of them gave rows."""
    read = 0
    for number in range(first, first + count):
        try:
            read += try_one(parser, number)
        except Exception as fault:
            raise AssertionError(
                f"python -m tests.fuzz {parser} --first {number} --count 1"
            ) from fault
    return read


def main() -> None:
    """Run from the command line, with a line for each parser."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    options = argparse.ArgumentParser(description="Feed damaged files to the parsers.")
    options.add_argument("parsers", nargs="*", default=list(PARSERS))
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--count", type=int, default=50_000)
    given = options.parse_args()
    for parser in given.parsers:
        began = monotonic()
        read = run(parser, given.first, given.count)
        sys.stdout.write(
            f"{parser}: {given.count:,} inputs, {read:,} read, {given.count - read:,} refused, "
            f"0 faults, {monotonic() - began:,.0f} s\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
