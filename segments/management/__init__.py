"""Commands for people and their scripts."""
