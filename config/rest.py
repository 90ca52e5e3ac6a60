"""What REST framework and the description of the API are told: nothing of it depends on where."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_THROTTLE_CLASSES": ["segments.api.throttling.KeyThrottle"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["segments.api.auth.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["segments.api.auth.HasApiKey"],
    "DEFAULT_PARSER_CLASSES": ["segments.api.parsers.LimitedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "segments.api.parsers.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "segments.api.errors.answer_error",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Segmill",
    "DESCRIPTION": "Imports files of text segments into a searchable knowledge base.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The page's scripts come from a package, not from the network.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}
