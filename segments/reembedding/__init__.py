"""Re-embeds a dataset while search continues: for another model, or to fill in vectors."""
