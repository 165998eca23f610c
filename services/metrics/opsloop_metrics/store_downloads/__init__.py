"""Downloads of apps as their stores report them, day by day (docs/insights.md §15)."""
