"""Judgements: questions with the external ids of the segments that answer them.

The file is one JSON object, the form in which retrieval benchmarks are exchanged:

    {"queries": {"q1": "how do I reset it?"}, "relevant": {"q1": {"faq-007": 1, "faq-012": 2}}}

A gain of 1 is relevant, a higher one more so, 0 not. Questions without a relevant segment say
nothing about a ranking and are left out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segments.exceptions import JudgementsRefused

FORM = (
    'It has to be {"queries": {ID: TEXT, …}, "relevant": {ID: {EXTERNAL_ID: GAIN, …}, …}}, '
    "with numbers as gains."
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the gain of each relevant external id."""

    text: str
    relevant: Mapping[str, float]


def read_judgements(path: Path) -> list[Question]:
    """The judged questions of the file at `path`; at least one.

    Raises:
        JudgementsRefused: it cannot be read, or is not of the form; the text says where.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as trouble:
        raise JudgementsRefused(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except UnicodeDecodeError as trouble:
        raise JudgementsRefused(f"{path} is not UTF-8. Save it as UTF-8.") from trouble
    except json.JSONDecodeError as trouble:
        where = f"line {trouble.lineno}, column {trouble.colno}"
        raise JudgementsRefused(f"{path} is not JSON: {trouble.msg} ({where}).") from trouble
    questions = _questions(found)
    if not questions:
        raise JudgementsRefused(f"{path} has no question with a relevant segment. {FORM}")
    return questions


def _questions(found: Any) -> list[Question]:
    texts, relevant = _member(found, "queries"), _member(found, "relevant")
    questions = []
    for name, judged in relevant.items():
        text = texts.get(name)
        if not isinstance(text, str):
            raise JudgementsRefused(f"“relevant” has “{name}”, but “queries” has no text for it.")
        gains = {key: gain for key, gain in _gains(name, judged).items() if gain > 0}
        if gains:
            questions.append(Question(text, gains))
    return questions


def _member(found: Any, name: str) -> dict[str, Any]:
    member = found.get(name) if isinstance(found, dict) else None
    if not isinstance(member, dict):
        raise JudgementsRefused(f"There is no object “{name}”. {FORM}")
    return member


def _gains(name: str, judged: Any) -> dict[str, float]:
    if not isinstance(judged, dict):
        raise JudgementsRefused(f"“relevant”, “{name}”: {judged!r} is no object. {FORM}")
    for external_id, gain in judged.items():
        if isinstance(gain, bool) or not isinstance(gain, int | float):
            raise JudgementsRefused(
                f"“relevant”, “{name}”, “{external_id}”: {gain!r} is no number. {FORM}"
            )
    return judged
