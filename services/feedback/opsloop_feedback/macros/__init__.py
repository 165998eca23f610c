"""Macros: a reply, a note, labels, a state and hands to be in, all at once or none of it."""
