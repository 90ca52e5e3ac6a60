"""The process that converts: `python -m segments.files.documents FORMAT ENCODING`, file ─► blocks.

The file is standard input and can be sought in; each line of standard output is JSON
(`blocks.Line`). Its own bounds are set before it reads a byte.
"""

import contextlib
import importlib
import resource
import sys
from typing import BinaryIO

from segments.files.documents.blocks import Block, Line, Unreadable, send, send_block

MEMORY_BYTES = 1536 * 1024 * 1024
CPU_SECONDS = 600
# Nothing is written but standard output, and a trace of a failure.
WRITTEN_BYTES = 1024 * 1024
OPEN_FILES = 64
CONVERTERS = {"pdf": "pdf", "docx": "docx", "html": "html", "md": "markdown"}
# Deep enough for any page people write; each level costs the converters a few calls.
NESTED_CALLS = 20_000
TOO_LARGE = (
    f"{{name}} needs more than {MEMORY_BYTES // 1024**2:,} MB of memory to be converted. Split it, "
    "or save its text as plain text."
)
TOO_DEEP = "{name} is nested too deeply to be converted. Save its text as plain text."


def bound() -> None:
    """Set this process's bounds; what the system does not know is left out."""
    bounds = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: WRITTEN_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in bounds.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    sys.setrecursionlimit(NESTED_CALLS)


def convert(source: BinaryIO, out: BinaryIO, kind: str, encoding: str) -> None:
    """Write the blocks of `source`, a file of the format `kind`, and how it ended."""
    try:
        converter = importlib.import_module(f"segments.files.documents.{CONVERTERS[kind]}")
        for found in converter.blocks(source, encoding):
            if isinstance(found, Block):
                send_block(out, found)
            else:
                send(out, Line.NOTICE, found)
    except Unreadable as refusal:
        send(out, Line.REFUSED, refusal.code, refusal.reason)
    except ModuleNotFoundError as missing:
        send(out, Line.REFUSED, "format_unknown", _missing(missing))
    except RecursionError:
        send(out, Line.REFUSED, "file_refused", TOO_DEEP)
    except MemoryError:
        send(out, Line.REFUSED, "file_too_large", TOO_LARGE)
    else:
        send(out, Line.END)


def _missing(missing: ModuleNotFoundError) -> str:
    return (
        f"Files like {{name}} need the module {missing.name}, which is not installed. "
        "Run: pip install 'segmill[documents]'"
    )


def main() -> None:
    """Convert standard input."""
    bound()
    with open(0, "rb", closefd=False) as source, open(1, "wb", closefd=False) as out:
        convert(source, out, sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")


if __name__ == "__main__":
    main()
