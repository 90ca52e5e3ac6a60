"""Several hosts, each a network namespace: how fast, and what a broken network does."""
