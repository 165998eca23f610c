"""Arrivals: what is done about a new post once it is taken in."""
