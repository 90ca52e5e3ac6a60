"""What the OpenAPI schema says that no view does."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from segments.api.auth import SCHEME, BearerAuthentication


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the keys; found by drf-spectacular when it is imported."""

    target_class = BearerAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """An OpenAPI security scheme."""
        return {"type": "http", "scheme": SCHEME}
