"""PostgreSQL: binary COPY, pgvector, transactions, and error messages."""
