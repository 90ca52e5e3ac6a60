"""Documents for tests, written from nothing: PDF, DOCX, and pages of the web."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

SIZES = {"#": 24, "##": 18}
BODY_SIZE, LEADING, TOP, LEFT = 11, 15, 760, 60
# A predefined character map and font that every reader knows without having it (PDF 1.7, 9.7.5).
CHINESE = (
    "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts["
    "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo"
    "<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/DW 1000>>]>>"
)
LATIN = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def pdf(pages: Iterable[Sequence[str]], trailer: str = "") -> bytes:
    """A PDF with these lines on its pages; `# ` and `## ` before a line make it larger.

    A blank line leaves a gap. Lines with characters beyond Latin are set in a Chinese font.
    """
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", LATIN, CHINESE]
    kids: list[str] = []
    for lines in pages:
        kids.append(f"{len(objects) + 1} 0 R")
        content = _page(lines)
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {len(objects) + 2} 0 R"
            "/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>>>"
        )
        objects.append(f"<</Length {len(content)}>>\nstream\n{content}\nendstream")
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>"
    return _file(objects, trailer)


def _page(lines: Sequence[str]) -> str:
    drawn: list[str] = []
    height = TOP
    for line in lines:
        mark, _, rest = line.partition(" ")
        size = SIZES.get(mark, BODY_SIZE)
        text = rest if mark in SIZES else line
        height -= max(LEADING, size + 6)
        if text:
            drawn.append(f"BT {_font(text)} {size} Tf {LEFT} {height} Td {_string(text)} Tj ET")
    return "\n".join(drawn)


def _font(text: str) -> str:
    return "/F1" if _is_latin(text) else "/F2"


def _is_latin(text: str) -> bool:
    return text.encode("cp1252", "ignore").decode("cp1252") == text


def _string(text: str) -> str:
    return f"<{text.encode('cp1252' if _is_latin(text) else 'utf-16-be').hex()}>"


def _file(objects: Sequence[str], trailer: str) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1"))
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.write(b"".join(f"{place:010} 00000 n \n".encode() for place in places))
    size = len(objects) + 1
    out.write(f"trailer <</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF".encode())
    return out.getvalue()


NAMESPACES = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = """<?xml version="1.0"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml" ContentType=
"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>
</Types>"""
RELATIONS = """<?xml version="1.0"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Type=
"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
Target="word/document.xml"/></Relationships>"""
STYLES = f"""<?xml version="1.0"?><w:styles {NAMESPACES}>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
</w:styles>"""
STYLE_RELATIONS = """<?xml version="1.0"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="s1" Type=
"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"
Target="styles.xml"/></Relationships>"""


def paragraph(text: str, level: int = 0) -> str:
    """A paragraph of Word, or a heading as a German Word names its style."""
    style = f'<w:pPr><w:pStyle w:val="berschrift{level}"/></w:pPr>' if level else ""
    return f'<w:p>{style}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def table(rows: Iterable[Sequence[str]]) -> str:
    """A table of Word."""
    lines = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{line}</w:tr>' for line in lines)}</w:tbl>"


def docx(body: str, prolog: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    """A Word document with this XML in its body."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", TYPES)
        package.writestr("_rels/.rels", RELATIONS)
        package.writestr("word/styles.xml", STYLES)
        package.writestr("word/_rels/document.xml.rels", STYLE_RELATIONS)
        document = f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>"
        package.writestr("word/document.xml", prolog + document)
    return out.getvalue()
