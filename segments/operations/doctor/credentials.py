"""The stored keys of tenants' model providers, against the keys they are encrypted with."""

from collections.abc import Iterator

from django.db.models import QuerySet

from segments.embedding.credentials import is_current, renewed
from segments.exceptions import CredentialsUnreadable
from segments.models import ModelProvider
from segments.operations.doctor.check import Check, Problem


class CredentialsCheck(Check):
    """All of them can be read, with the first of the keys: older ones can be given up."""

    name = "credentials"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Those that cannot be read, and those that an older key is still needed for."""
        for provider in _with_credentials():
            try:
                if not is_current(provider.credentials):
                    yield Problem(
                        f"The key of provider “{provider}” is encrypted with an older key.",
                        "Run: manage.py doctor --repair; then the older key can be given up.",
                        can_wait=True,
                    )
            except CredentialsUnreadable as refusal:
                yield Problem(
                    f"The key of provider “{provider}” of tenant “{provider.tenant}”: {refusal}",
                    "Bring the old key back as the last of SEGMILL_CREDENTIALS_KEY (or of "
                    "SEGMILL_SECRET_KEY_FALLBACKS), or enter the provider's key again.",
                )

    def repair(self) -> Iterator[str]:
        """Encrypt with the first key what an older one has encrypted."""
        for provider in _with_credentials():
            try:
                if is_current(provider.credentials):
                    continue
                fresh = renewed(provider.credentials)
            except CredentialsUnreadable:
                continue
            same = ModelProvider.objects.filter(pk=provider.pk, credentials=provider.credentials)
            if same.update(credentials=fresh):
                yield f"The key of provider “{provider}” is encrypted with the current key."

    def summary(self) -> str:
        """How many there are."""
        return f"{_with_credentials().count():,} keys of providers can be read"


def _with_credentials() -> QuerySet[ModelProvider]:
    return ModelProvider.objects.exclude(credentials="").select_related("tenant")
