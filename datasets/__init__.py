"""Tenants, members, datasets and documents: who owns what imports fill. Knows no segments."""
