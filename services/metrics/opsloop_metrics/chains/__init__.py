"""The exact pass of funnels: how one person comes through the steps (docs/insights.md §4)."""
