"""The parts of a segment that columns are for, and the names that mean them."""

from difflib import get_close_matches

from segments.exceptions import OptionRefused

# Besides our own names: the headers of Dify's templates, in English and in Chinese.
ALIASES = {
    "content": ("content", "question", "segment content", "分段内容", "问题"),
    "answer": ("answer", "答案"),
    "keywords": ("keywords", "关键词"),
    "external_id": ("external_id",),
    "enabled": ("enabled",),
    "metadata": ("metadata",),
    "segment_id": ("segment_id",),
    "escaped": ("escaped",),
}
METADATA_PREFIX = "metadata."
PART_OF = {alias: part for part, aliases in ALIASES.items() for alias in aliases}


# Marks that nobody sees; copied tables have them in their headers.
UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def folded(name: str) -> str:
    """A column's name as it is compared."""
    return name.translate(UNSEEN).strip().casefold()


def similar_part(name: str) -> str | None:
    """The part that a column of this name may have been meant for, if it is hardly misspelt."""
    return next(iter(get_close_matches(folded(name), ALIASES, n=1, cutoff=0.8)), None)


def part_named(name: str) -> str | None:
    """The part that a column of this name is, if any."""
    if _is_metadata(name):
        return METADATA_PREFIX + name.strip()[len(METADATA_PREFIX) :]
    return PART_OF.get(folded(name))


def part_meant(given: str) -> str:
    """The part that a mapping means by a name.

    Raises:
        OptionRefused: there is no such part.
    """
    part = part_named(given)
    if part is None:
        nearest = get_close_matches(folded(given), ALIASES, n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else f"There are {', '.join(ALIASES)}."
        raise OptionRefused("map", f"“{given}” is no part of a segment.", hint)
    return part


def _is_metadata(name: str) -> bool:
    low = folded(name)
    return low.startswith(METADATA_PREFIX) and len(low) > len(METADATA_PREFIX)
