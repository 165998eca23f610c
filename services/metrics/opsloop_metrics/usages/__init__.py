"""Usage: which part of the active people uses a feature, how often, and how many features they use (docs/insights.md §12)."""
