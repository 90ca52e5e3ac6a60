"""What a line of the log is about: set where work is claimed, read by whoever writes the line.

A context variable, so that nothing has to be handed on: lines of libraries know it too. A thread
that is started for the work gets it by `copy_context().run`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

# In the order in which a line shows them.
FIELDS = ("tenant", "job", "phase", "chunk", "attempt")

_about: ContextVar[Mapping[str, str | int]] = ContextVar("about", default={})  # noqa: B039  (never changed)


@contextmanager
def about(**fields: UUID | str | int | None) -> Iterator[None]:
    """Within the block lines are about these, besides what they are about already."""
    shown = {name: _shown(value) for name, value in fields.items() if value is not None}
    token = _about.set({**_about.get(), **shown})
    try:
        yield
    finally:
        _about.reset(token)


def current() -> Mapping[str, str | int]:
    """What lines are about here and now."""
    return _about.get()


def _shown(value: UUID | str | int) -> str | int:
    return value if isinstance(value, int) else str(value)
