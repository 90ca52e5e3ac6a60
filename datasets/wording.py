"""Numbers with their nouns, as people read them."""


def how_many(count: int, one: str, many: str = "") -> str:
    """The number with the words that agree with it: “1 row”, “1,204 rows”.

    `many` is only needed where an s at the end of `one` is not enough.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
