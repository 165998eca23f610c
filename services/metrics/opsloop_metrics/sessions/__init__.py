"""Sessions: what somebody did in one go (docs/insights.md §9)."""
