"""Routing rules: which team and who gets a post that comes in, and where it goes when nobody answers."""
