"""Text search configurations: the languages in which the PostgreSQL server stems words."""

from django.db import connection

from datasets.exceptions import TextSearchConfigNotFound

# As PostgreSQL spells them in a statement, so that each casts back to `regconfig`.
KNOWN = "SELECT oid::regconfig::text AS name FROM pg_ts_config ORDER BY name"
# Examples for the error message; a server may have many more.
NAMES_SHOWN = ("simple", "english", "german", "french", "spanish", "russian", "arabic")


def known_text_search_configs() -> list[str]:
    """Every configuration of the server that holds the data, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN)
        return [name for (name,) in cursor.fetchall()]


def checked_text_search_config(name: str) -> str:
    """`name`, if the server has a text search configuration with that name.

    Raises:
        TextSearchConfigNotFound: with similar names and some examples.
    """
    known = known_text_search_configs()
    if name not in known:
        shown = [usual for usual in NAMES_SHOWN if usual in known]
        raise TextSearchConfigNotFound(
            name,
            known,
            f"The server has, for example: {', '.join(shown)}. "
            "Use “simple” for a language that has none.",
        )
    return name
