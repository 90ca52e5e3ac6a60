"""DOCX ─► blocks, by way of HTML.

mammoth, because it alone of the well-kept readers follows what Word writes around paragraphs:
insertions of tracked changes, content controls, text boxes, footnotes. python-docx leaves all of
that out of a paragraph's text, docx2python knows no headings. Pictures are left out.
"""

import io
import re
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile, ZipInfo

import mammoth

from segments.files.documents.blocks import Blocks, Unreadable
from segments.files.documents.html import blocks_of_html

# A chapter of text takes some 2 MB of XML, and XML takes some 15 times as much when parsed.
MAX_XML_BYTES = 48 * 1024 * 1024
MAX_RATIO = 200
FREE_BYTES = 1024 * 1024
DAMAGED = (
    "{name} is a damaged Word document (%s). Open it in Word or LibreOffice and save it as DOCX "
    "again."
)
DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
LONGEST_PROLOG = 64 * 1024
STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Heading 7'] => h6:fresh
p[style-name='Heading 8'] => h6:fresh
p[style-name='Heading 9'] => h6:fresh
"""


def blocks(source: BinaryIO, encoding: str) -> Blocks:
    """The blocks of a Word document, headings as Word's styles mark them."""
    try:
        _refuse_hostile(source)
        source.seek(0)
        unnamed = io.FileIO(source.fileno(), closefd=False)
        unnamed.name = None  # mammoth would look for other files by it
        buffered = io.BufferedReader(unnamed)
        found = mammoth.convert_to_html(buffered, style_map=STYLES, convert_image=_no_picture)
    except (BadZipFile, EOFError, NotImplementedError, OSError) as broken:
        raise Unreadable("file_damaged", DAMAGED % broken) from broken
    except (ExpatError, KeyError, ValueError, AttributeError, TypeError, IndexError) as broken:
        raise Unreadable("file_damaged", DAMAGED % type(broken).__name__) from broken
    yield from blocks_of_html(f"<html><body>{found.value}</body></html>", is_page=False)


def _no_picture(image: Any) -> list[Any]:
    return []


def _refuse_hostile(source: BinaryIO) -> None:
    """Refuse an archive that unpacks to far more than a text, or declares entities.

    Raises:
        Unreadable: it says which.
    """
    with ZipFile(source) as package:
        parts = [part for part in package.infolist() if part.filename.endswith((".xml", ".rels"))]
        if any(part.flag_bits & 1 for part in parts):
            raise Unreadable(
                "file_protected", "{name} is protected by a password. Save it without one."
            )
        if sum(part.file_size for part in parts) > MAX_XML_BYTES or any(map(_is_bomb, parts)):
            raise Unreadable(
                "file_too_large",
                f"{{name}} unpacks to more than {MAX_XML_BYTES // 1024**2} MB of text, or over "
                f"{MAX_RATIO} times its size, as only malicious files do. Split it.",
            )
        for part in parts:
            with package.open(part) as content:
                if DOCTYPE.search(content.read(LONGEST_PROLOG)):
                    raise Unreadable("file_damaged", DAMAGED % "it declares XML entities")


def _is_bomb(part: ZipInfo) -> bool:
    return part.file_size > max(FREE_BYTES, MAX_RATIO * max(part.compress_size, 1))
