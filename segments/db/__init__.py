"""PostgreSQL: binary COPY, pgvector, transactions, and errors in plain words."""
