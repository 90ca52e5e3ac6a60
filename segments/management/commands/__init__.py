"""One file per command; each is a thin door to `segments.services` or `segments.search`."""
