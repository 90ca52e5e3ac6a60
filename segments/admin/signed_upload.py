"""An uploaded file on its way from the preview to the confirmation: a signed reference to it.

The file itself was stored by the first step; the browser carries only this text, which it can
neither change nor use for another document or as another user.
"""

from dataclasses import asdict
from uuid import UUID

from django.core import signing

from segments.exceptions import FileUnreadable
from segments.uploads import UPLOADED_FOR, StoredFile, is_stored

SALT = "segments.admin.upload"
# In place of a document, while it is still open where the file goes.
ANYWHERE = UUID(int=0)


def sign(stored: StoredFile, document_id: UUID, user_id: int) -> str:
    """A reference to `stored`, good for this document, this user and `UPLOADED_FOR`."""
    return signing.dumps(asdict(stored), salt=_salt(document_id, user_id), compress=True)


def unsign(reference: str, document_id: UUID, user_id: int) -> StoredFile:
    """The file that was signed.

    Raises:
        FileUnreadable: it was signed for somebody or something else, or is not stored any more.
    """
    try:
        fields = signing.loads(reference, salt=_salt(document_id, user_id), max_age=UPLOADED_FOR)
    except signing.BadSignature as bad:
        raise FileUnreadable("This upload has expired. Choose the file again.") from bad
    stored = StoredFile(**fields)
    if not is_stored(stored.key):
        raise FileUnreadable(f"{stored.name} is no longer stored. Choose the file again.")
    return stored


def _salt(document_id: UUID, user_id: int) -> str:
    return f"{SALT}:{document_id}:{user_id}"
