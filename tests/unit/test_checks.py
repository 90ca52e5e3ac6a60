"""The system checks of settings: a wrong one is refused with what to set instead."""

import pytest
from pytest_django import Settings

from config import env
from config.env import EnvProblem, check_environment
from segments.checks.values import check_embedding


def test_what_the_environment_has_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = EnvProblem("SEGMILL_CHUNK_ROWS", "many", "a whole number from 1 to 9")
    monkeypatch.setattr(env, "PROBLEMS", [problem])

    (error,) = check_environment(None)

    assert error.id == "segments.E001"
    assert error.msg == "SEGMILL_CHUNK_ROWS is “many”, which is not valid."
    assert error.hint is not None
    assert "Set SEGMILL_CHUNK_ROWS to a whole number from 1 to 9, or remove it" in error.hint


@pytest.mark.parametrize(
    ("provider", "model", "says"),
    [
        ("wordlama", "l2_supercat_256", "no provider kind “wordlama”. Use: "),
        ("wordllama", "l3", "wordllama has no model “l3”. Use one of: l2_supercat_256"),
    ],
)
def test_a_model_for_new_datasets_that_is_not_to_be_had_is_refused(
    provider: str, model: str, says: str, settings: Settings
) -> None:
    assert check_embedding(None) == []
    settings.SEGMILL_EMBEDDING_PROVIDER = provider
    settings.SEGMILL_EMBEDDING_MODEL = model

    (error,) = check_embedding(None)

    assert error.id == "segments.E007"
    assert says in error.msg
    assert error.hint is not None
    assert "SEGMILL_EMBEDDING_MODEL" in error.hint
