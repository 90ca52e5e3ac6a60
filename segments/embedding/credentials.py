"""Endpoint keys, encrypted in the database: a dump alone does not reveal them.

Encryption is Fernet (AES-128-CBC with HMAC-SHA-256) from the package `cryptography`. The first
key of `SEGMILL_CREDENTIALS_KEY` encrypts, all of them decrypt; without that setting, keys are
derived from Django's secret key and its fallbacks.
"""

import base64
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

from segments.exceptions import CredentialsUnreadable

PURPOSE = b"segmill credentials of model providers"
KEY_BYTES = 32


class Secret:
    """A credential that only `reveal` shows: no repr, log or traceback contains it."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)" if self._value else "Secret()"

    def __reduce__(self) -> Any:
        raise TypeError("A secret must not be pickled.")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def encrypt(secret: str) -> str:
    """`secret`, encrypted for storage; empty stays empty."""
    return _box().encrypt(secret.encode()).decode() if secret else ""


def decrypt(stored: str) -> Secret:
    """What `encrypt` was given.

    Raises:
        CredentialsUnreadable: the keys have changed since.
    """
    if not stored:
        return Secret()
    try:
        return Secret(_box().decrypt(stored).decode())
    except InvalidToken:
        raise CredentialsUnreadable(
            "The provider's key can no longer be read: SEGMILL_CREDENTIALS_KEY or the secret "
            "key has changed. Enter the provider's key again."
        ) from None


def renewed(stored: str) -> str:
    """The same secret, encrypted with the first key, so that the others can be retired.

    Raises:
        CredentialsUnreadable: the keys have changed since.
    """
    return encrypt(decrypt(stored).reveal())


def is_current(stored: str) -> bool:
    """Whether it is encrypted with the first key, so that the others are not needed for it.

    Raises:
        CredentialsUnreadable: none of the keys decrypts it.
    """
    try:
        _keys()[0].decrypt(stored)
    except InvalidToken:
        decrypt(stored)
        return False
    return True


def _box() -> MultiFernet:
    return MultiFernet(_keys())


def _keys() -> list[Fernet]:
    chosen = settings.SEGMILL_CREDENTIALS_KEY
    sources: Sequence[str | bytes] = chosen or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [Fernet(_derived(force_bytes(source))) for source in sources]


def _derived(source: bytes) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
    return base64.urlsafe_b64encode(derivation.derive(source))
