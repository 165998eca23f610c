"""Retention: of those who began in an interval, how many came back in later ones (docs/insights.md §5)."""
