"""HTML ─► blocks: what the page says, without its navigation.

lxml (libxml2) parses, because it reads broken pages as browsers do, in C, and from any encoding.
What is left out is decided here: the extractors for the web (trafilatura, readability) are made
for articles, and drop tables, code and short sections of manuals, which are knowledge too. Out
go what HTML marks as navigation, header, footer, form or hidden, and blocks of mostly links.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from lxml import etree, html

from segments.files.documents.blocks import Block, Blocks, Unreadable, heading


def words(listed: str) -> frozenset[str]:
    """Names that are listed in a text."""
    return frozenset(listed.split())


NEVER_TEXT = words("""
    script style noscript template svg math iframe object embed canvas audio video head map
    select option button input textarea label meter progress dialog menu
""")
NAVIGATION = frozenset({"nav", "footer", "search"})
# These belong to the page if they stand beside its text, and to the text if they stand in it.
NAVIGATION_OUTSIDE = frozenset({"header", "aside", "form"})
CONTENTS = frozenset({"main", "article"})
NAVIGATION_ROLES = words("""
    navigation banner contentinfo search complementary menu menubar toolbar dialog alertdialog
    tablist
""")
NAVIGATION_NAMES = re.compile(
    r"(?:^|[-_ ])(?:nav\w*|menu\w*|breadcrumbs?|sidebar\w*|footer|cookies?|consent|skip\w*|share|"
    r"sharing|social\w*|pagination|pager|related|adverts?|ads|sponsor\w*|newsletter|toc|"
    r"edit-?section)(?:$|[-_ ])",
    re.IGNORECASE,
)
ALWAYS_OUT = re.compile(r"(?:^|[-_ ])(?:cookies?|consent|skip-?\w*|headerlink)(?:$|[-_ ])", re.I)
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
BLOCKS = words("""
    address article aside blockquote body center dd details div dl dt fieldset figcaption
    figure footer form header hgroup hr html legend li main nav ol p section summary table
    tbody td tfoot th thead tr ul caption h1 h2 h3 h4 h5 h6 pre
""")
HEADINGS = {f"h{level}": level for level in range(1, 7)}
# A part of the page is navigation if so much of its text is links, and there are some.
LINK_SHARE, NAMED_LINK_SHARE, FEWEST_LINKS = 0.75, 0.4, 4
LONGEST_MENU_ENTRY = 40
MENUS = frozenset({"ul", "ol", "table", "div", "section"})
# What has more paragraphs than this is text, whatever it is called.
MOST_PARAGRAPHS = 8
MAX_SPAN = 100
# The page's main part is all that counts if it has so much of the text.
MAIN_SHARE = 0.25
CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
CHARSET_BYTES = 4096
AROUND_BREAKS, BLANKS = re.compile(r" *\n *"), re.compile(r" +")
LANGUAGE = re.compile(r"\b(?:language|lang|highlight-source|brush:)[-\s]*([\w+#-]+)")
ANCHOR_MARKS = "¶#§🔗 "
SPACES = re.compile(r"\s+")
TOO_DEEP = "{name} is nested too deeply to be converted. Save its text as plain text."


def blocks(source: BinaryIO, encoding: str) -> Blocks:
    """The blocks of a page; `encoding` is that of the file, where the page does not name its own.

    Its title becomes the first heading if the page has none of the first level.
    """
    yield from blocks_of_html(_decoded(source.read(), encoding), is_page=True)


def _decoded(content: bytes, encoding: str) -> str:
    """The page as text: by its mark, as UTF-8, as it says itself, or as was guessed."""
    named = CHARSET.search(content[:CHARSET_BYTES])
    for codec in ("utf-8-sig", named[1].decode() if named else "", encoding):
        try:
            if codec and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
                return content.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    return content.decode(encoding or "utf-16", errors="replace")


def blocks_of_html(text: str, *, is_page: bool) -> Iterator[Block]:
    """The blocks of HTML; nothing is navigation unless it is a page of the web.

    Raises:
        Unreadable: it is nested deeper than any page.
    """
    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    content = text.replace("\0", "").encode(errors="replace")
    root = html.document_fromstring(content.strip() or b"<p></p>", parser=parser)
    if any("depth" in str(error.message).lower() for error in parser.error_log):
        raise Unreadable("file_damaged", TOO_DEEP)
    title = SPACES.sub(" ", root.findtext(".//title") or "").strip()
    body = root if root.find("body") is None else root.find("body")
    for element in list(body.iter(*NEVER_TEXT)):
        _drop(element)
    if is_page:
        body = _without_navigation(body)
    found = list(_Walk().blocks(body))
    if is_page and title and found and not any(block.level == 1 for block in found):
        yield heading(1, title)
    yield from found


def _drop(element: Any) -> None:
    """Remove an element and leave the text after it."""
    if element.getparent() is not None:
        element.drop_tree()


# --- navigation -------------------------------------------------------------------------------


def _without_navigation(body: Any) -> Any:
    """What is left of the page: all of it, if nothing would be."""
    removed = {element for element in body.iter(etree.Element) if _is_navigation(element)}
    outermost = [element for element in removed if removed.isdisjoint(element.iterancestors())]
    if sum(map(_chars, outermost)) >= _chars(body):
        return body
    for element in outermost:
        _drop(element)
    return _main_part(body)


def _is_navigation(element: Any) -> bool:
    tag = element.tag
    if tag in ("body", "html", *CONTENTS):
        return False
    if tag in NAVIGATION or _is_hidden(element):
        return True
    if tag in NAVIGATION_OUTSIDE or _role(element) in NAVIGATION_ROLES:
        return not _is_in_contents(element) and not _holds_contents(element)
    return tag in BLOCKS and _is_of_links(element)


def _role(element: Any) -> str:
    return (element.get("role") or "").strip().lower()


def _is_hidden(element: Any) -> bool:
    return (
        element.get("hidden") is not None
        or (element.get("aria-hidden") or "").lower() == "true"
        or bool(HIDDEN_STYLE.search(element.get("style") or ""))
        or bool(ALWAYS_OUT.search(_names(element)) and not _holds_contents(element))
    )


def _names(element: Any) -> str:
    return f"{element.get('class') or ''} {element.get('id') or ''}"


def _is_in_contents(element: Any) -> bool:
    return any(
        ancestor.tag in CONTENTS or _role(ancestor) == "main"
        for ancestor in element.iterancestors()
    )


def _holds_contents(element: Any) -> bool:
    """Whether the text itself is inside: some pages are one form from top to bottom."""
    return element.find(".//main") is not None or len(element.findall(".//p")) > MOST_PARAGRAPHS


def _is_of_links(element: Any) -> bool:
    """Whether a part is a menu: by its name and many links, or by nothing but short links."""
    is_named = bool(NAVIGATION_NAMES.search(_names(element)))
    if not is_named and (element.tag not in MENUS or _is_in_contents(element)):
        return False
    links = element.findall(".//a")
    if len(links) < (1 if is_named else FEWEST_LINKS):
        return False
    chars, linked = _chars(element), sum(map(_chars, links))
    if is_named:
        return linked >= NAMED_LINK_SHARE * chars
    return linked <= LONGEST_MENU_ENTRY * len(links) and linked >= LINK_SHARE * chars


def _main_part(body: Any) -> Any:
    """The part that the page marks as its contents, if there is one and it has the text."""
    found = body.xpath(".//main | .//*[@role='main']") or body.xpath(".//article")
    if len(found) == 1 and _chars(found[0]) >= MAIN_SHARE * max(_chars(body), 1):
        return found[0]
    return body


def _chars(element: Any) -> int:
    return sum(len(text.strip()) for text in element.itertext())


# --- text -------------------------------------------------------------------------------------


class _Walk:
    """Collects the text of inline elements, and ends a block where an element begins one."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def blocks(self, element: Any) -> Iterator[Block]:
        """The blocks of an element and of what comes in it."""
        yield from self._inside(element)
        yield from self._flushed()

    def _inside(self, element: Any) -> Iterator[Block]:
        self._hold(element.text)
        for child in element:
            yield from self._element(child)
            self._hold(child.tail)

    def _hold(self, text: str | None) -> None:
        self._held.append(SPACES.sub(" ", text or ""))

    def _element(self, element: Any) -> Iterator[Block]:
        tag = element.tag
        if tag == "br":
            self._held.append("\n")
        elif tag == "img":
            self._hold(f" {element.get('alt') or ''} ")
        elif tag not in BLOCKS:
            yield from self._inside(element)
        else:
            yield from self._flushed()
            yield from self._block(element, tag)
            yield from self._flushed()

    def _block(self, element: Any, tag: str) -> Iterator[Block]:
        if tag in HEADINGS:
            if text := _line(element):
                yield heading(HEADINGS[tag], text)
        elif tag == "pre":
            yield from _code(element)
        elif tag in ("ul", "ol"):
            yield from _listed(element)
        elif tag == "table" and (rows := _rows(element)):
            yield from _table(element, rows)
        else:
            yield from self._inside(element)

    def _flushed(self) -> Iterator[Block]:
        text, self._held = "".join(self._held), []
        shown = BLANKS.sub(" ", AROUND_BREAKS.sub("\n", text)).strip()
        if shown:
            yield Block(shown)


def _line(element: Any) -> str:
    """All text of an element in one line, without the mark that links to a heading."""
    return SPACES.sub(" ", "".join(element.itertext())).strip().rstrip(ANCHOR_MARKS).strip()


def _code(element: Any) -> Iterator[Block]:
    text = "".join(element.itertext()).strip("\n").rstrip()
    inner = element.find(".//code")
    marked = LANGUAGE.search(_names(element) + " " + ("" if inner is None else _names(inner)))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    if text.strip():
        yield Block(f"{fence}{marked[1] if marked else ''}\n{text}\n{fence}", is_verbatim=True)


def _listed(element: Any) -> Iterator[Block]:
    """A list as Markdown writes it, lists in it indented."""
    entries: list[str] = []
    for number, entry in enumerate(element.iterchildren(etree.Element), 1):
        text = "\n".join(block.text for block in _Walk().blocks(entry))
        mark = f"{number}. " if element.tag == "ol" else "- "
        if text:
            entries.append(mark + text.replace("\n", "\n" + " " * len(mark)))
    if entries:
        yield Block("\n".join(entries), is_verbatim=True)


def _rows(table: Any) -> list[list[str]]:
    """The cells of a table of data, spans filled; none if it only lays out the page."""
    if table.find(".//table") is not None or table.xpath(".//h1|.//h2|.//h3"):
        return []
    rows: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        rows.append(_cells(row, below))
    width = max(map(len, rows), default=0)
    if width < 2:
        return []
    filled = [row + [""] * (width - len(row)) for row in rows if any(row)]
    return filled if len(filled) > 1 or table.find(".//th") is not None else []


def _cells(row: Any, below: dict[int, tuple[int, str]]) -> list[str]:
    """The cells of a row; `below` has what cells of earlier rows reach down into, by column."""
    cells: list[str] = []

    def reach_down() -> None:
        while (held := below.get(len(cells))) is not None:
            left, text = held
            below.pop(len(cells))
            if left > 1:
                below[len(cells)] = left - 1, text
            cells.append(text)

    for cell in row.iterchildren("td", "th"):
        reach_down()
        text = SPACES.sub(" ", " ".join(block.text for block in _Walk().blocks(cell))).strip()
        down, across = _span(cell, "rowspan"), _span(cell, "colspan")
        for place in range(across):
            if down > 1:
                below[len(cells)] = down - 1, text
            cells.append("" if place else text)
    reach_down()
    return cells


def _span(cell: Any, name: str) -> int:
    word = (cell.get(name) or "").strip()
    return min(max(int(word), 1), MAX_SPAN) if word.isascii() and word.isdecimal() else 1


def _table(element: Any, rows: list[list[str]]) -> Iterator[Block]:
    caption = element.find("caption")
    if caption is not None and (text := _line(caption)):
        yield Block(text)
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * len(rows[0])}")
    yield Block("\n".join(lines), is_verbatim=True)
