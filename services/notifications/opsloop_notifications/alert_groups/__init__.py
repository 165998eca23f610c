"""Alerts that are told together: which receiver, when, and when again."""
