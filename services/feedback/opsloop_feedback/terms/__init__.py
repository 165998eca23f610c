"""Terms: what index and query make of a text, by the same rules."""
