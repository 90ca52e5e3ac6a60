"""The REST API with a real PostgreSQL, through Django's test client."""
