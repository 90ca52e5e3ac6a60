"""Who owns what is being filled: tenants, members, datasets, documents. Knows no segments."""
