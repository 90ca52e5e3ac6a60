"""Every example of docs/python.md runs, in its order."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from segments import aio, signals
from segments.services.imports import undo_import

PAGE = Path(__file__).parents[2] / "docs/python.md"
BLOCKS = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def shown() -> dict[str, Any]:
    """The names that the examples have made."""
    names: dict[str, Any] = {}
    page = PAGE.read_text()
    blocks = list(BLOCKS.finditer(page))
    assert len(blocks) == page.count("```python")
    for block in blocks:
        line = page.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(PAGE), "exec"), names)  # noqa: S102  (our page)
    return names


@pytest.mark.django_db(transaction=True)
def test_every_example(shown: dict[str, Any]) -> None:
    told: list[dict[str, Any]] = []

    def note(**event: Any) -> None:
        told.append(event)

    assert async_to_sync(shown["answer"])("Who made it?") == "Ann."
    signals.import_undone.connect(note)
    signals.segments_edited.connect(note)
    undo_import(shown["job"])
    shown["update_segment"](shown["hits"][0].segment_id, shown["NewText"]("It is gone."))
    shown["delete_segments"]([shown["hits"][0].segment_id])

    undone, changed, deleted = told
    assert undone["job_id"] == shown["job"].pk
    assert changed["segment_ids"] == deleted["segment_ids"] == [shown["hits"][0].segment_id]
    assert (changed["deleted"], deleted["deleted"]) == (False, True)


def test_every_async_variant_is_one_of_a_service() -> None:
    for name, function in vars(aio).items():
        if name.startswith("a") and name[1:] in vars(aio):
            assert asyncio.iscoroutinefunction(function)
