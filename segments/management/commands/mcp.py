"""`manage.py mcp`: the Model Context Protocol on standard input and output."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segments.agents import server_for
from segments.services.api_keys import find_api_key


class Command(BaseCommand):
    """Serves one program on this machine, which starts it, with what an API key may."""

    help = "Serve language models on standard input and output, with what an API key may."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the key is; arguments themselves are seen by everybody on the machine."""
        parser.add_argument(
            "--key-file", type=Path, required=True, help="a file that holds the API key"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until the input ends.

        Raises:
            CommandError: the file cannot be read, or its key not be used.
        """
        path: Path = options["key_file"]
        try:
            text = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as trouble:
            raise CommandError(f"{path} cannot be read: {trouble}") from trouble
        key = find_api_key(text)
        if key is None:
            raise CommandError(
                f"{path} holds no API key that can be used. Make one with create_api_key, and "
                "write it into the file."
            )
        server_for(key).run("stdio")
