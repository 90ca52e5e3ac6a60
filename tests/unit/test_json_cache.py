"""The cache holds JSON and nothing else, in files and in Redis."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from config.json_cache import JSONFileCache
from config.queue import cache_from


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was loaded",)


@pytest.fixture
def cache(tmp_path: Path) -> JSONFileCache:
    return JSONFileCache(str(tmp_path), {})


@pytest.mark.parametrize("value", ["", "é\n", 0, 1.5, None, True, ["a", {"b": [1]}]])
def test_what_goes_in_comes_out(cache: JSONFileCache, value: Any) -> None:
    cache.set("key", value)

    assert cache.get("key", "nothing") == value
    assert "key" in cache


def test_what_json_cannot_say_is_refused(cache: JSONFileCache) -> None:
    with pytest.raises(TypeError):
        cache.set("key", Bomb())
    assert cache.get("key") is None


def test_values_end(cache: JSONFileCache) -> None:
    cache.set("ended", "x", timeout=-1)
    cache.set("ending", "x", timeout=0)
    cache.set("stays", "x", timeout=None)

    assert cache.get_many(["ended", "ending", "stays"]) == {"stays": "x"}
    assert "ended" not in cache


def test_what_is_there_is_not_added_again(cache: JSONFileCache) -> None:
    assert cache.add("key", 1)
    assert not cache.add("key", 2)
    assert cache.incr("key", 4) == 5
    cache.delete("key")
    assert cache.add("key", 3)


def test_touching_prolongs(cache: JSONFileCache) -> None:
    cache.set("key", [1], timeout=1_000)
    assert cache.touch("key", timeout=-1)
    assert cache.get("key") is None
    assert not cache.touch("key")


@pytest.mark.parametrize(
    "content", [pickle.dumps(Bomb()), b"", b"null\n", b"null\nnot packed", b"99999999999\n\x80"]
)
def test_a_file_of_another_making_is_nothing(
    cache: JSONFileCache, tmp_path: Path, content: bytes
) -> None:
    cache.set("key", "x")
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)

    assert cache.get("key", "nothing") == "nothing"
    cache.set("key", "y")
    assert cache.get("key") == "y"


def test_both_kinds_of_cache_speak_json(tmp_path: Path) -> None:
    redis = cache_from("redis://cache/1", tmp_path)
    files = cache_from("", tmp_path)

    assert redis["OPTIONS"]["SERIALIZER"] == "django_redis.serializers.json.JSONSerializer"
    assert files["BACKEND"] == "config.json_cache.JSONFileCache"
