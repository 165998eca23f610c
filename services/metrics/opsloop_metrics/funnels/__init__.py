"""Funnels: how many come how far on the way from a first step to a last, and in what time (docs/insights.md §4)."""
