"""Somebody else's project, which Segmill is installed into as a package."""
