"""Persons: the ids they go by, what is known of them, who turned out to be one, and their erasure."""
