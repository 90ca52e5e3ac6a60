"""Text search configurations: which languages the PostgreSQL server can stem words of."""

from django.db import connection

from datasets.exceptions import TextSearchConfigNotFound

# As PostgreSQL spells them in a statement, so that each casts back to `regconfig`.
KNOWN = "SELECT oid::regconfig::text AS name FROM pg_ts_config ORDER BY name"
# Named in a refusal; a server may have many more.
NAMES_SHOWN = ("simple", "english", "german", "french", "spanish", "russian", "arabic")


def known_text_search_configs() -> list[str]:
    """Every configuration of the server that holds the data, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN)
        return [name for (name,) in cursor.fetchall()]


def checked_text_search_config(name: str) -> str:
    """`name`, if the server has a text search configuration of that name.

    Raises:
        TextSearchConfigNotFound: with the nearest names and some known ones.
    """
    known = known_text_search_configs()
    if name not in known:
        shown = [usual for usual in NAMES_SHOWN if usual in known]
        raise TextSearchConfigNotFound(
            name,
            known,
            f"Known ones are, for example: {', '.join(shown)}. "
            "Use “simple” for a language that has none.",
        )
    return name
