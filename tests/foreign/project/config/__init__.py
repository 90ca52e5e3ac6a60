"""The project, named as many are."""
