"""Files that are not text tables, known by their first bytes; each refusal has a remedy."""

import re
from pathlib import PurePath

from segments.exceptions import FileProtected, FormatUnknown

# A page of the web under such a name was meant to be a table.
TABLES = (".csv", ".tsv", ".tab", ".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".json", ".jsonl")
# Texts that may begin with an element.
DOCUMENTS = (".md", ".markdown", ".mdx", ".txt", ".text")
SAVE_AS = "Save it as XLSX, “CSV UTF-8” or DOCX and import it again."
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# OLE2 files have stream names in UTF-16 in their directory (MS-CFB 2.6).
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
WORKBOOKS = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))

MAGIC = (
    (b"{\\rtf", "an RTF text", "Copy its text into a table, one segment per row."),
    (b"PAR1", "a Parquet file", SAVE_AS),
    (b"ARROW1", "an Arrow file", SAVE_AS),
    (b"SQLite format 3\0", "an SQLite database", "Export the table as CSV and import that."),
    (b"BZh", "compressed with bzip2", "Unpack it, or compress it with gzip."),
    (b"\xfd7zXZ\0", "compressed with xz", "Unpack it, or compress it with gzip."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Unpack it, or compress it with gzip."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it and import the file inside."),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it and import the file inside."),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)", "Segments are text: import a table of texts."),
    (b"\xff\xd8\xff", "a picture (JPEG)", "Segments are text: import a table of texts."),
    (b"GIF8", "a picture (GIF)", "Segments are text: import a table of texts."),
    (b"\x7fELF", "a program", "Import a table of texts."),
    (b"MZ\x90\0", "a program", "Import a table of texts."),
)
HTML = re.compile(rb"(?:<!doctype html|<(?:html|head|body|table|meta|style|script)[\s>])", re.I)
XHTML = re.compile(rb"<html[\s>]", re.IGNORECASE)
PDF, PDF_WITHIN = b"%PDF-", 1024
PROLOG_BYTES = 2048
HTML_SUFFIXES = (".html", ".htm", ".xhtml")
XML = re.compile(rb"<\?xml|<\w+[^<>]*>\s*<")

ZIP_CONTENTS = (
    ("ppt/", "a PowerPoint presentation", "Copy its text into a table, one segment per row."),
    ("META-INF/MANIFEST.MF", "a Java archive", "Import a table of texts."),
)
ZIP_MIMETYPES = {
    b"application/vnd.oasis.opendocument.text": "an OpenDocument text (ODT)",
    b"application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation (ODP)",
    b"application/epub+zip": "an EPUB book",
}


def refuse_foreign(name: str, start: bytes) -> None:
    """Refuse a file named `name` that begins with `start` if it is known not to be a table.

    Raises:
        FormatUnknown: the text says what the file is and what to do instead.
        FileProtected: it is a workbook with a password.
    """
    if start.startswith(OLE2):
        _refuse_ole2(name, start)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, what, remedy in MAGIC:
        if start.startswith(magic):
            raise foreign(name, what, remedy)
    if is_html(name, start) and name.lower().endswith(TABLES):
        raise FormatUnknown(
            f"{PurePath(name).name} is an HTML page, and no table. Is it a web page that was saved "
            "by mistake? If it is the one you want, name it .html."
        )
    if XML.match(text) and not is_html(name, start) and not name.lower().endswith(DOCUMENTS):
        raise foreign(name, "an XML document", SAVE_AS)


def is_html(name: str, start: bytes) -> bool:
    """Whether a file is a page of the web, by its beginning or its name."""
    text = start.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip()
    if name.lower().endswith(HTML_SUFFIXES):
        return text.startswith((b"<", b"\xff\xfe<", b"\xfe\xff<")) or b"</" in text
    return bool(HTML.match(text) or (XHTML.search(text[:PROLOG_BYTES]) and text.startswith(b"<")))


def is_pdf(start: bytes) -> bool:
    """Whether a file is a PDF; some begin with a line of a mail or a proxy."""
    return PDF in start[:PDF_WITHIN]


def foreign(name: str, what: str, remedy: str) -> FormatUnknown:
    """The refusal of a file that is `what`."""
    return FormatUnknown(f"{PurePath(name).name} is {what}, which Segmill cannot read. {remedy}")


def _refuse_ole2(name: str, start: bytes) -> None:
    """An old Word file, or a new workbook that is encrypted: both are OLE2 (MS-OFFCRYPTO)."""
    shown = PurePath(name).name
    if ENCRYPTED in start or (
        name.lower().endswith((".xlsx", ".xlsm", ".docx")) and not _is_xls(start)
    ):
        raise FileProtected(
            f"{shown} is protected by a password. Save it without one and import it again."
        )
    if not is_xls(name, start):
        raise foreign(name, "an old Office document", SAVE_AS)


def is_xls(name: str, start: bytes) -> bool:
    """Whether a file is an Excel 97–2003 workbook."""
    return start.startswith(OLE2) and (_is_xls(start) or name.lower().endswith(".xls"))


def _is_xls(start: bytes) -> bool:
    return any(stream in start for stream in WORKBOOKS)
