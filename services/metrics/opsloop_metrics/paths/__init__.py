"""Paths: what follows what within sessions (docs/insights.md §8)."""
