"""System checks: a wrong setting is refused at start, with what to set instead."""
