"""One module per kind of embedding model."""
