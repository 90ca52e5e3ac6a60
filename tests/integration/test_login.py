"""Guessing passwords does not get far, and keeps nobody else from logging in."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db(transaction=True)

RIGHT = "correct horse battery staple"
WRONG = "wrong-hunter2"
FORM = "/admin/login/?next=/admin/"


@pytest.fixture(autouse=True)
def ada(settings: Settings) -> User:
    """An account, with a hash of its password that is quick to compare."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("ada", password=RIGHT, is_staff=True)


def log_in(
    password: str, name: str = "ada", address: str = "192.0.2.1", agent: str = "a"
) -> Client:
    """A client that has tried to log in; `client.status` says how that went."""
    client = Client(REMOTE_ADDR=address, headers={"user-agent": agent})
    answer = client.post(FORM, {"username": name, "password": password})
    client.status, client.answer = answer.status_code, answer  # type: ignore[attr-defined]
    return client


def status(client: Client) -> int:
    return int(client.status)  # type: ignore[attr-defined]


@pytest.fixture
def locked(settings: Settings) -> Client:
    """Whoever has just given the last wrong password allowed."""
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert status(log_in(WRONG)) == 200, "the form, with an error"
    return log_in(WRONG)


def test_after_too_many_wrong_passwords_the_page_tells_when_to_try_again(locked: Client) -> None:
    answer = locked.answer  # type: ignore[attr-defined]

    assert answer.status_code == 429
    assert "Try again in 15 minutes." in answer.content.decode()
    assert 890 <= int(answer["Retry-After"]) <= 900


def test_until_then_the_right_password_does_not_help_nor_does_another_browser(
    locked: Client,
) -> None:
    assert status(log_in(RIGHT)) == 429
    assert status(log_in(RIGHT, agent="another")) == 429
    assert log_in(RIGHT).get("/admin/").status_code == 302


def test_trying_on_does_not_make_it_longer(locked: Client) -> None:
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=10))

    answer = log_in(WRONG).answer  # type: ignore[attr-defined]
    assert "Try again in 5 minutes." in answer.content.decode()


def test_then_it_works_again(locked: Client) -> None:
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=16))

    client = log_in(RIGHT)
    assert status(client) == 302
    assert client.get("/admin/").status_code == 200
    assert not AccessAttempt.objects.exists()


def test_others_may_log_in_and_so_may_the_same_person_elsewhere(locked: Client) -> None:
    User.objects.create_user("bob", password=RIGHT, is_staff=True)

    assert status(log_in(RIGHT, name="bob")) == 302
    assert status(log_in(RIGHT, address="192.0.2.2")) == 302


def test_a_right_password_forgives_the_wrong_ones_before(settings: Settings) -> None:
    for _ in range(3):
        for _ in range(settings.AXES_FAILURE_LIMIT - 1):
            assert status(log_in(WRONG)) == 200
        assert status(log_in(RIGHT)) == 302


def test_unknown_accounts_are_treated_alike(settings: Settings) -> None:
    """So that nobody learns which accounts there are."""
    for _ in range(settings.AXES_FAILURE_LIMIT):
        last = log_in(WRONG, name="nobody")
    assert status(last) == 429


def test_passwords_are_not_kept(locked: Client) -> None:
    kept = str(list(AccessAttempt.objects.values()))

    assert "ada" in kept
    assert WRONG not in kept


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_a_login_that_is_to_lead_elsewhere_ends_in_the_admin(next_page: str) -> None:
    client = Client()
    answer = client.post(f"/admin/login/?next={next_page}", {"username": "ada", "password": RIGHT})

    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
