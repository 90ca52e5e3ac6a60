"""Keys of endpoints: encrypted at rest, read by the right keys only, never shown by accident."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from segments.embedding.base import ModelSettings
from segments.embedding.credentials import Secret, decrypt, encrypt, renewed
from segments.exceptions import CredentialsUnreadable


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_what_was_encrypted_comes_back_and_is_not_seen_in_between(secret: str) -> None:
    stored = encrypt(secret)
    assert len(secret) < 4 or secret not in stored
    assert decrypt(stored).reveal() == secret


def test_no_key_stays_no_key() -> None:
    assert encrypt("") == ""
    assert not decrypt("")


def test_twice_the_same_is_stored_differently() -> None:
    assert encrypt("sk-1") != encrypt("sk-1")


def test_another_key_cannot_read_it(settings: Settings) -> None:
    stored = encrypt("sk-1")
    settings.SECRET_KEY = "another"  # noqa: S105
    with pytest.raises(CredentialsUnreadable, match="Enter the provider's key again"):
        decrypt(stored)


def test_keys_are_changed_by_putting_the_new_one_first(settings: Settings) -> None:
    settings.SEGMILL_CREDENTIALS_KEY = ["old"]
    stored = encrypt("sk-1")
    settings.SEGMILL_CREDENTIALS_KEY = ["new", "old"]
    assert decrypt(stored).reveal() == "sk-1"
    again = renewed(stored)
    settings.SEGMILL_CREDENTIALS_KEY = ["new"]
    assert decrypt(again).reveal() == "sk-1"
    with pytest.raises(CredentialsUnreadable):
        decrypt(stored)


def test_the_fallbacks_of_the_secret_key_still_read(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    stored = encrypt("sk-1")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert decrypt(stored).reveal() == "sk-1"


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("sk-very-secret")
    model = ModelSettings(provider="p", kind="openai", model="m", api_key=secret)
    for shown in (str(secret), repr(secret), f"{secret}", repr(model), str(model)):
        assert "sk-very" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
