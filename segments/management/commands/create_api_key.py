"""`manage.py create_api_key --tenant NAME`: a new API key, alone on standard output."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.lookup import find_tenant
from datasets.models import Tenant
from segments.services.api_keys import create_api_key


class Command(BaseCommand):
    """Makes a key and prints it, this once, so that a script can read it."""

    help = "Create an API key for a tenant and print it. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For whom, and what to call it."""
        parser.add_argument("--tenant", required=True, help="the tenant's name")
        parser.add_argument("--name", default="command line", help="default: %(default)s")
        parser.add_argument(
            "--create-tenant", action="store_true", help="create the tenant if it does not exist"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the key.

        Raises:
            TenantNotFound: there is no such tenant, and none shall be made.
        """
        name = options["tenant"]
        if not name.strip():
            raise CommandError("The tenant's name is blank. Use --tenant NAME.")
        if options["create_tenant"]:
            tenant, _ = Tenant.objects.get_or_create(name=name)
        else:
            tenant = find_tenant(name)
        _, text = create_api_key(tenant, options["name"])
        self.stdout.write(text)
