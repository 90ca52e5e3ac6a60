"""Fields that every log line carries: set where work is claimed, read by the log formatter.

A context variable, so nothing has to be passed on and log lines of libraries carry them too. A
thread that is started for the work inherits them by `copy_context().run`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

# In the order in which a log line shows them.
FIELDS = ("tenant", "job", "phase", "chunk", "attempt")

_about: ContextVar[Mapping[str, str | int]] = ContextVar("about", default={})  # noqa: B039  (never changed)


@contextmanager
def about(**fields: UUID | str | int | None) -> Iterator[None]:
    """Add these fields to every log line within the block."""
    shown = {name: _shown(value) for name, value in fields.items() if value is not None}
    token = _about.set({**_about.get(), **shown})
    try:
        yield
    finally:
        _about.reset(token)


def current() -> Mapping[str, str | int]:
    """The fields of log lines here and now."""
    return _about.get()


def _shown(value: UUID | str | int) -> str | int:
    return value if isinstance(value, int) else str(value)
