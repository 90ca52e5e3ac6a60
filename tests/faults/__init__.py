"""Faults on purpose: at every statement, file access and model call that an import makes."""
