"""One file per command; each is a thin door to `segments.services.imports` or `segments.search`."""
