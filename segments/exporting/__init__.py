"""The way back out: segments, templates and bad rows, as files that can come in again."""
