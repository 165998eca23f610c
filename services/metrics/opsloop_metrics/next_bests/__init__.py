"""Next best: what goes with what somebody uses, from what people use together (docs/insights.md §14)."""
