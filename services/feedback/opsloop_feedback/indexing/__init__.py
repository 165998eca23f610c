"""Indexing: which posts a term leads to, and how rare it is."""
