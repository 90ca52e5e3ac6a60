"""The text search configuration of a dataset: known to the server, or refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from datasets.exceptions import TextSearchConfigNotFound
from datasets.models import Dataset
from datasets.text_search import checked_text_search_config, known_text_search_configs

pytestmark = pytest.mark.django_db(transaction=True)
WriteFile = Callable[..., Path]


@pytest.mark.parametrize("name", ["simple", "english", "german", "arabic"])
def test_configurations_of_the_server_are_taken(name: str) -> None:
    assert checked_text_search_config(name) == name


def test_an_unknown_one_is_refused_with_near_and_known_names() -> None:
    with pytest.raises(TextSearchConfigNotFound) as refusal:
        checked_text_search_config("germn")

    assert "Did you mean “german”" in str(refusal.value)
    assert "simple, english" in str(refusal.value)


@pytest.mark.parametrize("name", ["", "English", "pg_catalog.english", "english'; --", "\x00"])
def test_only_the_name_itself_will_do(name: str) -> None:
    with pytest.raises(TextSearchConfigNotFound):
        checked_text_search_config(name)


def test_every_known_name_casts_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute('CREATE TEXT SEARCH CONFIGURATION "Own One" (COPY = simple)')
        try:
            known = known_text_search_configs()
            cursor.execute(
                "SELECT count(*) FROM unnest(%s) name WHERE name::regconfig > 0", [known]
            )
            assert cursor.fetchone() == (len(known),)
            assert '"Own One"' in known
        finally:
            cursor.execute('DROP TEXT SEARCH CONFIGURATION "Own One"')


def import_german(path: Path, config: str, **options: bool) -> None:
    call_command(
        "import_segments", str(path), dataset="buch", document="eins", tenant="acme",
        text_search_config=config, indexing_technique="economy", **options,
    )  # fmt: skip


def test_the_command_makes_a_dataset_of_the_wanted_configuration(write_file: WriteFile) -> None:
    path = write_file("content\nDie Häuser\n")

    import_german(path, "german", create=True)

    assert Dataset.objects.get(name="buch").text_search_config == "german"
    with pytest.raises(CommandError, match="has the text search configuration german, not simple"):
        import_german(path, "simple")


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_command_refuses_an_unknown_one_and_makes_nothing(
    write_file: WriteFile, dry_run: bool
) -> None:
    with pytest.raises(CommandError, match="Did you mean “german”"):
        import_german(write_file("content\nx\n"), "germn", create=True, dry_run=dry_run)

    assert not Dataset.objects.exists()
