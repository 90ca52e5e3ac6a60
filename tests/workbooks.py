"""Workbooks as tests need them: well-formed or not, written part by part."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from segments.files.types import column_letters

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
)
Cell = str | int | float | bool | tuple[str, str] | None
"""A text, a number, a truth; or the attributes and the inner XML of a cell."""


def cell_xml(reference: str, cell: Cell) -> str:
    """One cell; nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, tuple):
        return f'<c r="{reference}" {cell[0]}>{cell[1]}</c>'
    if isinstance(cell, bool):
        return f'<c r="{reference}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, str):
        return f'<c r="{reference}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    return f'<c r="{reference}"><v>{cell}</v></c>'


def sheet_xml(rows: Sequence[Sequence[Cell]], after: str = "") -> str:
    """A sheet; `after` stands behind its rows."""
    body = "".join(
        f'<row r="{number}">'
        + "".join(
            cell_xml(f"{column_letters(place)}{number}", cell) for place, cell in enumerate(row)
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    return f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData>{after}</worksheet>'


def styles_xml(codes: Sequence[str]) -> str:
    """Cell styles 0, 1, … with these number formats."""
    formats = "".join(
        f'<numFmt numFmtId="{200 + number}" formatCode={quoteattr(code)}/>'
        for number, code in enumerate(codes)
    )
    styles = "".join(f'<xf numFmtId="{200 + number}"/>' for number in range(len(codes)))
    both = f"<numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs>"
    return f'<styleSheet xmlns="{MAIN}">{both}</styleSheet>'


def parts_of(
    sheets: Mapping[str, str],
    *,
    hidden: Sequence[str] = (),
    properties: str = "",
    styles: str = "",
    strings: str = "",
) -> dict[str, str]:
    """The parts of a workbook with these sheets (name → XML)."""
    entries = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"'
        + (' state="hidden"' if name in hidden else "")
        + "/>"
        for number, name in enumerate(sheets, 1)
    )
    targets = {f"worksheets/sheet{number}.xml": "worksheet" for number in range(1, len(sheets) + 1)}
    targets |= {"styles.xml": "styles"} if styles else {}
    targets |= {"sharedStrings.xml": "sharedStrings"} if strings else {}
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (target, kind) in enumerate(targets.items(), 1)
    )
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{properties}'
        f"<sheets>{entries}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">{relations}'
        "</Relationships>",
    }
    for number, xml in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = xml
    if styles:
        parts["xl/styles.xml"] = styles
    if strings:
        parts["xl/sharedStrings.xml"] = strings
    return parts


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """The parts as one archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name)  # of 1980: the same parts make the same archive
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return file.getvalue()


def workbook(
    rows: Sequence[Sequence[Cell]],
    *,
    after: str = "",
    styles: str = "",
    strings: str = "",
    properties: str = "",
) -> bytes:
    """A workbook of one sheet."""
    sheets = {"Sheet1": sheet_xml(rows, after)}
    return packed(parts_of(sheets, styles=styles, strings=strings, properties=properties))
