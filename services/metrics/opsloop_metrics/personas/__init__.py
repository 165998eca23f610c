"""Personas: what the people of a segment are like, in words, each change a version."""
