"""Vectors made anew while search goes on: for another model, or where they are missing."""
