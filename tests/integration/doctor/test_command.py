"""`manage.py doctor` as people and scripts run it."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command, load_command_class

from config import env
from config.env import EnvProblem
from datasets.models import Document
from segments.jobs import heartbeats
from segments.operations.doctor import CHECKS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alive() -> None:
    """Workers and reaper have just reported."""
    heartbeats.beat(heartbeats.worker())
    heartbeats.beat(heartbeats.REAPER)


def ask(*options: str) -> tuple[str, int]:
    """What it prints, and its exit code."""
    out = StringIO()
    try:
        call_command("doctor", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def checks(said: str) -> dict[str, dict[str, Any]]:
    return {each["check"]: each for each in json.loads(said)["checks"]}


def test_a_healthy_installation(alive: None) -> None:
    said, code = ask()

    assert code == 0
    assert "WRONG" not in said
    assert said.count("│ ok") == len(CHECKS)
    assert said.endswith("Everything is in order.\n")


def test_what_is_wrong_and_what_to_do(alive: None, document: Document) -> None:
    Document.objects.update(segment_count=3)

    said, code = ask()
    assert code == 1
    assert "WRONG" in said
    assert "says 3 segments, has 0" in said
    assert "doctor --repair" in said
    assert Document.objects.get().segment_count == 3, "looking changes nothing"

    said, code = ask("--repair")
    assert code == 0
    assert "fixed" in said
    assert Document.objects.get().segment_count == 0


def test_for_machines(alive: None, document: Document) -> None:
    Document.objects.update(segment_count=3)

    said, code = ask("--json")
    found = checks(said)
    assert (code, json.loads(said)["ok"]) == (1, False)
    assert list(found) == [check.name for check in CHECKS]
    assert found["migrations"]["ok"]
    (problem,) = found["document totals"]["problems"]
    assert set(problem) == {"text", "remedy", "can_wait"}

    said, code = ask("--json", "--repair")
    assert (code, json.loads(said)["ok"]) == (0, True)
    assert len(checks(said)["document totals"]["repaired"]) == 1


def test_it_tells_of_settings_that_every_other_command_refuses(
    alive: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = EnvProblem("SEGMILL_WORKERS", "many", "a whole number")
    monkeypatch.setattr(env, "PROBLEMS", [problem])

    with pytest.raises(SystemExit) as end:
        load_command_class("segments", "doctor").run_from_argv(["manage.py", "doctor", "--json"])

    said = capsys.readouterr().out
    assert end.value.code == 1
    assert "SEGMILL_WORKERS is “many”" in str(checks(said)["settings"])
    assert checks(said)["database"]["ok"]
