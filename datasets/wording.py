"""Numbers with their nouns, as people read them."""

import re


def how_many(count: int, one: str, many: str = "") -> str:
    """The number with the words that agree with it: “1 row”, “1,204 rows”.

    `many` is only needed where the plural is irregular.
    """
    return f"{count:,} {one if count == 1 else many or _plural(one)}"


def _plural(noun: str) -> str:
    return re.sub(r"(?<=[^aeiou])y$", "ie", noun) + "s"
