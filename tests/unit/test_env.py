"""Reading the environment: what cannot be understood is noted, and the default is used."""

from pathlib import Path

import pytest

from config import env
from config.env import EnvProblem

NAME = "SEGMILL_TEST"


@pytest.fixture(autouse=True)
def no_problems(monkeypatch: pytest.MonkeyPatch) -> list[EnvProblem]:
    """Problems of the tests' own."""
    problems: list[EnvProblem] = []
    monkeypatch.setattr(env, "PROBLEMS", problems)
    return problems


@pytest.mark.parametrize(
    ("value", "number"), [("7", 7), (" 12 ", 12), ("1_000", 1000), ("3", 3), ("20000", 20_000)]
)
def test_a_whole_number(
    value: str, number: int, monkeypatch: pytest.MonkeyPatch, no_problems: list[EnvProblem]
) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.whole_number(NAME, 5, minimum=3, maximum=20_000) == number
    assert no_problems == []


@pytest.mark.parametrize("value", ["", "   "])
def test_blank_is_as_if_it_were_not_set(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.whole_number(NAME, 5) == 5
    assert env.text(NAME, "default") == "default"
    assert env.switch(NAME, default=True) is True


@pytest.mark.parametrize("value", ["seven", "2.5", "-1", "2", "20001", "1e3"])
def test_a_number_that_cannot_be_used_is_noted(
    value: str, monkeypatch: pytest.MonkeyPatch, no_problems: list[EnvProblem]
) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.whole_number(NAME, 5, minimum=3, maximum=20_000) == 5
    assert no_problems == [EnvProblem(NAME, value, "a whole number from 3 to 20,000")]


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("TRUE", True), ("Yes", True), ("on", True), ("0", False), ("off", False)],
)
def test_a_switch(value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.switch(NAME, default=not on) is on


def test_a_switch_that_is_neither_on_nor_off_is_noted(
    monkeypatch: pytest.MonkeyPatch, no_problems: list[EnvProblem]
) -> None:
    monkeypatch.setenv(NAME, "maybe")
    assert env.switch(NAME, default=True) is True
    assert no_problems == [EnvProblem(NAME, "maybe", "one of: true, false")]


def test_a_choice_may_be_written_in_any_case(
    monkeypatch: pytest.MonkeyPatch, no_problems: list[EnvProblem]
) -> None:
    monkeypatch.setenv(NAME, "info")
    assert env.choice(NAME, "WARNING", of=("INFO", "WARNING")) == "INFO"
    monkeypatch.setenv(NAME, "loud")
    assert env.choice(NAME, "WARNING", of=("INFO", "WARNING")) == "WARNING"
    assert no_problems == [EnvProblem(NAME, "loud", "one of: INFO, WARNING")]


def test_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " a ,, b c,")
    assert env.words(NAME) == ["a", "b c"]
    monkeypatch.delenv(NAME)
    assert env.words(NAME, "x,y") == ["x", "y"]


def test_a_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(NAME, "here")
    assert env.folder(NAME, Path("/default")) == tmp_path / "here"
    monkeypatch.setenv(NAME, "~/there")
    assert env.folder(NAME, Path("/default")) == Path.home() / "there"
    monkeypatch.delenv(NAME)
    assert env.folder(NAME, Path("/default")) == Path("/default")


def test_the_password_of_an_address_is_not_told(
    monkeypatch: pytest.MonkeyPatch, no_problems: list[EnvProblem]
) -> None:
    monkeypatch.setenv(NAME, "redjs://:hunter2@cache:6379/0")
    assert env.redis_url(NAME) == ""
    (problem,) = no_problems
    assert problem.name == NAME
    assert "hunter2" not in str(problem)


def test_what_was_to_be_filled_in_is_noted_and_not_used(
    monkeypatch: pytest.MonkeyPatch, no_problems: list[EnvProblem]
) -> None:
    monkeypatch.setenv(NAME, " <a third one> ")

    assert env.text(NAME) == ""
    assert env.words(NAME) == []
    assert no_problems[0] == EnvProblem(NAME, "<a third one>", "a value of your own")
