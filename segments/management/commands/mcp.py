"""`manage.py mcp`: the Model Context Protocol on standard input and output."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segments.services.agents import server_for
from segments.services.api_keys import find_api_key

VARIABLE = "SEGMILL_API_KEY"


class Command(BaseCommand):
    """Serves one program on this machine, which starts it, with what an API key may."""

    help = f"Serve language models on standard input and output; {VARIABLE} has the API key."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The key is not among them: everybody on the machine sees those."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until the input ends.

        Raises:
            CommandError: there is no key, or it cannot be used.
        """
        key = find_api_key(os.environ.get(VARIABLE, ""))
        if key is None:
            raise CommandError(
                f"{VARIABLE} holds no API key that can be used. Make one with create_api_key, and "
                "put it into the environment."
            )
        server_for(key).run("stdio")
