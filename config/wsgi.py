"""The entry point for a production WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from segments.services.previews import aside  # noqa: E402  (after the setup)

aside.use()
