"""Rebuilds the full text of a dataset for another language: a kind of job."""
