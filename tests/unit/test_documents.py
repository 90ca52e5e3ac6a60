"""Documents as rows: what they say is kept, where it stands is known, and nothing does harm."""

import io
import itertools
import json
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.models import DocForm
from segments.embedding.tokens import count_tokens
from segments.exceptions import (
    FileDamaged,
    FileEmpty,
    FileProtected,
    FileRefused,
    FileTooLarge,
    FileTooSlow,
    HeaderRefused,
    OptionRefused,
)
from segments.files.columns import columns_in
from segments.files.documents import conversion
from segments.files.documents.blocks import Block
from segments.files.documents.html import blocks_of_html
from segments.files.documents.markdown import blocks_of
from segments.files.documents.pieces import pieces
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.splitting import Measure, SplitRule
from segments.files.types import FileFormat, Sheet
from tests.documents import docx, paragraph, pdf, table

MEASURE = Measure(count_tokens)
FIVE = Path(__file__).parents[1] / "files" / "documents" / "five-languages.pdf"
LANGUAGES = {
    "en": "The pump moves water from a well to a tank.",
    "de": "Die Pumpe fördert Wasser aus größeren Brunnen.",
    "ru": "Насос подаёт воду из колодца в бак.",
    "zh": "水泵把井里的水送到水箱。请先阅读本章。",
    "ar": "تنقل المضخة الماء من البئر إلى الخزان.",
}


def sheet_of(content: bytes, name: str, **options: Any) -> Sheet:
    return open_sheet(
        io.BytesIO(content), name, ImportOptions.from_fields(options), measure=MEASURE
    )


def rows_of(content: bytes, name: str, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    """The texts of the pieces, with what is known of each."""
    found: list[tuple[str, dict[str, Any]]] = []
    for row in sheet_of(content, name, **options).rows:
        text, known = row.cells
        found.append((text, json.loads(known or "{}")))
    return found


def texts_of(content: bytes, name: str, **options: Any) -> str:
    return "\n\n".join(text for text, _ in rows_of(content, name, **options))


def refusal(error: type[FileRefused], content: bytes, name: str) -> str:
    with pytest.raises(error) as refused:
        rows_of(content, name)
    assert name in str(refused.value)
    return str(refused.value)


# --- PDF --------------------------------------------------------------------------------------


def manual(pages: int) -> bytes:
    """Chapters of a page each, between a running title and the page's number."""
    return pdf(
        [
            "ACME pump manual",
            "",
            f"# Chapter {number}",
            f"The part {number} is cleaned with water and a soft cloth, and never with any",
            "solvent. It is checked for wear afterwards, by a trained person num-",
            f"bered {number}.",
            "",
            f"## Tools of {number}",
            f"A wrench of size {number} is needed.",
            "",
            *[""] * 30,
            f"{number}",
        ]
        for number in range(1, pages + 1)
    )


def test_a_pdf_of_200_pages_becomes_pieces_with_pages_and_headings() -> None:
    found = rows_of(manual(200), "manual.pdf", chunk_tokens=100)

    whole = "\n".join(text for text, _ in found)
    assert all(whole.count(f"wrench of size {number} is") == 1 for number in range(1, 201))
    assert "ACME pump manual" not in whole
    assert "person numbered 17." in whole
    text, known = next(row for row in found if "wrench of size 150 " in row[0])
    assert known["page"] <= 150 <= known.get("last_page", known["page"])
    assert "# Chapter 150" in text
    assert max(count_tokens(text) for text, _ in found) <= 100


def test_pages_that_a_browser_printed_in_five_languages() -> None:
    found = rows_of(FIVE.read_bytes(), "five.pdf", chunk_tokens=60)

    whole = "\n".join(text for text, _ in found)
    assert "# Owner's manual" in whole
    assert "as the warranty asks for it" in whole  # it was hyphenated
    assert "Größere Mengen sind möglich, wenn der Überlauf geöffnet ist." in whole
    assert "Перед началом работы прочитайте эту главу полностью" in whole
    assert "Η αντλία μεταφέρει νερό από το πηγάδι στη δεξαμενή." in whole
    assert "تنقل المضخة الماء من البئر إلى الخزان" in whole
    assert "file:///" not in whole  # what the browser printed on every page
    assert [known["page"] for text, known in found if "Руководство" in text] == [3]


def test_chinese_lines_are_joined_without_spaces() -> None:
    found = texts_of(pdf([["水泵把井里的水送到", "水箱。请先阅读本章。"]]), "a.pdf")

    assert found == "水泵把井里的水送到水箱。请先阅读本章。"


def test_a_page_without_text_is_told() -> None:
    sheet = sheet_of(pdf([["Text."], [], [], ["More."]]), "a.pdf")

    assert len(list(sheet.rows)) == 1
    assert sheet.notices[0].startswith("No text is on pages 2–3: ")


def test_pdfs_that_cannot_be_read() -> None:
    assert "OCR" in refusal(FileEmpty, pdf([[], []]), "scan.pdf")
    assert "print it" in refusal(FileDamaged, b"%PDF-1.7\nnothing", "cut.pdf")
    assert "damaged" in refusal(FileDamaged, b"\x01\x02nothing at all", "other.pdf")
    locked = (
        "/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + "11" * 32 + ">/U<" + "22" * 32 + ">>>"
        "/ID[<00><00>]"
    )
    assert "password" in refusal(FileProtected, pdf([["Secret."]], locked), "locked.pdf")


def test_a_damaged_pdf_is_repaired_where_that_is_possible() -> None:
    assert "wrench of size 2" in texts_of(manual(2).replace(b"startxref", b"start"), "cut.pdf")


# --- DOCX -------------------------------------------------------------------------------------

TABLE = [["Part", "Price"], ["Seal | ring", "12 €"], ["Насос", "900 €"]]


def test_a_word_document_has_headings_and_readable_tables() -> None:
    body = paragraph("Handbuch", 1) + paragraph("Einleitung.") + paragraph("Preise", 2)
    found = rows_of(docx(body + table(TABLE)), "a.docx", chunk_tokens=50, chunk_overlap=0)

    assert found == [
        (
            "# Handbuch\n\nEinleitung.\n\n## Preise\n\n"
            "| Part | Price |\n| --- | --- |\n| Seal \\| ring | 12 € |\n| Насос | 900 € |",
            {"heading": "Handbuch"},
        )
    ]


def test_what_word_writes_around_a_paragraph_is_read() -> None:
    inserted = "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins></w:p>"
    deleted = "<w:p><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>"
    control = f"<w:sdt><w:sdtContent>{paragraph('controlled')}</w:sdtContent></w:sdt>"
    assert texts_of(docx(inserted + deleted + control), "a.docx") == "inserted\n\ncontrolled"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_format_keeps_the_text_of_every_language(language: str) -> None:
    text = LANGUAGES[language]
    page = f"<html><head><meta charset=utf-8></head><body><p>{text}</p></body></html>"

    assert texts_of(docx(paragraph(text)), "a.docx") == text
    assert texts_of(page.encode(), "a.html") == text
    assert texts_of(f"# T\n\n{text}\n".encode(), "a.md") == f"# T\n\n{text}"
    assert texts_of(text.encode(), "a.txt") == text


def test_hostile_word_documents_get_a_sentence() -> None:
    entities = "".join(
        f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "ha"}">' for n in range(9)
    )
    laughs = docx(paragraph("x"), f'<?xml version="1.0"?><!DOCTYPE w [{entities}]>')
    outside = docx(paragraph("x"), '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    for hostile in (laughs, outside):
        assert "declares XML entities" in refusal(FileDamaged, hostile, "a.docx")
    assert "unpacks to more" in refusal(FileTooLarge, docx("<w:p/>" * 9_000_000), "bomb.docx")
    deep = docx("<w:tbl><w:tr><w:tc>" * 9_000 + paragraph("x") + "</w:tc></w:tr></w:tbl>" * 9_000)
    assert "nested too deeply" in refusal(FileRefused, deep, "deep.docx")
    assert "damaged" in refusal(FileDamaged, docx(paragraph("x"))[:-40], "cut.docx")
    assert "damaged" in refusal(FileDamaged, docx("<w:p>"), "open.docx")


# --- HTML -------------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html><html><head><title>Lamps – ACME</title><style>p{}</style></head><body>
<div class="cookie-consent">We use cookies. <a href=#>Fine</a></div>
<header><nav><ul><li><a href=/>Home</a><li><a href=/shop>Shop</a></ul></nav></header>
<div id="sidebar"><ul><li><a href=a>Lamps</a><li><a href=b>Bulbs</a></ul></div>
<div class="text"><h2>Reset<a class="headerlink" href="#reset">¶</a></h2>
<p>Hold the <b>button</b> for
   5 seconds, <i>then</i> wait.<br>It blinks.</p>
<ol><li>Open<ul><li>the lid</li></ul></li><li>Close</li></ol>
<pre><code class="language-python">def f():
    return 1   # one
</code></pre>
<table><tr><th>Part<th>Price<tr><td rowspan=2>Bulb<td>1 €<tr><td>2 €</table>
<p>See <a href="x">the other manual</a> too.</p></div>
<script>var secret = 1;</script>
<footer>© ACME <a href="/imprint">Imprint</a></footer></body></html>"""


def test_a_page_is_read_without_its_navigation() -> None:
    assert texts_of(PAGE.encode(), "a.html") == "\n\n".join(
        [
            "# Lamps – ACME",
            "## Reset",
            "Hold the button for 5 seconds, then wait.\nIt blinks.",
            "1. Open\n   - the lid\n2. Close",
            "```python\ndef f():\n    return 1   # one\n```",
            "| Part | Price |\n| --- | --- |\n| Bulb | 1 € |\n| Bulb | 2 € |",
            "See the other manual too.",
        ]
    )


def test_a_page_that_is_all_links_is_kept() -> None:
    page = (
        "<nav><ul>" + "".join(f"<li><a href={n}>Manual {n}</a>" for n in range(9)) + "</ul></nav>"
    )

    assert "- Manual 8" in texts_of(page.encode(), "index.html")


def test_the_part_that_a_page_marks_as_its_contents_is_all_that_counts() -> None:
    page = f"<div>Our offers of the week</div><main><p>{'Text. ' * 20}</p></main>"

    assert "offers" not in texts_of(page.encode(), "a.html")


@pytest.mark.parametrize("charset", ["shift_jis", "windows-1251", "utf-16"])
def test_a_page_names_its_own_encoding(charset: str) -> None:
    text = "Насос" if charset == "windows-1251" else "本章"
    page = f'<html><meta charset="{charset}"><p>{text}</p></html>'

    assert texts_of(page.encode(charset), "a.html") == text


def test_pages_that_mean_harm_end_within_bounds() -> None:
    deep = "<div>" * 100_000 + "deep"
    with pytest.raises(FileRefused, match=r"nested too deeply|no text"):
        rows_of(deep.encode(), "deep.html")
    outside = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x; root</p>'
    assert "/bin" not in texts_of(outside.encode(), "a.html")


# --- Markdown and plain text ------------------------------------------------------------------


def test_markdown_stays_as_it_is_and_its_code_whole() -> None:
    code = "```python\ndef f():\n    # no heading\n    return 1\n\n\n\nx = 2\n```"
    text = f"---\ntitle: T\n---\n# A\n\nOne  two.\n\n{code}\n\n- a\n    - b\n\nB\n---\n\n[l]: http://x\n"
    found = rows_of(text.encode(), "a.md")

    assert found[0][0].startswith("---\ntitle: T\n---\n\n# A\n\nOne two.")
    assert code in found[0][0]
    assert "- a\n    - b\n\n## B\n\n[l]: http://x" in found[0][0]
    headings = [
        known.get("heading") for _, known in rows_of(text.encode(), "a.md", separator="\n\n")
    ]
    assert headings[-1] == "A > B"
    assert "no heading" not in headings


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("content\tanswer\na\tb\n", FileFormat.TSV),
        ("content\none\ntwo\n", FileFormat.CSV),
        ("a;b\n1;2\n", FileFormat.CSV),
        ("x,y\n1,2\n3,4\n", FileFormat.CSV),
        ('{"content": "a"}\n', FileFormat.JSONL),
        ("Dear reader, this is prose.\n\nIt has commas, too, as prose has.\n", FileFormat.TXT),
        ("One line", FileFormat.TXT),
    ],
)
def test_a_text_file_is_a_table_or_a_text(text: str, kind: FileFormat) -> None:
    assert sheet_of(text.encode(), "a.txt").details.format == kind
    assert sheet_of(text.encode(), "a.txt", read_as="text").details.format == FileFormat.TXT


def test_a_large_text_is_read_in_parts() -> None:
    text = "\n\n".join(f"Paragraph {number} of many." for number in range(12_000))
    found = texts_of(text.encode(), "a.txt", chunk_overlap=0)

    assert found == text


def test_options_of_tables_are_refused_by_name() -> None:
    with pytest.raises(OptionRefused, match=r"map: a\.pdf is PDF, which has no columns"):
        sheet_of(pdf([["x"]]), "a.pdf", map=["content=x"])
    with pytest.raises(HeaderRefused, match="becomes passages"):
        columns_in(sheet_of(pdf([["x"]]), "a.pdf"), DocForm.QA, ImportOptions())


# --- the process that converts ----------------------------------------------------------------


def test_a_conversion_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "WALL_SECONDS", 0.05)

    assert "takes too long" in refusal(FileTooSlow, manual(2000), "slow.pdf")


def test_a_converter_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMILL_SECRET", "x")
    seen: list[dict[str, str]] = []
    started = subprocess.Popen

    def watched(*args: Any, **keywords: Any) -> Any:
        seen.append(keywords["env"])
        return started(*args, **keywords)

    monkeypatch.setattr(subprocess, "Popen", watched)
    rows_of(pdf([["x"]]), "a.pdf")

    assert [sorted(environment) for environment in seen] == [
        ["PYTHONDONTWRITEBYTECODE", "PYTHONPATH"]
    ]


def children() -> set[int]:
    """The processes that this one has started, and that have not ended or not been waited for."""
    listing = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,comm="], check=True, capture_output=True, text=True
    )
    lines = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    return {int(pid) for pid, parent, name in lines if int(parent) == os.getpid() and name != "ps"}


def test_a_reader_that_stops_leaves_no_process() -> None:
    before = children()
    sheet = sheet_of(manual(300), "a.pdf")
    next(sheet.rows)
    assert children() > before

    sheet.rows.close()

    assert children() <= before


def test_500_pages_take_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    assert len(rows_of(manual(500), "a.pdf")) >= 50
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(before, 200 * 1024) + 1


# --- cutting ----------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
TEXTS = st.lists(WORDS, min_size=1, max_size=40).map(" ".join).filter(str.strip)
BLOCKS = st.lists(
    st.builds(
        Block, TEXTS, level=st.integers(0, 6), is_verbatim=st.booleans(), page=st.integers(0, 9)
    ),
    max_size=12,
)
RULES = st.builds(
    SplitRule,
    max_tokens=st.integers(30, 120),
    overlap=st.integers(0, 25),
    remove_extra_spaces=st.booleans(),
)


def squeezed(text: str) -> str:
    return "".join(text.split())


@settings(deadline=None, max_examples=60)
@given(BLOCKS, RULES)
def test_pieces_are_within_the_limit_and_lose_nothing(blocks: list[Block], rule: SplitRule) -> None:
    found = [piece.text for piece in pieces(blocks, rule, MEASURE)]

    assert all(count_tokens(text) <= rule.max_tokens for text in found)
    left = squeezed("".join(block.text for block in blocks))
    for text in map(squeezed, found):
        # What a piece repeats stands at the end of what came before; the rest goes on from there.
        new = next(
            text[cut:] for cut in range(len(text) + 1) if left.startswith(text[cut:]) and text[cut:]
        )
        left = left[len(new) :]
    assert not left


@settings(deadline=None, max_examples=60)
@given(BLOCKS, RULES)
def test_without_overlap_nothing_is_said_twice(blocks: list[Block], rule: SplitRule) -> None:
    once = SplitRule(max_tokens=rule.max_tokens, overlap=0)
    found = "".join(piece.text for piece in pieces(blocks, once, MEASURE))

    assert squeezed(found) == squeezed("".join(block.text for block in blocks))


def test_a_model_that_takes_less_has_the_last_word() -> None:
    rule = SplitRule(max_tokens=500, overlap=100)
    found = list(pieces([Block("word " * 500)], rule, Measure(count_tokens, 50)))

    assert len(found) > 10
    assert all(count_tokens(piece.text) <= 50 for piece in found)


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=300))
def test_any_text_is_markdown_and_none_of_it_is_lost(text: str) -> None:
    clean = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")

    found = "".join(block.text for block in blocks_of(clean))

    kept = squeezed(found).replace("#", "")
    assert all(letter in kept for letter in squeezed(clean) if letter.isalnum())


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=300))
def test_any_text_is_html(text: str) -> None:
    assert all(block.text.strip() for block in blocks_of_html(text, is_page=True))


def test_a_heading_stays_with_what_follows_it() -> None:
    sections = [
        [Block(f"## Section {number}", 2), Block("It says a little more. " * 12)]
        for number in range(20)
    ]
    blocks = list(itertools.chain.from_iterable(sections))

    for piece in pieces(blocks, SplitRule(max_tokens=150), MEASURE):
        assert not piece.text.splitlines()[-1].startswith("#")
        assert piece.text.startswith("## Section")
