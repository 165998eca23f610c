"""Breakdown: a table of values and of whom they were seen with (docs/insights.md §11)."""
