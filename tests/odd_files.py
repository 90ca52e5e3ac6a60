"""Workbooks and texts as odd as people keep them, made by number; none may be silently read wrong.

`tests/unit/test_odd_files.py` reads some; all kinds together, as many as wanted:

    python -m tests.odd_files --count 2000
"""

import argparse
import csv
import gzip
import io
import json
import sys
from dataclasses import dataclass
from random import Random

from segments.exceptions import FileRefused, HeaderRefused, OptionRefused
from segments.files.columns import columns_in, guess_doc_form
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import SegmentRow
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from tests.workbooks import Cell, packed, parts_of, sheet_xml

HEADERS = (
    ("Frage", "Antwort"),
    ("Question", "Answer"),
    ("Pregunta", "Respuesta"),
    ("Вопрос", "Ответ"),
    ("質問", "回答"),
    ("질문", "답변"),
    ("سؤال", "جواب"),
    ("Pytanie", "Odpowiedź"),
    ("FRAGE ", " Antwort"),
    ("Frage (DE)", "Antwort (DE)"),
    ("1. Question", "2. Answer"),
    ("question_text", "answer_text"),
)
QUESTIONS = (
    *("Wie kündige ich?", "Was kostet 1,5 kg?", "Où est-ce?", "Сколько стоит?", "いくらですか?"),
    *("Is 007 a code?", 'What does "open" mean?', "a;b,c\td?", "=1+1?", "Zeile 1\nZeile 2?", "😀?"),
    *("-", "0815", "1e5", "True", "2024-05-31", "  spaced  out  ", "<b>&amp;</b>?", "'quoted'?"),
)
ANSWERS = (
    *("Schriftlich.", "12,50 €", "Là-bas, à côté.", "Сто рублей; не больше.", "百円です。"),
    *("00123", 'Not "closed".', "Line 1\nLine 2\n\nLine 4", "+49 30 1234", "@home", "#N/A is text"),
)
OTHERS = ("Kategorie", "Price", "備考", "Remark", "Nr.")
TITLES = ("FAQ 2024", "Unsere Fragen", "Stand: Mai", "よくある質問", "Export")
CODECS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"),
    *("windows-1252", "windows-1251", "shift-jis"),
)


@dataclass(frozen=True, slots=True)
class Odd:
    """A file, what stands in it, and what is odd about it."""

    name: str
    content: bytes
    pairs: list[tuple[str, str]]
    oddities: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a file: read right, refused in words, or wrong; `why` says how."""

    odd: Odd
    is_right: bool
    is_refused: bool
    why: str = ""


class _Sparing(csv.excel):
    quoting = csv.QUOTE_MINIMAL


class _Quoted(csv.excel):
    quoting = csv.QUOTE_ALL


def odd_file(number: int) -> Odd:
    """The file of this number, always the same."""
    random = Random(number)
    header, rows, pairs = _table(random)
    above = _above(random)
    if random.random() < 0.2:
        rows.insert(random.randint(1, len(rows)), header)  # as on the next page of a print-out
    make = random.choice((_workbook, _workbook, _text, _text, _json))
    return make(random, above, [header, *rows], pairs)


def _table(random: Random) -> tuple[list[str], list[list[str]], list[tuple[str, str]]]:
    names = random.choice(HEADERS)
    others = random.sample(OTHERS, random.randrange(3))
    order = list(range(2 + len(others)))
    random.shuffle(order)
    pairs = [
        (f"{random.choice(QUESTIONS)} ({number})", random.choice(ANSWERS))
        for number in range(random.randint(2, 9))
    ]
    table = [[*names, *others]] + [
        [*pair, *(str(random.randrange(100)) for _ in others)] for pair in pairs
    ]
    header, *rows = [[row[place] for place in order] for row in table]
    return header, rows, pairs


def _above(random: Random) -> list[list[str]]:
    """Lines above the header: none, titles, blank ones."""
    lines: list[list[str]] = [[random.choice(TITLES)] for _ in range(random.choice((0, 0, 1, 2)))]
    if lines:
        lines += [[] for _ in range(random.randrange(3))]
    return lines


def _workbook(
    random: Random, above: list[list[str]], table: list[list[str]], pairs: list[tuple[str, str]]
) -> Odd:
    rows: list[list[Cell]] = [[cell or None for cell in row] for row in (*above, *table)]
    odd = [f"{len(above)} lines above"]
    for _ in range(random.randrange(3)):
        rows.insert(random.randint(len(above) + 1, len(rows)), [])
        odd.append("a blank row")
    sheets = {"Tabelle 1": sheet_xml(rows)}
    if random.random() < 0.3:
        sheets = {"Leer": sheet_xml([]), **sheets}
        odd.append("an empty sheet first")
    hidden = []
    if random.random() < 0.3:
        sheets |= {"Alt": sheet_xml([["Frage", "Antwort"], ["Alt?", "Weg."]])}
        hidden = ["Alt"]
        odd.append("a hidden sheet")
    parts: dict[str, str | bytes] = {**parts_of(sheets, hidden=hidden)}
    ending = random.choice(("xlsx", "xlsx", "xlsm", "bin"))
    if ending == "xlsm":
        parts["xl/vbaProject.bin"] = b"x"
    if random.random() < 0.2:
        parts = {name.replace("/", "\\"): part for name, part in parts.items()}
        odd.append("backslashes")
    return Odd(f"odd.{ending}", packed(parts), pairs, f"{ending}: {', '.join(odd)}")


def _text(
    random: Random, above: list[list[str]], table: list[list[str]], pairs: list[tuple[str, str]]
) -> Odd:
    delimiter = random.choice((",", ";", "\t", "|"))
    end = random.choice(("\n", "\r\n", "\r"))
    # Python's writer would leave a line feed without quotes where a line ends with \r.
    dialect: type[csv.Dialect] = random.choice((_Sparing, _Quoted))
    if end == "\r":
        dialect = _Quoted
    file = io.StringIO()
    writer = csv.writer(file, dialect, delimiter=delimiter, lineterminator=end)
    writer.writerows([*above, *table])
    text = file.getvalue()
    codec = random.choice(CODECS)
    if codec == "windows-1251" and not any("а" <= letter <= "я" for letter in text):
        codec = "utf-8"  # without a Cyrillic letter nothing tells it from windows-1252
    if codec == "shift-jis" and not any("ぁ" <= letter <= "ヿ" for letter in text):
        codec = "utf-8"  # nobody writes other languages in it
    try:
        content = text.encode(codec)
    except UnicodeEncodeError:
        codec = "utf-8"
        content = text.encode()
    name = "odd.csv"
    if random.random() < 0.2:
        name, content = "odd.csv.gz", gzip.compress(content, mtime=0)
    odd = f"{name}: {delimiter!r} {end!r} {codec}, {len(above)} lines above"
    return Odd(name, content, pairs, odd)


def _json(
    random: Random, above: list[list[str]], table: list[list[str]], pairs: list[tuple[str, str]]
) -> Odd:
    header, *rows = [row for at, row in enumerate(table) if not at or row != table[0]]
    objects = [dict(zip(header, row, strict=True)) for row in rows]
    ascii_only = random.random() < 0.5
    if random.random() < 0.5:
        content = json.dumps(objects, ensure_ascii=ascii_only, indent=random.choice((None, 2)))
        return Odd("odd.json", content.encode(), pairs, "json")
    lines = "\n".join(json.dumps(each, ensure_ascii=ascii_only) for each in objects)
    return Odd("odd.jsonl", lines.encode(random.choice(("utf-8", "utf-8-sig"))), pairs, "jsonl")


def judged(odd: Odd) -> Verdict:
    """How the file is read: right, refused with a sentence, or wrong without a word."""
    options = ImportOptions()
    try:
        sheet = open_sheet(io.BytesIO(odd.content), odd.name, options)
        form = guess_doc_form(sheet.header, options, sheet.sample)
        columns = columns_in(sheet, form, options)
        rows = [validate(raw, Rules(columns, MAX_CELL_CHARS)) for raw in sheet.rows]
    except (FileRefused, HeaderRefused, OptionRefused) as refusal:
        return Verdict(odd, is_right=False, is_refused=True, why=str(refusal))
    found = [(row.content, row.answer) for row in rows if isinstance(row, SegmentRow)]
    wanted = [(_plain(question), _plain(answer)) for question, answer in odd.pairs]
    read = [(_plain(question), _plain(answer or "")) for question, answer in found]
    if read == wanted:
        return Verdict(odd, is_right=True, is_refused=False)
    return Verdict(odd, is_right=False, is_refused=False, why=f"{read} is not {wanted}")


def _plain(text: str) -> str:
    """A text as it is compared: whatever its ends of lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def main() -> None:
    """Read as many as wanted; list those that are wrong or refused, and fail if any is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    verdicts = [
        (number, judged(odd_file(number)))
        for number in range(given.first, given.first + given.count)
    ]
    for number, verdict in verdicts:
        if not verdict.is_right:
            what = "refused" if verdict.is_refused else "WRONG"
            sys.stdout.write(f"{number} {what} ({verdict.odd.oddities}): {verdict.why}\n")
    right = sum(verdict.is_right for _, verdict in verdicts)
    refused = sum(verdict.is_refused for _, verdict in verdicts)
    sys.stdout.write(f"{right:,} right, {refused:,} refused of {len(verdicts):,}\n")
    sys.exit(right + refused < len(verdicts))


if __name__ == "__main__":
    main()
