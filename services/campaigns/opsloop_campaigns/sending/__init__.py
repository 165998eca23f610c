"""Sending: what a launched campaign says goes out to its people, and what became of each is told."""
