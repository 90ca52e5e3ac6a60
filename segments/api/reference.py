"""The page `/v1/docs`: every request of the API to read about and to try, made of its schema.

Plain HTML of ours rather than a renderer in JavaScript: it is read without a network, by a keyboard
and by a screen reader, and says in words what a schema says in keys.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from django.utils.html import conditional_escape, format_html_join
from django.utils.safestring import SafeString
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator

from segments.api.schema import TAGS

# Below these a shape is named, not told; nothing of ours is as deep.
MOST_LEVELS = 5
JSON, FORM = "application/json", "multipart/form-data"
KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
FORMATS = {
    "uuid": "UUID",
    "date-time": "date and time",
    "uri": "URL",
    "binary": "file",
    "decimal": "decimal number",
}
LIMITS = (
    ("maxLength", "at most {} characters"),
    ("minimum", "from {}"),
    ("maximum", "up to {}"),
    ("minItems", "at least {}"),
    ("maxItems", "at most {}"),
)
# What the generator adds to a description: the choices, which the kind tells already.
CHOICES = re.compile(r"\n*^\* `[^`]*` - .*$", re.MULTILINE)

Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a request or of an answer; `place` is where a parameter stands."""

    name: str
    kind: str
    text: str
    is_required: bool = False
    place: str = ""

    @property
    def is_file(self) -> bool:
        """Whether a form asks for a file."""
        return self.kind == FORMATS["binary"]


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: its media types, its parts, and an object to begin with."""

    media: tuple[str, ...]
    fields: tuple[Field, ...]
    example: str

    @property
    def is_form(self) -> bool:
        """Whether it is tried as a form."""
        return FORM in self.media


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back when all went well."""

    status: str
    text: str
    media: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of the API; `refusals` are the statuses with an error in the body."""

    name: str
    method: str
    path: str
    summary: str
    more: str
    parameters: tuple[Field, ...]
    body: Body | None
    answers: tuple[Answer, ...]
    refusals: tuple[str, ...]


class ReferenceView(TemplateView):
    """Every request of the API."""

    template_name = "segments/api_docs.html"

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        """The requests by what they are about."""
        return super().get_context_data(groups=operations_by_tag(), **given)


@cache
def operations_by_tag() -> dict[str, list[Operation]]:
    """What the running program offers; it stays the same."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    shapes = Shapes(schema["components"]["schemas"])
    groups: dict[str, list[Operation]] = {tag: [] for tag in TAGS}
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            tag = told.get("tags", ["other"])[0]  # a project may have more in its API than we
            groups.setdefault(tag, []).append(_operation(shapes, method, path, told))
    return {tag: operations for tag, operations in groups.items() if operations}


def _operation(shapes: "Shapes", method: str, path: str, told: Shape) -> Operation:
    summary, _, more = told.get("description", "").partition("\n")
    content = told.get("requestBody", {}).get("content")
    good = {status: each for status, each in told["responses"].items() if status[0] == "2"}
    return Operation(
        name=told["operationId"],
        method=method.upper(),
        path=path,
        summary=_plain(summary),
        more=_plain(more),
        parameters=tuple(shapes.parameter(each) for each in told.get("parameters", ())),
        body=_body(shapes, content) if content else None,
        answers=tuple(_answer(shapes, status, each) for status, each in good.items()),
        refusals=tuple(sorted(told["responses"].keys() - good.keys())),
    )


def _body(shapes: "Shapes", content: Shape) -> Body:
    shape = next(iter(content.values()))["schema"]
    example = json.dumps(shapes.example(shape), indent=2)
    return Body(tuple(content), tuple(shapes.fields(shape)), example)


def _answer(shapes: "Shapes", status: str, told: Shape) -> Answer:
    content = told.get("content", {})
    shape = content.get(JSON, {}).get("schema", {})
    text = told.get("description") or HTTPStatus(int(status)).phrase
    return Answer(status, text, tuple(content), tuple(shapes.fields(shape)))


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes that a schema names."""

    named: Mapping[str, Shape]

    def whole(self, shape: Shape) -> dict[str, Any]:
        """The shape with what it refers to put in its place."""
        parts = [part for part in shape.get("oneOf", ()) if "NullEnum" not in part.get("$ref", "")]
        if "$ref" in shape:
            inner = self.named[shape["$ref"].rpartition("/")[2]]
        elif parts and len(shape["oneOf"]) > len(parts):
            inner = {**parts[0], "nullable": True}
        elif len(shape.get("allOf", ())) == 1:
            inner = shape["allOf"][0]
        else:
            return dict(shape)
        own = {key: value for key, value in shape.items() if key not in ("$ref", "oneOf", "allOf")}
        return {**self.whole(inner), **own}

    def fields(self, shape: Shape, above: str = "", level: int = 0) -> Iterator[Field]:
        """The parts of an object, each followed by its own: `data[].name`."""
        shape = self.whole(shape)
        if shape.get("type") == "array":
            yield from self.fields(shape["items"], f"{above}[]", level)
        if level == MOST_LEVELS:
            return
        needed = shape.get("required", ())
        for name, part in shape.get("properties", {}).items():
            place = f"{above}.{name}" if above else name
            yield Field(place, self.kind(part), self.text(part), is_required=name in needed)
            yield from self.fields(part, place, level + 1)

    def parameter(self, told: Shape) -> Field:
        """A part of the address or a header."""
        shape = told["schema"]
        text = _plain(told.get("description", "")) or self.text(shape)
        needed = told.get("required", False)
        return Field(told["name"], self.kind(shape), text, needed, told["in"])

    def text(self, shape: Shape) -> str:
        """What is said of it."""
        return _plain(self.whole(shape).get("description", ""))

    def kind(self, shape: Shape) -> str:
        """What it is, in words, and within which limits."""
        shape = self.whole(shape)
        told = [self._type(shape)]
        told += [words.format(f"{shape[key]:,}") for key, words in LIMITS if key in shape]
        if shape.get("nullable"):
            told.append("or null")
        if shape.get("default") not in (None, ""):
            told.append(f"default: {_shown(shape['default'])}")
        return ", ".join(told)

    def _type(self, shape: Shape) -> str:
        if several := shape.get("oneOf"):
            return " or ".join(self.kind(part) for part in several)
        if "enum" in shape:
            return f"one of {', '.join(_shown(each) for each in shape['enum'])}"
        if shape.get("type") == "array":
            return f"list of {self._type(self.whole(shape['items']))}"
        return FORMATS.get(shape.get("format", "")) or KINDS.get(shape.get("type", ""), "any value")

    def example(self, shape: Shape) -> Any:
        """A value to begin with: what is required, and no more."""
        shape = self.whole(shape)
        if "enum" in shape:
            return shape["enum"][0]
        if shape.get("type") == "array":
            return [self.example(shape["items"])]
        if shape.get("type") == "object":
            needed = shape.get("required", ())
            return {name: self.example(shape["properties"][name]) for name in needed}
        return {"boolean": True, "integer": shape.get("minimum", 1), "number": 1}.get(
            shape.get("type", ""), ""
        )


def _plain(text: str) -> SafeString:
    """A description without the choices; what stands in backticks is code."""
    pieces = CHOICES.sub("", text).strip().split("`")
    code = format_html_join("", "{}<code>{}</code>", zip(pieces[:-1:2], pieces[1::2], strict=True))
    return code + conditional_escape(pieces[-1])


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
