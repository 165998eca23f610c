"""Attribution: which visits get the credit for a conversion (docs/insights.md §10)."""
