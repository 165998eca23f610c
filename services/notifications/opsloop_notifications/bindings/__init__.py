"""Endpoints that are bound to one source: a partner hears how far its own posts are, and nothing else."""
