"""Plausible's wire: one event a request, of visitors who have no id."""
