"""Churn: what those who left had answered, against those who stayed (docs/insights.md §13)."""
