"""JSON and JSON Lines that break their rules, or say something else than texts."""

from collections.abc import Iterator
from itertools import product

from tests.hostile.case import Hostile


def files() -> Iterator[Hostile]:
    lines = '{"content": "a", "answer": "b"}\n'
    bad_lines = {
        "a cut line": '{"content": "a"',
        "an array in lines": '["a"]',
        "NaN": '{"content": NaN, "answer": "b"}',
        "Infinity": '{"content": -Infinity, "answer": "b"}',
        "a key twice": '{"content": "a", "content": "b"}',
        "a number of 5,000 digits": '{"content": ' + "9" * 5_000 + "}",
        "100,000 brackets": '{"content": ' + "[" * 100_000,
        "100,000 braces": '{"a": ' * 100_000,
        "a bare word": "{content: 1}",
        "single quotes": "{'content': 'a'}",
        "a trailing comma": '{"content": "a",}',
        "a comment": '{"content": "a" /* b */}',
        "control characters": '{"content": "a\x01b"}',
        "two objects in a line": '{"content": "a"} {"content": "b"}',
    }
    for name, line in bad_lines.items():
        yield Hostile(f"JSON Lines with {name}", (lines + line).encode(), "not a JSON object")
    arrays = {
        "that breaks off": '[{"content": "a"}',
        "with a trailing comma": '[{"content": "a"},]',
        "without commas": '[{"content": "a"} {"content": "b"}]',
        "that goes on": '[{"content": "a"}] x',
        "of 100,000 brackets": '[{"content": ' + "[" * 100_000,
    }
    for name, text in arrays.items():
        yield Hostile(f"an array {name}", text.encode(), "Line 1")
    values = {
        "a list for a text": ('{"content": ["a"], "answer": "b"}', "not a text"),
        "an object for a text": ('{"content": {"a": 1}, "answer": "b"}', "not a text"),
        "null for a text": ('{"content": null, "answer": "b"}', "is blank"),
        "half a character": ('{"content": "\\ud800", "answer": "b"}', "half a character"),
        "a NUL": ('{"content": "a\\u0000", "answer": "b"}', "NUL"),
        "a NUL in metadata": (
            '{"content": "a", "answer": "b", "metadata": {"a": "\\u0000"}}',
            "NUL",
        ),
        "half a character in metadata": (
            '{"content": "a", "answer": "b", "metadata": {"\\udfff": 1}}',
            "half a character",
        ),
        "a number too large": (
            '{"content": "a", "answer": "b", "metadata": {"a": 1e999}}',
            "large",
        ),
        "metadata too deep": (
            '{"content": "a", "answer": "b", "metadata": ' + '{"a":' * 99 + "1" + "}" * 100,
            "too deep",
        ),
        "metadata that is a list": (
            '{"content": "a", "answer": "b", "metadata": [1]}',
            "not a JSON object",
        ),
        "keywords of numbers": ('{"content": "a", "answer": "b", "keywords": [1]}', "not keywords"),
        "a strange switch": ('{"content": "a", "answer": "b", "enabled": 7}', "neither yes nor no"),
        "300 keys": ("{" + ",".join(f'"k{n}": 1' for n in range(300)) + "}", "columns are allowed"),
    }
    for (name, (line, says)), wrap in product(values.items(), ("{}", "[{}]")):
        kind = "lines" if wrap == "{}" else "an array"
        yield Hostile(f"{name} in {kind}", wrap.replace("{}", line).encode(), says)
    yield Hostile(
        "an object over many lines", lambda: b'{\n"content": "a"\n}', "one object per line"
    )
    wrapped = b'{"data": [{"content": "a", "answer": "b"}], "total": 1}'
    yield Hostile("objects under a key", wrapped, "under the key “data”")
    yield Hostile("an empty array", lambda: b"[ ]", "no objects")
