"""`manage.py create_api_key --tenant NAME`: a new API key, alone on standard output."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from datasets.lookup import find_dataset, find_tenant
from datasets.models import Tenant
from segments.models import ApiKey
from segments.services.api_keys import create_api_key

MOST_DAYS = 36_500


class Command(BaseCommand):
    """Makes a key and prints it, this once, so that a script can read it."""

    help = "Create an API key for a tenant and print it. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For whom, and what to call it."""
        parser.add_argument("--tenant", required=True, help="the tenant's name")
        parser.add_argument("--name", default="command line", help="default: %(default)s")
        parser.add_argument("--read-only", action="store_true", help="it may not change anything")
        parser.add_argument("--dataset", help="the only dataset it is for; default: all")
        parser.add_argument("--days", type=int, help="it expires after so many; default: never")
        parser.add_argument(
            "--create-tenant", action="store_true", help="create the tenant if it does not exist"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the key.

        Raises:
            TenantNotFound: there is no such tenant, and none shall be made.
            DatasetNotFound: it has no such dataset.
            CommandError: a name or number cannot be used.
        """
        name = options["tenant"]
        if not name.strip():
            raise CommandError("The tenant's name is blank. Use --tenant NAME.")
        days, dataset = options["days"], options["dataset"]
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days is {days}. Choose a number from 1 to {MOST_DAYS:,}.")
        if options["create_tenant"]:
            tenant, _ = Tenant.objects.get_or_create(name=name)
        else:
            tenant = find_tenant(name)
        _, text = create_api_key(
            tenant,
            options["name"],
            scope=ApiKey.Scope.READ if options["read_only"] else ApiKey.Scope.WRITE,
            dataset=find_dataset(tenant, dataset) if dataset else None,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        self.stdout.write(text)
