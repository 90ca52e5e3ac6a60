"""Template: the text of a row, written from several of its columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from segments.exceptions import OptionRefused
from segments.files.names import folded

PLACE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")
LINE_ENDS = re.compile(r"\r\n|\r|\\n|\n")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a template: texts, and places of columns between them."""

    pieces: tuple[str | int, ...]

    def fill(self, cells: Sequence[str]) -> str:
        """The line with the cells in it; empty if it has places and all their cells are empty."""
        places = [piece for piece in self.pieces if isinstance(piece, int)]
        if places and not any(cells[place].strip() for place in places):
            return ""
        return "".join(
            cells[piece].strip() if isinstance(piece, int) else piece for piece in self.pieces
        )


@dataclass(frozen=True, slots=True)
class Template:
    """Lines of a text; one whose cells are all empty is left out."""

    lines: tuple[Line, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """The columns that it uses, each once, in their order in the template."""
        pieces = (piece for line in self.lines for piece in line.pieces)
        return tuple(dict.fromkeys(piece for piece in pieces if isinstance(piece, int)))

    def fill(self, cells: Sequence[str]) -> str:
        """The text of a row; empty if all cells that are used are empty."""
        if not any(cells[place].strip() for place in self.places):
            return ""
        return "\n".join(text for line in self.lines if (text := line.fill(cells)))


def joined(places: Sequence[int]) -> Template:
    """Several columns as one text, each on lines of its own."""
    return Template(tuple(Line((place,)) for place in places))


def named(header: Sequence[str], places: Sequence[int]) -> Template:
    """Several columns as one text of lines “name: value”."""
    return Template(tuple(Line((f"{header[place].strip()}: ", place)) for place in places))


def template_text(header: Sequence[str], template: Template) -> str:
    """The template as people write it."""
    return "\n".join(
        "".join(
            f"{{{header[piece]}}}" if isinstance(piece, int) else _escaped(piece)
            for piece in line.pieces
        )
        for line in template.lines
    )


def parsed(text: str, header: Sequence[str]) -> Template:
    """The template `text`, in which {Name} stands for the column of that name.

    Raises:
        OptionRefused: a column does not exist, none is named, or a brace is left open.
    """
    places = {folded(name): place for place, name in enumerate(header)}
    lines = [_line(line, header, places) for line in LINE_ENDS.split(text) if line.strip()]
    template = Template(tuple(lines))
    if not template.places:
        raise OptionRefused("template", "it names no column.", "Write {Name} for a column.")
    return template


def _line(text: str, header: Sequence[str], places: dict[str, int]) -> Line:
    pieces: list[str | int] = []
    end = 0
    for match in PLACE.finditer(text):
        pieces.append(text[end : match.start()])
        pieces.append(_piece(match, header, places))
        end = match.end()
    pieces.append(text[end:])
    return Line(tuple(piece for piece in pieces if piece != ""))


def _piece(match: re.Match[str], header: Sequence[str], places: dict[str, int]) -> str | int:
    if match[0] in ("{{", "}}"):
        return match[0][0]
    name = match[1]
    if name is None:
        raise OptionRefused(
            "template", f"a {match[0]} stands alone.", "Write {Name} for a column, {{ for a brace."
        )
    if folded(name) not in places:
        nearest = get_close_matches(name, header, n=1)
        hint = f"Did you mean {{{nearest[0]}}}?" if nearest else "Use the names in the header."
        raise OptionRefused("template", f"the column “{name}” does not exist.", hint)
    return places[folded(name)]


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
