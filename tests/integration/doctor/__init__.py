"""The doctor: each check with what it finds when the thing is broken, and what it mends."""
