"""Users of the project's own."""
