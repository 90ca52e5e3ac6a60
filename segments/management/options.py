"""The options of an import on the command line: the names of `ImportOptions`' fields."""

import os
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from datasets.models import DEFAULT_TENANT, DocForm, IndexingTechnique
from segments.files.options import (
    Cleaning,
    EmbedWhen,
    ImportMode,
    ImportOptions,
    OnError,
    ParentMode,
    ReadAs,
    UnknownColumns,
)
from segments.services.targets import ImportTarget

FIELDS = (
    *(
        "mode",
        "on_error",
        "map",
        "no_header",
        "header_row",
        "template",
        "unknown",
        "encoding",
        "delimiter",
        "sheet",
    ),
    *("embed", "max_tokens", "max_cost"),
    *("read_as", "separator", "chunk_tokens", "chunk_overlap", "cleaning"),
    *("parent_mode", "child_tokens", "child_separator"),
)


# Several files in one of these modes would remove each other's rows.
MODES_OF_ONE = (ImportMode.REPLACE.value, ImportMode.SYNC.value)


def add_target_options(parser: ArgumentParser) -> None:
    """Where the file goes, and what is made on the way there."""
    parser.add_argument("--tenant", default=DEFAULT_TENANT, help="default: %(default)s")
    parser.add_argument("--dataset", help="its name or id")
    parser.add_argument("--document", help="its name or id; of several files: the file's name")
    parser.add_argument("--create", action="store_true", help="create what is missing")
    parser.add_argument("--doc-form", choices=DocForm.values, default="")
    parser.add_argument("--indexing-technique", choices=IndexingTechnique.values, default="")
    parser.add_argument(
        "--language",
        default="",
        help="with --create: language of a new dataset, as de or German; default: the file's",
    )
    parser.add_argument(
        "--text-search-config",
        default="",
        help="with --create: text search configuration of a new dataset, for example german",
    )
    parser.add_argument(
        "--embedding-provider",
        default="",
        help="with --create: provider of the model of a new dataset",
    )
    parser.add_argument(
        "--embedding-model", default="", help="with --create: the model of a new dataset"
    )


def import_target(given: Mapping[str, Any]) -> ImportTarget:
    """The place that was named."""
    return ImportTarget(**{part.name: given[part.name] for part in fields(ImportTarget)})


def add_import_options(parser: ArgumentParser) -> None:
    """How the file is read, and what it does to the document."""
    parser.add_argument(
        "--mode",
        choices=ImportMode.values,
        help="append (default): add all rows; skip: leave out rows that exist; upsert: update what "
        "differs, add the rest; sync: like upsert, and remove what the file does not have; "
        "replace: replace everything in the document",
    )
    parser.add_argument(
        "--on-error",
        choices=OnError.values,
        help="abort (default): a bad row stops the import; skip: import the good rows",
    )
    parser.add_argument(
        "--map",
        action="append",
        metavar="PART=COLUMN",
        help="which column is which part, for example --map content=Frage --map answer=Antwort",
    )
    parser.add_argument(
        "--no-header", action="store_true", help="the file has no header; columns are named 1, 2, …"
    )
    parser.add_argument(
        "--header-row",
        metavar="N",
        help="the header is in row N; found if omitted",
    )
    parser.add_argument(
        "--template",
        metavar="TEXT",
        help="write each text from several columns, for example --template '{Name}: {Price}'; "
        "lines are separated by \\n",
    )
    parser.add_argument(
        "--keep-unknown",
        action="store_const",
        const=UnknownColumns.METADATA.value,
        dest="unknown",
        help="keep unknown columns as metadata",
    )
    parser.add_argument("--encoding", help="encoding of a text file; detected if omitted")
    parser.add_argument("--delimiter", help="delimiter between cells; detected if omitted")
    parser.add_argument(
        "--sheet",
        action="append",
        help="sheet of a workbook; may be given several times, all means every one; default: the "
        "first that has rows",
    )
    parser.add_argument(
        "--all-sheets",
        action="append_const",
        const="*",
        dest="sheet",
        help="every sheet of a workbook that is not hidden",
    )
    parser.add_argument(
        "--embed",
        choices=EmbedWhen.values,
        help="now: embed rows before publishing; later: publish them for full-text search at once "
        "and let workers embed them; auto (default): later, if it is known to take over a minute",
    )
    _add_document_options(parser)
    _add_part_options(parser)
    parser.add_argument("--max-tokens", help="fail instead of embedding more tokens than this")
    parser.add_argument("--max-cost", help="fail instead of spending more than this")


def _add_document_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--read-as",
        choices=[member.value for member in ReadAs],
        help="read a text file as a table or as a text; told by its content if omitted",
    )
    parser.add_argument(
        "--separator",
        help="cut a document wherever this stands (\\n is a line end); where it suits best if "
        "omitted",
    )
    parser.add_argument(
        "--chunk-tokens", metavar="N", help="longest piece of a document; default: 500 tokens"
    )
    parser.add_argument(
        "--chunk-overlap", metavar="N", help="tokens that a piece repeats of the one before"
    )
    parser.add_argument(
        "--cleaning",
        action="append",
        choices=[member.value for member in Cleaning],
        help="what is removed from a document before it is cut; default: remove_extra_spaces",
    )


def _add_part_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--parent-mode",
        choices=[member.value for member in ParentMode],
        help="into a hierarchical document: paragraph (default) makes each piece a passage, "
        "full-doc the whole text",
    )
    parser.add_argument(
        "--child-tokens",
        metavar="N",
        help="longest part that a passage is found by; default: 200 tokens",
    )
    parser.add_argument("--child-separator", help="cut passages into parts wherever this stands")


def import_options(given: Mapping[str, Any]) -> ImportOptions:
    """The options that were given.

    Raises:
        OptionRefused: one cannot be used.
    """
    return ImportOptions.from_fields({name: given[name] for name in FIELDS})


def given_files(given: object) -> list[Path]:
    """The files that were named; a program may name one alone, and none at all."""
    if given is None:
        return []
    named = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [Path(str(each)) for each in named]


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False too for a path that no system takes."""
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir raises for a name that is too long


def check_arguments(options: Mapping[str, Any]) -> None:
    """Refuse what makes no whole order.

    Raises:
        CommandError: a part is missing, or two do not go together.
    """
    files: Sequence[Path] = options["file"]
    is_one = len(files) == 1 and not is_folder(files[0])
    lacks_place = not files or options["dataset"] is None
    lacks_place |= is_one and options["document"] is None
    if options["follow"]:
        if files or options["background"]:
            raise CommandError("--follow watches an existing import: leave the file out.")
    elif lacks_place:
        raise CommandError("Give the file, --dataset and --document, or --follow ID.")
    if not is_one and options["report"]:
        raise CommandError("--report takes one file at a time: import the others on their own.")
    if not is_one and options["document"] and options["mode"] in MODES_OF_ONE:
        raise CommandError(
            f"--mode {options['mode']} into one document would remove what the file before it "
            "brought. Leave --document out: each file gets a document of its own name."
        )
    if options["background"] and (options["dry_run"] or options["report"]):
        raise CommandError(
            "--background does not work with --dry-run or --report. The bad rows "
            "are on the import's page and in the API."
        )
