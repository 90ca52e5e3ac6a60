"""One file per format or wrapping of a file; `importing.rows` puts them in their order."""
