"""The REST API at /v1/: one module per noun; views are thin, services do the work."""
