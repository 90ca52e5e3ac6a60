"""The use cases that the admin, the REST API, the commands and programs call."""
