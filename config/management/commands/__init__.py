"""Commands of the installation, by the name of their module."""
