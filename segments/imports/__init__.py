"""The one import: rows → validation → tokens → staging → embedding → publishing."""
