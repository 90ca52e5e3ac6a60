"""Bearer keys: who asks, and for which tenant."""

from typing import TYPE_CHECKING, cast

from django.contrib.auth.models import AnonymousUser, User
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from segments.models import ApiKey
from segments.services.api_keys import find_api_key, record_use

if TYPE_CHECKING:  # REST framework's views import this module, by its name in the settings
    from rest_framework.views import APIView

SCHEME = "bearer"


def bearer_key(header: str | None) -> str:
    """The key in an `Authorization` header.

    Raises:
        AuthenticationFailed: there is none, or of another scheme.
    """
    scheme, _, key = (header or "").strip().partition(" ")
    if not key.strip():
        raise AuthenticationFailed("Authorization header must be provided and start with 'Bearer'")
    if scheme.lower() != SCHEME:
        raise AuthenticationFailed("Authorization scheme must be 'Bearer'")
    return key.strip()


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`: `request.auth` is the ApiKey, `request.user` its maker."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, ApiKey]:
        """Who asks.

        Raises:
            AuthenticationFailed: the header is missing, malformed, or its key unknown or revoked.
        """
        key = find_api_key(bearer_key(request.headers.get("Authorization")))
        if key is None:
            raise AuthenticationFailed("Access token is invalid")
        record_use(key)
        # Read only where somebody looks at it: searches do not.
        user = SimpleLazyObject(lambda: key.created_by or AnonymousUser())
        return cast("User | AnonymousUser", user), key

    def authenticate_header(self, request: Request) -> str:
        """What a refusal asks for."""
        return 'Bearer realm="api"'


class HasApiKey(BasePermission):
    """Every request acts for a tenant, and changes something only with a key that may.

    A view whose POST changes nothing says so by `only_reads`.
    """

    message = "This key may only read and search. Use one that may change things, too."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether a key was shown that may do this."""
        if not isinstance(request.auth, ApiKey):
            return False
        is_reading = request.method in SAFE_METHODS or getattr(view, "only_reads", False)
        return is_reading or request.auth.may_write
