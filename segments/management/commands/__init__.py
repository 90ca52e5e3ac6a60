"""One file per command; each calls `segments.services` or `segments.search`."""
