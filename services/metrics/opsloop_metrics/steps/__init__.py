"""What a funnel asks: steps, what must not lie between them, and which of it makes sense (docs/insights.md §4)."""
