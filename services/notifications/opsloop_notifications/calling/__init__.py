"""Calling: what waits to be said through channels is said, and what providers answer is judged."""
