"""Messages name options as their reader sees them: the label on a page, the flag in a command.

Messages are kept as “option sheet”, or begin with “sheet:”, which is the field of the API.
"""

import re
from collections.abc import Mapping

LABELS = {
    "encoding": "Encoding",
    "delimiter": "Delimiter",
    "sheet": "Sheet",
    "map": "Columns",
    "template": "Text from several columns",
    "unknown": "Keep other columns as metadata",
    "header_row": "Row of the header",
    "no_header": "The file has no header",
    "mode": "Existing segments",
    "on_error": "Bad rows",
    "embed": "Embed rows",
    "max_tokens": "Maximum tokens to embed",
    "max_cost": "Maximum cost",
    "read_as": "Read the file as",
    "separator": "Cut wherever this stands",
    "cleaning": "Before cutting",
    "chunk_tokens": "Longest passage, in tokens",
    "chunk_overlap": "Repeated from the passage before, in tokens",
    "parent_mode": "A passage is",
    "child_separator": "Cut passages into parts wherever this stands",
    "child_tokens": "Longest part, in tokens",
}
FLAGS = {name: f"--{name.replace('_', '-')}" for name in LABELS} | {"unknown": "--keep-unknown"}
_NAMED = re.compile(rf"\b(?:the )?option ({'|'.join(LABELS)})\b|^({'|'.join(LABELS)}):")


def for_page(text: str) -> str:
    """The message with the labels of the form."""
    return _reworded(text, {name: f"“{label}”" for name, label in LABELS.items()})


def for_command(text: str) -> str:
    """The message with the flags of the command."""
    return _reworded(text, FLAGS)


def _reworded(text: str, words: Mapping[str, str]) -> str:
    def named(found: re.Match[str]) -> str:
        return words[found[1]] if found[1] else f"{words[found[2]]}:"

    return _NAMED.sub(named, text)
