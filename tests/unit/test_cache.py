"""The cache in files: shared by all processes, whole or not there, and closed to other users."""

import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache.backends.filebased import FileBasedCache

from config.queue import CACHE_ENTRIES, cache_from

ANOTHER_PROCESS = """
import sys
from django.conf import settings
settings.configure()
from django.core.cache.backends.filebased import FileBasedCache
cache = FileBasedCache(sys.argv[1], {})
cache.set("answer", [cache.get("question"), {"b": [1.5, None]}], 60)
"""


@pytest.fixture
def cache(tmp_path: Path) -> FileBasedCache:
    """The cache of a home, as the settings have it."""
    entry = cache_from("", tmp_path)
    assert entry["BACKEND"] == "django.core.cache.backends.filebased.FileBasedCache"
    return FileBasedCache(str(entry["LOCATION"]), entry)


def test_what_one_process_puts_in_another_takes_out(cache: FileBasedCache, tmp_path: Path) -> None:
    cache.set("question", "é\n")
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(tmp_path / "cache")]
    subprocess.run(command, check=True)

    assert cache.get("answer") == ["é\n", {"b": [1.5, None]}]


def test_only_its_own_user_can_enter(cache: FileBasedCache, tmp_path: Path) -> None:
    cache.set("key", "x")
    folder = tmp_path / "cache"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_writer_that_fails_half_way_leaves_what_was_there(
    cache: FileBasedCache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache.set("key", "before")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        cache.set("key", lambda: None)

    assert cache.get("key") == "before"
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_values_end_and_the_cache_never_grows_beyond_its_bound(tmp_path: Path) -> None:
    cache = FileBasedCache(str(tmp_path), {"OPTIONS": {"MAX_ENTRIES": 30}})
    cache.set("ended", "x", timeout=-1)
    assert "ended" not in cache
    for number in range(100):
        cache.set(str(number), number)

    assert len(list(tmp_path.iterdir())) <= 30
    assert cache_from("", tmp_path)["OPTIONS"] == {"MAX_ENTRIES": CACHE_ENTRIES}


def test_redis_which_others_may_reach_hands_back_json(tmp_path: Path) -> None:
    redis = cache_from("redis://cache/1", tmp_path)

    assert redis["OPTIONS"]["SERIALIZER"] == "django_redis.serializers.json.JSONSerializer"
