"""Pages of tables that may hold millions of rows."""

from functools import cached_property
from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet

# Counting more would take longer than anybody pages through; filters find the rest.
ROWS_PAGED = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts no further than `ROWS_PAGED`; the pages end there."""

    @cached_property
    def count(self) -> int:
        """The number of rows, or `ROWS_PAGED` if there are more."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:ROWS_PAGED].count()
