"""Injected faults: at every statement, file access and model call that an import makes."""
