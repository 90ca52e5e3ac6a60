"""Pages of a list, as Dify's clients ask for them and read them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

M = TypeVar("M", bound=Model)

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
# Far enough for any list, and within what PostgreSQL counts with.
MAX_PAGE = 1_000_000_000


class PageQuery(serializers.Serializer[None]):
    """Which page is wanted."""

    page = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=1, required=False)
    limit = serializers.IntegerField(
        min_value=1,
        default=DEFAULT_LIMIT,
        required=False,
        help_text=f"At most {MAX_LIMIT}; the response contains the limit used.",
    )


@extend_schema_field(
    {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "maxLength": 0}]}
)
class NumberOrNothing(serializers.IntegerField):
    """A number; no text at all is the usual number, for so some of Dify's clients ask."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """The number."""
        return super().run_validation(serializers.empty if data == "" else data)


class LenientPageQuery(PageQuery):
    """Which page of datasets or documents is wanted; Dify refuses empty numbers elsewhere."""

    page = NumberOrNothing(min_value=1, max_value=MAX_PAGE, default=1, required=False)
    limit = NumberOrNothing(
        min_value=1,
        default=DEFAULT_LIMIT,
        required=False,
        help_text=PageQuery().fields["limit"].help_text,
    )


class KeywordQuery(serializers.Serializer[None]):
    """Which names are wanted."""

    keyword = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="Part of a name, in any case."
    )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: its number from 1, and how many entries it may have."""

    number: int
    limit: int

    @classmethod
    def of(cls, request: Request, kind: type[PageQuery] = PageQuery) -> "Page":
        """The page that is asked for.

        Raises:
            ValidationError: a number is none, or below 1.
        """
        query = kind(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        return cls(wanted["page"], min(wanted["limit"], MAX_LIMIT))

    def cut(
        self, entries: QuerySet[M], show: Callable[[QuerySet[M]], list[dict[str, Any]]]
    ) -> dict[str, Any]:
        """The page of `entries`, as `show` writes them, and where it stands in the list."""
        total = entries.count()
        first = (self.number - 1) * self.limit
        return {
            "data": show(entries[first : first + self.limit]),
            "has_more": self.number * self.limit < total,
            "limit": self.limit,
            "total": total,
            "page": self.number,
        }


def each(
    serializer: type[serializers.Serializer[M]],
) -> Callable[[Iterable[M]], list[dict[str, Any]]]:
    """Writes entries one by one, all by one serializer: making its fields is what takes time."""

    def show(entries: Iterable[M]) -> list[dict[str, Any]]:
        shown = serializer()
        return [dict(shown.to_representation(entry)) for entry in entries]

    return show


def page_of(entry: type[serializers.BaseSerializer[Any]], name: str) -> serializers.Serializer[Any]:
    """What the schema says of a page of such entries, called `name` there."""
    return inline_serializer(
        name,
        {
            "data": entry(many=True),
            "has_more": serializers.BooleanField(),
            "limit": serializers.IntegerField(),
            "total": serializers.IntegerField(),
            "page": serializers.IntegerField(),
        },
    )
