"""The entry point for a production ASGI server."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

from segments.services.previews import aside  # noqa: E402  (after the setup)

aside.use()
