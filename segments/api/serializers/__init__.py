"""The shapes of bodies and answers; nothing happens here."""
