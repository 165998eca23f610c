"""Annotations: what happened when, for those who look at lines over time."""
