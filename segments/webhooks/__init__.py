"""Webhooks: what happened is written with it, and sent by workers, as Standard Webhooks says."""
